"""`auroraql config`: what is set and where that is from, and what is wrong with the file."""

from __future__ import annotations

import argparse
import os

from auroraql.config import Config, config_file, read_config, unknown_variables
from auroraql.config.definitions import SETTING_DEFINITIONS
from auroraql.config.toml_file import read_file
from auroraql.diagnostics.errors import AuroraQLError, make_visible
from auroraql.frontends.cli.exit_codes import EXIT_OK, EXIT_WRONG
from auroraql.frontends.cli.streams import print_notice
from auroraql.frontends.shared.effective_config import effective_config, user_query_folder
from auroraql.rendering import render_grid

HIDDEN = "***"


def show_config(options: argparse.Namespace) -> int:
    """Prints every setting, its value and where that is from. Raises UsageError for what is set wrongly."""
    config = effective_config(options, checked=True)
    for warning in config.warnings:
        print_notice(warning)
    rows = [(name, format_config_value(name, config), config.origins[name]) for name in SETTING_DEFINITIONS]
    print(f"file: {make_visible(str(config.file.path))}{'' if config.file.there else ' (there is none)'}")
    chosen = f"{make_visible(config.profile)} ({config.origins['profile']})" if config.profile else "(none)"
    print(f"profile: {chosen}")
    if config.file.profiles:
        print(f"profiles: {', '.join(map(make_visible, config.file.profiles))}")
    print()
    print(render_grid(("setting", "value", "from"), rows, None), end="")
    if config.withheld:
        print_notice(
            f"the API key of {config.withheld} is not for {format_config_value('archive', config)}, and is not sent to it"
        )
    return EXIT_OK


def format_config_value(name: str, config: Config) -> str:
    """A setting's value as people read it; a secret is never shown."""
    value = config.values[name]
    if SETTING_DEFINITIONS[name].secret:
        return HIDDEN if value else "(none)"
    if name == "queries":
        return make_visible(str(user_query_folder(config)))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return make_visible(without_password(value)) if value else "(none)"


def without_password(text: str) -> str:
    """An address without the user name and password that someone may have written into it."""
    scheme, slashes, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{HIDDEN}@{host.rpartition('@')[2]}{slash}{path}" if "@" in host else text


def validate_config(_options: argparse.Namespace) -> int:
    """Says everything that is wrong with what is set; gives back the exit code. Raises UsageError for no file to read."""
    path = config_file(os.environ)
    file = read_file(path, checked=True)
    for each in file.problems:
        print_notice(each.format(path))
    for name, hint in unknown_variables(os.environ):
        print_notice(f"warning: {name} is set, and is no setting\n  = hint: {hint}")
    wrong = any(each.severity == "error" for each in file.problems)
    if not wrong:
        try:
            read_config(os.environ, checked=True)
        except AuroraQLError as error:
            print_notice(f"error: {error}")
            wrong = True
    if not wrong:
        print(f"{make_visible(str(path))}: {'right' if file.there else 'there is none, and none is needed'}")
    return EXIT_WRONG if wrong else EXIT_OK
