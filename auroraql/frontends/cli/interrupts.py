"""Ctrl-C while statements run on the command line: searches are cancelled, which is waited for; a second one leaves them.

Invariant: no search is left running on an archive without its request ids being said.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from auroraql.diagnostics.errors import ArchiveError, AuroraQLError, TimedOut, Unreachable
from auroraql.frontends.cli.streams import print_notice
from auroraql.frontends.shared.exit_summary import exit_summary
from auroraql.session.archive import Archive
from auroraql.session.jobs import Search


class InterruptHandler:
    """What becomes of the searches of one archive when it is left."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._hurried = False
        """Whether Ctrl-C came a second time."""
        archive.on_interrupt(lambda search: self._cancel_searches([search]))

    @contextmanager
    def detaching_jobs(self) -> Iterator[None]:
        """What was submitted goes on when the script is over, unless that is for Ctrl-C."""
        try:
            yield
        except AuroraQLError:
            self._report_exit()
            raise
        except KeyboardInterrupt:
            if not self._hurried:
                self._cancel_searches([each for each in self._archive.submitted.values() if not each.is_over])
            else:
                self._report_exit()
            raise
        self._report_exit()

    def _cancel_searches(self, searches: list[Search]) -> None:
        """Cancels searches; says of each that this does not succeed for how to come back to it."""
        left: list[Search] = []
        for at, search in enumerate(searches):
            try:
                search.cancel()
            except (Unreachable, TimedOut):  # nor would it answer for the others
                left += searches[at:]
                break
            except ArchiveError:
                left.append(search)
            except KeyboardInterrupt:
                self._hurried = True
                self._report_detached([*left, *searches[at:]])
                raise
        self._report_detached(left)

    def _report_detached(self, searches: list[Search]) -> None:
        for request_id in (each for search in searches for each in search.request_ids):
            name = self._archive.name
            print_notice(f"{name} has not said that request {request_id} is cancelled, so it may go on there:")
            print_notice(f"  FETCH '{request_id}';")

    def _report_exit(self) -> None:
        for line in exit_summary(self._archive):
            print_notice(line)
