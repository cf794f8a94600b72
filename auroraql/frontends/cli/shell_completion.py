"""What a shell completes behind `auroraql`: argcomplete asks the parser, and here what the parser does not know.

It is called in place of everything else when a shell asks (see `main`), reads files, and asks no archive.
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

from auroraql.config import read_config
from auroraql.diagnostics.errors import AuroraQLError, Source
from auroraql.engines.registry import ENGINES
from auroraql.frontends.shared.effective_config import query_folders
from auroraql.queries import SUFFIX, SavedQuery, find_queries, find_query
from auroraql.queries.parameter_completion import describe_parameters, parameter_values


def completion_script(shell: str) -> str:
    """What makes a shell ask."""
    return str(shellcode(["auroraql"], shell=shell))


def complete_arguments(parser: argparse.ArgumentParser) -> None:
    """Answers the shell, and ends the program."""
    _attach_completers(parser)
    argcomplete.autocomplete(parser, always_complete_options=False)


def _attach_completers(parser: argparse.ArgumentParser) -> None:
    """Tells each argument of the parser, and of its commands, who completes it."""
    for action in parser._actions:  # there is no public way to the actions
        if isinstance(action, argparse._SubParsersAction):
            for command in {id(each): each for each in action.choices.values()}.values():
                _attach_completers(command)
        elif action.dest in _COMPLETERS and action.choices is None:
            action.completer = _COMPLETERS[action.dest]  # type: ignore[attr-defined]


def _statement_files(prefix: str, **_rest: Any) -> Iterator[str]:
    """Files of statements."""
    return _paths_with_suffix(prefix, SUFFIX)


def _paths_with_suffix(prefix: str, suffix: str) -> Iterator[str]:
    """Files of a suffix, and the folders on the way to them."""
    folder, name = os.path.split(prefix)
    shown = Path(folder).expanduser() if folder else Path()
    try:
        found = sorted(shown.iterdir())
    except OSError:
        return
    for path in found:
        if path.name.startswith(name) and (name.startswith(".") or not path.name.startswith(".")):
            if path.is_dir():
                yield os.path.join(folder, path.name, "")  # noqa: PTH118 - as it was typed
            elif path.suffix == suffix:
                yield os.path.join(folder, path.name)  # noqa: PTH118


def _files_and_queries(prefix: str, parsed_args: argparse.Namespace, **rest: Any) -> dict[str, str]:
    """Files, and for `run` saved queries, with what they are."""
    files = _statement_files(prefix, **rest)
    if getattr(parsed_args, "command", None) != "run":
        return dict.fromkeys(files, "")
    queries = {query.name: query.header.description for query in _query_names(parsed_args)}
    # A query is offered by its name, and by that of its file to those who go on typing.
    return queries | {file: "" for file in files if file.removesuffix(SUFFIX) not in queries or prefix in queries}


def _archive_names(prefix: str, **_rest: Any) -> dict[str, str]:
    """The archives that have a name, those of the profiles, and catalogue files."""
    found = {engine.name: engine.doc for engine in ENGINES if engine.name}
    with suppress(AuroraQLError):
        for name, settings in read_config(os.environ).file.profiles.items():
            if "archive" in settings:
                found[str(settings["archive"].value)] = f"profile {name}"
    for engine in ENGINES:
        if engine.suffix:
            found |= dict.fromkeys(_paths_with_suffix(prefix, engine.suffix), engine.doc)
    return found


def _profile_names(**_rest: Any) -> list[str]:
    try:
        return list(read_config({**os.environ, "AURORAQL_PROFILE": ""}).file.profiles)
    except AuroraQLError:
        return []


def _parameter_candidates(prefix: str, parsed_args: argparse.Namespace, **_rest: Any) -> dict[str, str]:
    """The parameters of what is run, and behind `=` the values one may have."""
    sources = list(_named_sources(parsed_args))
    name, equals, value = prefix.partition("=")
    found: dict[str, str] = {}
    for source in sources:
        for each in describe_parameters(source):
            if not equals:
                found[f"{each.name}="] = each.doc
            elif each.name == name:
                offered = parameter_values(source, name).items()
                found |= {f"{name}={word}": doc for word, doc in offered if word.startswith(value)}
    return found


def _named_sources(parsed_args: argparse.Namespace) -> Iterator[Source]:
    """The scripts that were named so far."""
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
    "file": _statement_files,
    "archive": _archive_names,
    "profile": _profile_names,
    "param": _parameter_candidates,
}
