"""Options of `auroraql sync`. This module loads neither DuckDB nor Arrow."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta

from auroraql.frontends.cli.commands.serve import read_size
from auroraql.mirror.report import DEFAULT_JOBS, DEFAULT_REFRESH, MAX_JOBS

_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of sync."""
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="the mirror to update: it contains its archive and statements")
    add("--to", metavar="FILE", help="the catalogue file of a new mirror, or of one that gets more statements")
    add(
        "-c",
        dest="texts",
        action="append",
        metavar="TEXT",
        help="what to mirror: FIND statements with a WHERE on data sources and a time window; repeatable",
    )
    add("--dry-run", action="store_true", help="print what would be read and its size; change nothing")
    add(
        "--jobs",
        type=_read_jobs,
        default=DEFAULT_JOBS,
        metavar="N",
        help=f"requests at the same time, at most {MAX_JOBS} (default: {DEFAULT_JOBS})",
    )
    add(
        "--refresh",
        type=_read_days,
        default=DEFAULT_REFRESH,
        metavar="TIME",
        help="read records of this time until now, and predictions, again (default: '60 days')",
    )
    add(
        "--verify",
        type=_read_share,
        default=0.0,
        metavar="PERCENT",
        help="read this percentage of the older units again (default: none)",
    )
    add("--limit-bytes", type=read_size, metavar="SIZE", help="stop before the file is larger, for example 20GB")
    add(
        "--allow-deletions",
        action="store_true",
        help="delete records that the archive no longer has, without its confirmation",
    )
    add("--json", dest="as_json", action="store_true", help="print the report as JSON on standard output")


def _read_jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= MAX_JOBS):
        raise argparse.ArgumentTypeError(f"the number of jobs must be from 1 to {MAX_JOBS}, not {text!r}")
    return int(text)


def _read_days(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,5}) ?(day|week|month|year)s?", text.strip(), re.ASCII)
    if match is None or int(match[1]) * _DAYS[match[2]] > 1_000_000:
        raise argparse.ArgumentTypeError(f"a time is a number of days, weeks, months or years, not {text!r}")
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def _read_share(text: str) -> float:
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)%", text.strip(), re.ASCII)
    if match is None or float(match[1]) > 100:
        raise argparse.ArgumentTypeError(f"a share is a percentage from 0% to 100%, not {text!r}")
    return float(match[1]) / 100
