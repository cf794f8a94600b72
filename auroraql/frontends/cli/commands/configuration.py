"""`auroraql config`: show the settings and their origins, and validate the configuration file."""

from __future__ import annotations

import argparse
import os

from auroraql.config import Config, config_file, effective_config, read_config, unknown_variables, user_query_folder
from auroraql.config.definitions import SETTING_DEFINITIONS
from auroraql.config.toml_file import read_file
from auroraql.diagnostics.errors import AuroraQLError, make_visible
from auroraql.frontends.cli.streams import EXIT_OK, EXIT_WRONG, print_notice
from auroraql.rendering import render_grid

HIDDEN = "***"


def show_config(options: argparse.Namespace) -> int:
    """Print every setting, its value and its origin. Raises UsageError for an invalid setting."""
    config = effective_config(options, checked=True)
    for warning in config.warnings:
        print_notice(warning)
    rows = [(name, format_config_value(name, config), config.origins[name]) for name in SETTING_DEFINITIONS]
    print(f"file: {make_visible(str(config.file.path))}{'' if config.file.there else ' (does not exist)'}")
    chosen = f"{make_visible(config.profile)} ({config.origins['profile']})" if config.profile else "(none)"
    print(f"profile: {chosen}")
    if config.file.profiles:
        print(f"profiles: {', '.join(map(make_visible, config.file.profiles))}")
    print()
    print(render_grid(("setting", "value", "from"), rows, None), end="")
    if config.withheld:
        print_notice(
            f"the API key of {config.withheld} is not sent to {format_config_value('archive', config)}: it belongs to another archive"
        )
    return EXIT_OK


def format_config_value(name: str, config: Config) -> str:
    """Return the value of a setting for display. Secrets are hidden."""
    value = config.values[name]
    if SETTING_DEFINITIONS[name].secret:
        return HIDDEN if value else "(none)"
    if name == "queries":
        return make_visible(str(user_query_folder(config)))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return make_visible(hide_password(value)) if value else "(none)"


def hide_password(text: str) -> str:
    """Return an address with its user name and password hidden."""
    scheme, slashes, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{HIDDEN}@{host.rpartition('@')[2]}{slash}{path}" if "@" in host else text


def validate_config(_options: argparse.Namespace) -> int:
    """Print all problems of the configuration and return the exit code. Raises UsageError for an unreadable file."""
    path = config_file(os.environ)
    file = read_file(path, checked=True)
    for problem in file.problems:
        print_notice(problem.format(path))
    for name, hint in unknown_variables(os.environ):
        print_notice(f"warning: {name} is set but is not a setting of AuroraQL\n  = hint: {hint}")
    has_errors = any(problem.severity == "error" for problem in file.problems)
    if not has_errors:
        try:
            read_config(os.environ, checked=True)
        except AuroraQLError as error:
            print_notice(f"error: {error}")
            has_errors = True
    if not has_errors:
        print(f"{make_visible(str(path))}: {'valid' if file.there else 'does not exist (it is optional)'}")
    return EXIT_WRONG if has_errors else EXIT_OK
