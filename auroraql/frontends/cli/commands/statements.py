"""Running of scripts on the command line. Results are shown or written to a file.

The first Ctrl-C cancels the running searches and waits for that; a second one exits. The request IDs of every search
that may still run on an archive are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from auroraql.codecs.script import read_script
from auroraql.config import Config, effective_config
from auroraql.diagnostics.errors import ArchiveError, AuroraQLError, Source, TimedOut, Unreachable, UsageError, render
from auroraql.engines.base import OnProgress
from auroraql.frontends.cli.arguments import bind_script_parameters
from auroraql.frontends.cli.streams import EXIT_OK, exit_code, print_error, print_notice
from auroraql.frontends.shared.exit_summary import exit_summary
from auroraql.language.ast import JobStatement, LetStatement, SetStatement, Statement
from auroraql.rendering import (
    FORMATS,
    check_writable,
    format_footer,
    get_format,
    should_color,
    supports_blocks,
    write_chunks,
    write_result,
)
from auroraql.rendering.files import check_target
from auroraql.rendering.text_output import RenderOptions
from auroraql.results.result_set import ResultSet
from auroraql.session.archive import Archive, connect
from auroraql.session.jobs import Search

Outcome = ResultSet | AuroraQLError
"""Result or error of a statement."""


def run_scripts(options: argparse.Namespace, sources: list[Source], given: Mapping[str, Sequence[str]]) -> int:
    """Run scripts one after the other and return the exit code.

    All scripts are checked before anything runs, and the first failure ends the run: raises AuroraQLError. With
    --keep-going, statements with errors are reported and the rest runs.
    """
    _check_targets(options, sources)
    values = bind_script_parameters(sources, given)
    config = effective_config(options)
    for warning in config.warnings:
        print_notice(warning)
    if options.output is None and options.report is None and not options.plot:
        _check_single_document(config.format, sources)
    archive = open_archive_from_config(config, verbose=bool(options.verbose))
    if options.limit is not None:
        archive.limit_rows(options.limit + 1)  # one more row shows whether any are left out
    with archive, InterruptHandler(archive).detaching_jobs():
        outcomes = _run_each(archive, sources, values, keep_going=bool(options.keep_going))
        if options.report is not None:
            return _write_report(outcomes, options, sources)
        return _write_outputs(archive, outcomes, options, config)


def _check_targets(options: argparse.Namespace, sources: list[Source]) -> None:
    """Raise UsageError, before any search, for files that cannot be written or cannot hold the results."""
    if options.report is not None:
        for option in ("output", "format", "plot"):
            if getattr(options, option) is not None:
                raise UsageError(f"--report cannot be combined with --{option}", "run the statements twice, or use one")
        check_writable(options.report, "html")
    if options.output is not None:
        _check_target(Path(options.output), options)
        _check_one_result(sources, "--output")


def _write_outputs(archive: Archive, outcomes: Iterator[Outcome], options: argparse.Namespace, config: Config) -> int:
    """Show or write each result, report errors, and return the exit code."""
    code, first_format = EXIT_OK, ""
    for outcome in outcomes:
        if isinstance(outcome, ResultSet) and options.plot and not outcome.is_report and not outcome.note:
            _draw_picture(archive, outcome, options, config)
        elif isinstance(outcome, ResultSet):
            first_format = _choose_second_format(first_format, outcome, archive.settings.format)
            _write_output(outcome, options, first_format, config)
        else:
            print_error(str(outcome))
            code = code or exit_code(outcome)
    return code


def _write_report(outcomes: Iterator[Outcome], options: argparse.Namespace, sources: Sequence[Source]) -> int:
    """Write a page with all results and errors, and return the exit code. An exception leaves an old file as it was."""
    from auroraql.rendering.report.page import render_report  # imported here: few runs write a report

    codes = [EXIT_OK]

    def shown_outcomes() -> Iterator[Outcome]:
        for outcome in outcomes:
            if isinstance(outcome, ResultSet):
                written = _limit_rows(outcome, options)
                print_notice(outcome.note or f"{Path(options.report)}: {format_footer(written)}")
                _report_limit(outcome, written, options)
                yield written
            else:
                print_error(str(outcome))
                codes.append(exit_code(outcome))
                yield outcome

    names = [source.name for source in sources if source.name and not source.name.startswith("<")]
    title = ", ".join(Path(name).name for name in names) or "AuroraQL report"
    write_chunks(options.report, render_report(shown_outcomes(), title))
    return next(filter(None, codes), EXIT_OK)


def _run_each(
    archive: Archive, sources: Sequence[Source], values: dict[str, object], *, keep_going: bool
) -> Iterator[Outcome]:
    if keep_going:
        return archive.run_each(*sources, **values)
    return archive.run_script(*sources, **values)


def _check_target(target: Path, options: argparse.Namespace) -> None:
    """Raise UsageError, before any search, for a file that cannot be written, or a picture that cannot be drawn."""
    if not options.plot:
        check_writable(target, options.format)
        return
    # Imported late: most commands draw no picture.
    from auroraql.pictures.picture import check_picture_file

    check_picture_file(target)
    check_target(target)


def _draw_picture(archive: Archive, result: ResultSet, options: argparse.Namespace, config: Config) -> None:
    """Draw a picture of a result on standard output, or write it to the output file."""
    drawn = _limit_rows(result, options)
    picture = archive.picture(drawn, options.plot)
    if options.output is not None:
        picture.save(options.output)
        print_notice(f"{Path(options.output)}: {picture.title}")
        _report_limit(result, drawn, options)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    screen = RenderOptions(
        width, terminal=width is not None, color=use_color(config), blocks=supports_blocks(sys.stdout)
    )
    for chunk in picture.render_text(screen):
        sys.stdout.write(chunk)
    print_notice(format_footer(drawn))
    _report_limit(result, drawn, options)


def _write_output(result: ResultSet, options: argparse.Namespace, shown_as: str, config: Config) -> None:
    """Show a result or write it to the output file, with at most --limit rows."""
    if result.note:
        print_notice(result.note)
        return
    written = _limit_rows(result, options)
    if options.output is None:
        show_result(written, shown_as, config)
        print_notice(format_footer(written))
    else:
        write_result(written, options.output, options.format)
        print_notice(f"{Path(options.output)}: {format_footer(written)}")
    _report_limit(result, written, options)


def _limit_rows(result: ResultSet, options: argparse.Namespace) -> ResultSet:
    """Return the rows of a result that --limit allows."""
    limit = None if result.is_report else options.limit
    return result if limit is None or len(result) <= limit else result.head(limit)


def _report_limit(result: ResultSet, written: ResultSet, options: argparse.Namespace) -> None:
    """Print how many rows are not written because of --limit."""
    if written is not result:
        total = f"{len(result):,}" if len(result) > len(written) + 1 else f"more than {len(written):,}"
        print_notice(f"{len(written):,} of {total} rows are written (--limit {options.limit})")


def _check_single_document(shown_as: str, sources: list[Source]) -> None:
    """Raise UsageError, before any search, for a format that standard output cannot take."""
    result_format = get_format(shown_as)
    if result_format.alternative and _count_results(sources) > 1:
        raise _several_results_error(shown_as)
    if result_format.render is None:
        if sys.stdout.isatty():
            raise UsageError(
                f"{shown_as} is a binary format, and a terminal cannot show it", "write it with --output FILE"
            )
        _check_one_result(sources, shown_as)


def _choose_second_format(first: str, result: ResultSet, shown_as: str) -> str:
    """Return the format of the next result after one in format `first`, which is empty for the first result.

    Raises UsageError if one of the two formats can hold only one result.
    """
    if result.note:
        return first
    whole = [
        name for name in (first, shown_as) if name and (get_format(name).render is None or get_format(name).alternative)
    ]
    if first and whole:
        raise _several_results_error(whole[0])
    return shown_as


def _check_one_result(sources: list[Source], holder: str) -> None:
    if _count_results(sources) != 1:
        raise _several_results_error(holder)


def _count_results(sources: list[Source]) -> int:
    return sum(is_shown(piece.statement) for source in sources for piece in read_script(source))


def _several_results_error(holder: str) -> UsageError:
    """Return the error for several results in a format that holds one."""
    instead = next((row.alternative for row in FORMATS.values() if row.name == holder), "")
    hint = (
        f"use --format {instead} for the results of several statements" if instead else "run the statements one by one"
    )
    return UsageError(f"{holder} holds the result of one statement", hint)


def is_shown(statement: Statement) -> bool:
    """Return whether a statement has a result to show."""
    return not isinstance(statement, LetStatement | SetStatement) and not (
        isinstance(statement, JobStatement) and statement.verb == "cancel"
    )


def open_archive_from_config(
    config: Config, say: Callable[[str], None] = print_notice, *, late: bool = False, verbose: bool = False
) -> Archive:
    """Open the archive of the configuration, with its result format.

    `say` receives notices about slow work, the warnings of statements and, with `verbose`, the steps of each search.
    With `late`, the archive is opened when records are first needed.
    """
    shown_as = get_format(config.format).name
    watch: OnProgress | None = None
    if not verbose and sys.stderr.isatty():  # the steps of the verbose mode replace the status line
        from auroraql.frontends.shared.progress import status_line

        watch = status_line(sys.stderr)
    archive = connect(
        config.archive,
        api_key=config.api_key,
        timeout=config.timeout,
        say=say,
        watch=watch,
        late=late,
        verbose=say if verbose else False,
    )
    archive.on_warning(lambda warnings, source: say(render(warnings, source)))
    archive.settings.set_front_end_format(format=shown_as)
    return archive


def use_color(config: Config) -> bool:
    """Return whether to colour standard output. `always` applies whether or not it is a terminal."""
    return config.color == "always" or (config.color == "auto" and should_color(sys.stdout, os.environ))


def show_result(result: ResultSet, shown_as: str, config: Config) -> None:
    """Write a result to standard output: all of it or, on a terminal, in pages that fit the screen."""
    result_format = get_format(shown_as)
    if not sys.stdout.isatty():
        sys.stdout.flush()
        if result_format.render is None:
            for piece in result_format.encode_result(result):
                sys.stdout.buffer.write(piece)
            return
        for chunk in result_format.render_screen(
            result, RenderOptions(color=use_color(config), blocks=supports_blocks(sys.stdout))
        ):
            sys.stdout.write(chunk)
        return
    # Imported here: pipes and files need no pager.
    from auroraql.frontends.shared.pager import choose_pager, max_page_lines, page_height, write_paged

    chosen = None if config.origins["pager"] == "default" else config.text("pager")
    screen = RenderOptions(
        shutil.get_terminal_size().columns,
        page_height(os.environ, chosen),
        terminal=True,
        color=use_color(config),
        blocks=supports_blocks(sys.stdout),
    )
    write_paged(
        sys.stdout,
        result_format.render_screen(result, screen),
        choose_pager(os.environ, chosen),
        lines=max_page_lines(),
    )


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
        if self._archive.submitted:
            for line in exit_summary(self._archive):
                print_notice(line)
