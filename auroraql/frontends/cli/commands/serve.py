"""`auroraql serve`: its options and the server settings that they give."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from auroraql.frontends.cli.streams import print_notice
from auroraql.frontends.shared.time_option import read_time

_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of serve."""
    add = parser.add_argument
    add("-a", "--archive", metavar="ARCHIVE", default=argparse.SUPPRESS, help="demo (the default), or a catalogue file")
    add("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1, this machine only)")
    add("--port", type=_read_port, default=8080, help="the port (default: 8080; 0 for a free one)")
    add(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help="a file of API keys, one per line; clients with a key may change the archive",
    )
    add(
        "--keep",
        type=read_time,
        default=86400.0,
        metavar="TIME",
        help="how long results are stored, for example 12h or 2d (default: 1d)",
    )
    add(
        "--disk",
        type=read_size,
        default=1 << 31,
        metavar="SIZE",
        help="the disk space for results and for searches that exceed the memory, for example 500MB (default: 2GB)",
    )
    add(
        "--memory",
        type=read_size,
        default=1 << 31,
        metavar="SIZE",
        help="the memory for all searches together (default: 2GB)",
    )
    add(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="a web site whose pages may use the server, in addition to pages of this machine; * allows any; repeatable",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name that the server accepts, in addition to its IP addresses; * allows any; repeatable",
    )
    add("--allow-sql", action="store_true", help="allow SQL in the statements that /auroraql runs")
    add(
        "--timeout", type=read_time, metavar="TIME", default=argparse.SUPPRESS, help="the deadline of each search (default: 10m)"
    )  # fmt: skip


def run_server(options: argparse.Namespace) -> int:
    """Run the server until SIGINT or SIGTERM and return the exit code. Raises AuroraQLError."""
    from auroraql.config import effective_config
    from auroraql.frontends.server.launch import ServerSettings
    from auroraql.frontends.server.launch import serve as run

    config = effective_config(options)
    settings = ServerSettings(
        archive=config.archive,
        host=options.host,
        port=options.port,
        api_key_file=options.api_key_file,
        keep=options.keep,
        disk=options.disk,
        memory=options.memory,
        timeout=config.timeout,
        allow_origins=tuple(options.allow_origin),
        allow_hosts=tuple(options.allow_host),
        allow_sql=options.allow_sql,
    )
    return run(settings, print_notice)


def _read_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) < 65536):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def read_size(text: str) -> int:
    """Return the bytes of a size such as 500MB. Raises argparse.ArgumentTypeError."""
    return int(
        _read_quantity(
            text.upper(), _SIZES, r"(\d+(?:\.\d+)?) ?([KMGT]?)B?", "a size is a number with KB, MB, GB or TB"
        )
    )


def _read_quantity(text: str, units: dict[str, Any], pattern: str, expected: str) -> float:
    match = re.fullmatch(pattern, text, re.ASCII)
    number = float(match[1]) * units.get(match[2], 1) if match is not None else 0.0
    if not 0 < number < 1e15:
        raise argparse.ArgumentTypeError(f"{expected}, not {text!r}")
    return number
