"""Shell completion with argcomplete: completers for files, saved queries, archives, profiles and parameters.

`main` calls it instead of a command when a shell requests completion. It reads files but contacts no archive.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import argcomplete
from argcomplete.shell_integration import shellcode

from auroraql.config import query_folders, read_config
from auroraql.diagnostics.errors import AuroraQLError, Source
from auroraql.engines.registry import ENGINES
from auroraql.queries import SUFFIX, SavedQuery, find_queries, find_query
from auroraql.queries.parameter_completion import describe_parameters, parameter_values


def completion_script(shell: str) -> str:
    """Return the script that enables completion in a shell."""
    return str(shellcode(["auroraql"], shell=shell))


def complete_arguments(parser: argparse.ArgumentParser) -> None:
    """Print the completions for the shell and exit."""
    _attach_completers(parser)
    argcomplete.autocomplete(parser, always_complete_options=False)


def _attach_completers(parser: argparse.ArgumentParser) -> None:
    """Attach a completer to each argument of the parser and of its commands."""
    for action in parser._actions:  # argparse has no public access to the actions
        if isinstance(action, argparse._SubParsersAction):
            for command in {id(subparser): subparser for subparser in action.choices.values()}.values():
                _attach_completers(command)
        elif action.dest in _COMPLETERS and action.choices is None:
            action.completer = _COMPLETERS[action.dest]  # type: ignore[attr-defined]


def _statement_files(prefix: str, **_rest: Any) -> Iterator[str]:
    """Return the statement files that match a prefix."""
    return _paths_with_suffix(prefix, SUFFIX)


def _paths_with_suffix(prefix: str, suffix: str) -> Iterator[str]:
    """Yield the files with a suffix that match a prefix, and matching folders."""
    folder, name = os.path.split(prefix)
    directory = Path(folder).expanduser() if folder else Path()
    try:
        paths = sorted(directory.iterdir())
    except OSError:
        return
    for path in paths:
        if path.name.startswith(name) and (name.startswith(".") or not path.name.startswith(".")):
            if path.is_dir():
                yield os.path.join(folder, path.name, "")  # noqa: PTH118 - as it was typed
            elif path.suffix == suffix:
                yield os.path.join(folder, path.name)  # noqa: PTH118


def _files_and_queries(prefix: str, parsed_args: argparse.Namespace, **rest: Any) -> dict[str, str]:
    """Return files and, for commands that take them, saved queries with their descriptions."""
    files = _statement_files(prefix, **rest)
    if getattr(parsed_args, "command", None) not in ("run", "download"):
        return dict.fromkeys(files, "")
    queries = {query.name: query.header.description for query in _query_names(parsed_args)}
    # A query is offered by name. Its file is offered once the name is typed in full.
    return queries | {file: "" for file in files if file.removesuffix(SUFFIX) not in queries or prefix in queries}


def _archive_names(prefix: str, **_rest: Any) -> dict[str, str]:
    """Return the built-in archives, those of the profiles, and catalogue files, with descriptions."""
    archives = {engine.name: engine.doc for engine in ENGINES if engine.name}
    with suppress(AuroraQLError):
        for name, settings in read_config(os.environ).file.profiles.items():
            if "archive" in settings:
                archives[str(settings["archive"].value)] = f"profile {name}"
    for engine in ENGINES:
        if engine.suffix:
            archives |= dict.fromkeys(_paths_with_suffix(prefix, engine.suffix), engine.doc)
    return archives


def _profile_names(**_rest: Any) -> list[str]:
    try:
        return list(read_config({**os.environ, "AURORAQL_PROFILE": ""}).file.profiles)
    except AuroraQLError:
        return []


def _parameter_candidates(prefix: str, parsed_args: argparse.Namespace, **_rest: Any) -> dict[str, str]:
    """Return the parameters of the named scripts or, after `=`, the values of one parameter."""
    sources = list(_named_sources(parsed_args))
    name, equals, value = prefix.partition("=")
    candidates: dict[str, str] = {}
    for source in sources:
        for parameter in describe_parameters(source):
            if not equals:
                candidates[f"{parameter.name}="] = parameter.doc
            elif parameter.name == name:
                values = parameter_values(source, name).items()
                candidates |= {f"{name}={word}": doc for word, doc in values if word.startswith(value)}
    return candidates


def _named_sources(parsed_args: argparse.Namespace) -> Iterator[Source]:
    """Yield the scripts named on the command line so far."""
    named = getattr(parsed_args, "files", None) or getattr(parsed_args, "file", None) or []
    for name in [named] if isinstance(named, str) else named:
        try:
            yield Source(Path(name).read_text("utf-8-sig"), name)
        except (OSError, ValueError):
            query = find_query(name, query_folders(read_config(os.environ))) if Path(name).name == name else None
            if query is not None:
                yield query.source
    if getattr(parsed_args, "text", None):
        yield Source(parsed_args.text)


def _query_names(_parsed_args: argparse.Namespace) -> list[SavedQuery]:
    try:
        return find_queries(query_folders(read_config(os.environ)))
    except AuroraQLError:
        return []


_COMPLETERS: dict[str, Any] = {
    "files": _files_and_queries,
    "file": _files_and_queries,
    "archive": _archive_names,
    "profile": _profile_names,
    "param": _parameter_candidates,
}
