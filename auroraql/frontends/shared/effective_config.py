"""The settings of a command: those of its options, and for the rest what the user has set once."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from platformdirs import user_data_path

from auroraql.config import Config, read_config

_OPTIONS = ("archive", "format", "timeout", "color", "profile")


def effective_config(options: argparse.Namespace, *, checked: bool = False) -> Config:
    """Return the settings of a command, validated when `checked`. Raises UsageError for an invalid setting."""
    return read_config(os.environ, {name: getattr(options, name, None) for name in _OPTIONS}, checked=checked)


def query_folders(config: Config) -> tuple[Path, Path]:
    """Return the folders of saved queries: the working folder, and the user's folder, where new ones are stored."""
    return Path(), user_query_folder(config)


def user_query_folder(config: Config) -> Path:
    """Return the user's folder of saved queries."""
    named = config.text("queries")
    return Path(named).expanduser() if named else user_data_path("auroraql") / "queries"
