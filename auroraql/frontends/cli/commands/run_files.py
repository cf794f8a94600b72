"""`auroraql run`: run files and saved queries, or list the saved queries."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from auroraql.config import effective_config, query_folders
from auroraql.diagnostics.errors import Source, UsageError
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import move_parameter_values, parse_parameters
from auroraql.frontends.cli.commands.statements import run_scripts, show_result, use_color
from auroraql.frontends.cli.streams import EXIT_OK
from auroraql.queries import find_queries, find_query, query_rows, unknown_query_error, unreadable_query_error
from auroraql.rendering import render_grid
from auroraql.results.result_set import FetchedData, Listing, ResultColumn, ResultSet
from auroraql.schema import Type

_COLUMNS = tuple(
    ResultColumn(name, Type.STRING, path=(name,)) for name in ("name", "parameters", "description", "file")
)


def run_files(options: argparse.Namespace) -> int:
    """Run the named files and queries, or list the saved queries. Return the exit code. Raises AuroraQLError."""
    move_parameter_values(options)
    if options.lists:
        return _list_queries(options)
    if not options.files:
        raise UsageError("run needs a file or a saved query", "auroraql run --list lists the saved queries")
    folders = query_folders(effective_config(options))
    return run_scripts(options, [resolve_source(name, folders) for name in options.files], parse_parameters(options))


def resolve_source(name: str, folders: tuple[Path, ...]) -> Source:
    """Return the statements of a file or, if there is no such file, of a saved query. Raises UsageError."""
    is_file = name == "-" or _is_readable_file(name)
    plain = name != "-" and "\0" not in name and Path(name).name == name
    query = find_query(name, folders) if plain else None
    if not is_file and query is not None:
        return Source(query.source.text, str(query.path))
    if not is_file and plain and not Path(name).suffix and not Path(name).is_dir():
        broken = unreadable_query_error(name, folders)
        if broken is not None:
            raise broken
        missing = unknown_query_error(name, folders)
        raise UsageError(
            f"'{name}' is neither a file nor a saved query",
            f"{missing.hint}; auroraql run --list lists the queries",
        )
    if query is not None and query.path.resolve() != Path(name).resolve():
        streams.print_notice(f"{name} is both a file and a saved query; the file is run. The query is {query.path}")
    return streams.read_input(name)


def _is_readable_file(name: str) -> bool:
    """Return whether a path exists and is not a folder: a file, a pipe or similar."""
    try:
        return Path(name).exists() and not Path(name).is_dir()
    except (OSError, ValueError):
        return False


def _list_queries(options: argparse.Namespace) -> int:
    config = effective_config(options)
    folders = query_folders(config)
    queries = find_queries(folders)
    if options.files:
        named = [find_query(name, folders) for name in options.files]
        for name, query in zip(options.files, named, strict=True):
            if query is None:
                raise unreadable_query_error(name, folders) or unknown_query_error(name, folders)
        queries = [query for query in named if query is not None]
    if config.format == "table":
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(
            render_grid([column.name for column in _COLUMNS], query_rows(queries), width, color=use_color(config)),
            end="",
        )
    else:
        result = ResultSet(Listing(), FetchedData(rows=query_rows(queries)), archive="", elapsed=0, columns=_COLUMNS)
        show_result(result, config.format, config)
    if not queries:
        streams.print_notice(f"there are no saved queries here or in {folders[1]}")
    return EXIT_OK
