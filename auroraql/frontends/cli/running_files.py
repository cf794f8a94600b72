"""`auroraql run`: files and saved queries by their names, and what saved queries there are."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from auroraql.errors import Source, UsageError
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import parameters, take_values
from auroraql.frontends.cli.exits import DONE
from auroraql.frontends.cli.searching import is_colored, run, show
from auroraql.frontends.cli.settling import query_folders, settled
from auroraql.output import render_grid
from auroraql.plan import Plan
from auroraql.query import Query
from auroraql.results import FetchedData, ResultColumn, ResultSet
from auroraql.saved import find_queries, find_query, query_rows, unknown_query_error, unreadable_query_error
from auroraql.schema import Type

_COLUMNS = tuple(
    ResultColumn(name, Type.STRING, path=(name,)) for name in ("name", "parameters", "description", "file")
)


def run_files(options: argparse.Namespace) -> int:
    """Runs what was named, or lists the saved queries; gives back the exit code. Raises AuroraQLError."""
    take_values(options)
    if options.lists:
        return _list(options)
    if not options.files:
        raise UsageError("run needs a file or a saved query", "auroraql run --list lists the saved queries")
    folders = query_folders(settled(options))
    return run(options, [source_called(name, folders) for name in options.files], parameters(options))


def source_called(name: str, folders: tuple[Path, ...]) -> Source:
    """The statements of a file, or of the saved query that a name is of where there is no file. Raises UsageError."""
    is_file = name == "-" or _is_there(name)
    plain = name != "-" and "\0" not in name and Path(name).name == name
    query = find_query(name, folders) if plain else None
    if not is_file and query is not None:
        return Source(query.source.text, str(query.path))
    if not is_file and plain and not Path(name).suffix and not Path(name).is_dir():
        broken = unreadable_query_error(name, folders)
        if broken is not None:
            raise broken
        missing = unknown_query_error(name, folders)
        raise UsageError(f"{missing.message}, and no file", f"{missing.hint}; auroraql run --list lists the queries")
    if query is not None and query.path.resolve() != Path(name).resolve():
        streams.say(f"{name} is a file here and a saved query: the file is run; the query is {query.path}")
    return streams.read(name)


def _is_there(name: str) -> bool:
    """Whether it is a file, a pipe or the like, and no folder."""
    try:
        return Path(name).exists() and not Path(name).is_dir()
    except (OSError, ValueError):
        return False


def _list(options: argparse.Namespace) -> int:
    config = settled(options)
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
            render_grid([column.name for column in _COLUMNS], query_rows(queries), width, color=is_colored(config)),
            end="",
        )
    else:
        plan = Plan(Query("", select=()), ())
        result = ResultSet(plan, FetchedData(rows=query_rows(queries)), archive="", elapsed=0, columns=_COLUMNS)
        show(result, config.format, config)
    if not queries:
        streams.say(f"there is no saved query here or in {folders[1]}")
    return DONE
