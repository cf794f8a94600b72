"""`auroraql download`: run the statement of a file, and download the files of its result."""

from __future__ import annotations

import argparse
import sys

from auroraql.codecs.script import read_script
from auroraql.config import effective_config, query_folders
from auroraql.diagnostics.errors import Source, UsageError, make_visible
from auroraql.downloads.downloader import check_downloadable
from auroraql.downloads.report import Report
from auroraql.engines.registry import find_engine
from auroraql.frontends.cli.arguments import bind_script_parameters, parse_parameters
from auroraql.frontends.cli.commands.run_files import resolve_source
from auroraql.frontends.cli.commands.statements import InterruptHandler, is_shown, open_archive_from_config
from auroraql.frontends.cli.streams import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, print_error, print_notice
from auroraql.frontends.shared.download_progress import download_status_line
from auroraql.results.result_set import ResultSet
from auroraql.session.archive import Archive


def download_files(options: argparse.Namespace) -> int:
    """Download the files of a statement's result. Return the exit code: 1 if a file failed. Raises AuroraQLError."""
    config = effective_config(options)
    if (options.text is None) == (options.file is None):
        raise UsageError("download takes one file of statements", "give it with -c, as a file, or - for standard input")
    source = Source(options.text) if options.text is not None else resolve_source(options.file, query_folders(config))
    _check_one_result(source)
    values = bind_script_parameters([source], parse_parameters(options))
    check_downloadable(find_engine(config.archive).is_demonstration)  # before it is opened, which may take long
    for warning in config.warnings:
        print_notice(warning)
    archive = open_archive_from_config(config)
    with archive, InterruptHandler(archive).detaching_jobs():
        check_downloadable(archive.demonstration)
        result = _run(archive, source, values)
    return _download(result, options)


def _check_one_result(source: Source) -> None:
    """Raise UsageError unless exactly one statement has a result to download. LET and SET may come before it."""
    if sum(is_shown(piece.statement) for piece in read_script(source)) != 1:
        raise UsageError(
            "download takes the result of one statement",
            "keep the other results with LET, or run the statements one by one",
        )


def _run(archive: Archive, source: Source, values: dict[str, object]) -> ResultSet:
    results = [result for result in archive.run_script(source, **values) if not result.note]
    if len(results) != 1:
        raise UsageError("the statement has no result to download", "write a FIND that selects url")
    return results[0]


def _download(result: ResultSet, options: argparse.Namespace) -> int:
    try:
        report = result.download(
            options.to,
            at_once=options.at_once,
            name=options.name,
            verify=bool(options.verify),
            dry_run=bool(options.dry_run),
            on_progress=download_status_line(sys.stderr),
        )
    except KeyboardInterrupt:
        print_error("interrupted; the same command continues the download")
        return EXIT_INTERRUPTED
    print_planned(report)
    if report.failed:
        print_error(report.describe_failures())
    print_notice(report.summary())
    return EXIT_FAILED if report.failed else EXIT_OK


def print_planned(report: Report) -> None:
    """Print the files of a dry run: what would be done, the path, and the URL, with tabs between them."""
    for file in report.planned:
        print(f"{file.action}\t{make_visible(str(file.path))}\t{make_visible(file.url)}")
