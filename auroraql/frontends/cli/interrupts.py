"""Ctrl-C on the command line. The first one cancels the running searches and waits for that; a second one exits.

The request IDs of every search that may still run on an archive are printed.
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
    """Cancels or reports the searches of an archive on exit."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._hurried = False
        """Whether Ctrl-C was pressed a second time."""
        archive.on_interrupt(lambda search: self._cancel_searches([search]))

    @contextmanager
    def detaching_jobs(self) -> Iterator[None]:
        """Leave submitted searches running when the script ends. Cancel them on Ctrl-C."""
        try:
            yield
        except AuroraQLError:
            self._report_exit()
            raise
        except KeyboardInterrupt:
            if not self._hurried:
                self._cancel_searches([search for search in self._archive.submitted.values() if not search.is_over])
            else:
                self._report_exit()
            raise
        self._report_exit()

    def _cancel_searches(self, searches: list[Search]) -> None:
        """Cancel searches. For each one that cannot be cancelled, print how to fetch its result."""
        not_cancelled: list[Search] = []
        for at, search in enumerate(searches):
            try:
                search.cancel()
            except (Unreachable, TimedOut):  # the archive would not answer for the others either
                not_cancelled += searches[at:]
                break
            except ArchiveError:
                not_cancelled.append(search)
            except KeyboardInterrupt:
                self._hurried = True
                self._report_detached([*not_cancelled, *searches[at:]])
                raise
        self._report_detached(not_cancelled)

    def _report_detached(self, searches: list[Search]) -> None:
        for request_id in (request_id for search in searches for request_id in search.request_ids):
            name = self._archive.name
            print_notice(
                f"{name} did not confirm that request {request_id} is cancelled; it may still run. To fetch its result:"
            )
            print_notice(f"  FETCH '{request_id}';")

    def _report_exit(self) -> None:
        for line in exit_summary(self._archive):
            print_notice(line)
