"""`auroraql catalogue`: creates catalogue files, fills, describes, checks and rewrites them."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from auroraql.diagnostics.errors import UsageError
from auroraql.engines.duckdb import SCHEMA_VERSION
from auroraql.frontends.cli.streams import EXIT_FAILED, EXIT_OK, print_notice, print_output
from auroraql.schema import STORED_KINDS
from auroraql.schema.catalogue import DataSource

_IMPORT_EPILOG = """\
CSV files have a header. A column with the name of a field is that field (start,
url, program, location_geo.lat), and a column with the name of a metadata key is
that key. Map the others with --map. Times without an offset are UTC. A date as
the end of a product is the last second of the day. The import is all or
nothing: the first wrong value is reported with its file, row and column, and
nothing is written. Rows are counted from 1, without the header.

examples:
  auroraql catalogue import lab.duckdb nights.csv --kind data_products \\
      --source "lab/north camp/ASI" --set data_product_type=keogram --dry-run
  auroraql catalogue import lab.duckdb track.parquet --kind ephemeris \\
      --map lat=location_geo.lat --map lon=location_geo.lon --add-sources
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the actions of the command and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    _add_create(_add_action(actions, "create", "create a catalogue"))
    _add_import(_add_action(actions, "import", "import files of records, all or nothing", _IMPORT_EPILOG))
    _add_add_source(_add_action(actions, "add-source", "add a data source, or those of a program of AuroraX"))
    for name, summary in (
        ("info", "show the sources of a catalogue and how many records it has"),
        ("check", "check every record of a catalogue"),
    ):
        action = _add_action(actions, name, summary)
        action.add_argument("--json", action="store_true", dest="as_json", help="print an object for programs")
    _add_action(actions, "migrate", "convert a catalogue of an older version of AuroraQL")
    _add_action(actions, "vacuum", "rewrite a catalogue in order, which makes it smaller and faster")


def _add_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, epilog: str | None = None
) -> argparse.ArgumentParser:
    action = actions.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    action.add_argument("catalogue", type=Path, metavar="CATALOGUE", help="the catalogue file, for example lab.duckdb")
    return action


def _add_create(create: argparse.ArgumentParser) -> None:
    create.add_argument("--description", default="", metavar="TEXT", help="what the catalogue contains")
    create.add_argument(
        "--from", dest="original", metavar="ARCHIVE", help="start with the records of demo or of another catalogue file"
    )


def _add_import(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "record_files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a file in CSV, Parquet, JSON lines, or AuroraX's JSON",
    )
    add("--kind", required=True, choices=STORED_KINDS, help="the kind of the records")
    add(
        "--source",
        default="",
        metavar="SOURCE",
        help="the data source of all records: its identifier, its name, or program/platform/instrument type",
    )
    add(
        "--map",
        action="append",
        default=[],
        type=_read_pair,
        metavar="COLUMN=FIELD",
        help="the field of a column; metadata.KEY for a metadata key; nothing after = leaves it out; repeatable",
    )
    add(
        "--set",
        action="append",
        default=[],
        type=_read_pair,
        metavar="FIELD=VALUE",
        help="the value of a field in all records; repeatable",
    )
    add(
        "--time-zone",
        type=_read_offset,
        metavar="OFFSET",
        help="how far times without an offset are from UTC, for example -07:00, or UTC (the default)",
    )
    add("--wrap-longitudes", action="store_true", help="convert longitudes from 180 to 360 to those from -180 to 0")
    add("--add-sources", action="store_true", help="add data sources of the records that the catalogue does not have")
    add("--replace", action="store_true", help="replace records that the catalogue has already")
    add("--dry-run", action="store_true", help="check the files and print how they are read; write nothing")


def _add_add_source(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for name in ("program", "platform", "instrument-type"):
        add(f"--{name}", metavar="NAME", help=f"the {name.replace('-', ' ')}")
    add("--source-type", default="ground", metavar="TYPE", help="the type: ground (the default), leo, heo, …")
    add("--display-name", metavar="NAME", help="the full name (default: program and platform)")
    add("--identifier", type=_read_identifier, default=-1, metavar="N", help="the identifier (default: a free one)")
    add(
        "--from-aurorax",
        metavar="PROGRAM",
        help="add the data sources that AuroraX lists for a program, instead of a new one",
    )


def _read_pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} has no =")
    return name, value


def _read_offset(text: str) -> int:
    if text.upper() in ("UTC", "Z"):
        return 0
    match = re.fullmatch(r"([+-])(0\d|1[0-4]):?([0-5]\d)", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"an offset is UTC or a time such as -07:00, not {text!r}")
    minutes = int(match[2]) * 60 + int(match[3])
    return minutes if match[1] == "+" else -minutes


def _read_identifier(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"an identifier is a whole number from 0, not {text!r}")
    return int(text)


def run_catalogue(options: argparse.Namespace) -> int:
    """Run one action and return the exit code. Raises AuroraQLError."""
    return _ACTIONS[options.action](options)


def _create(options: argparse.Namespace) -> int:
    from auroraql.catalogues.files import copy_catalogue, create_catalogue

    if options.original is None:
        create_catalogue(options.catalogue, options.description)
    else:
        copy_catalogue(_original(options.original), options.catalogue, options.description)
    print_notice(f"Created {options.catalogue}")
    return EXIT_OK


def _original(archive: str) -> Path:
    """Return the file of an archive, and build it first for the demonstration."""
    from auroraql.engines.duckdb.demo import demo_cache_path
    from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
    from auroraql.engines.registry import find_engine

    engine = find_engine(archive)
    if engine.is_demonstration:
        EmbeddedEngine(None, say=print_notice).close()
        return demo_cache_path(None)
    if not engine.is_servable:
        raise UsageError("create --from takes a local archive", "use demo or the path of a catalogue file")
    return Path(archive)


def _import(options: argparse.Namespace) -> int:
    from auroraql.catalogues.import_checks import ImportRules
    from auroraql.catalogues.importing import ImportSettings, import_records
    from auroraql.frontends.cli.commands import catalogue_reports as reports

    settings = ImportSettings(
        options.kind,
        options.source,
        dict(options.map),
        dict(options.set),
        ImportRules(options.time_zone, options.wrap_longitudes),
        options.add_sources,
        options.replace,
    )
    summary = import_records(options.catalogue, options.record_files, settings, dry_run=options.dry_run)
    _print_lines(
        reports.import_lines(summary, options.catalogue, offset_minutes=options.time_zone, dry_run=options.dry_run)
    )
    return EXIT_OK


def _add_source(options: argparse.Namespace) -> int:
    from auroraql.catalogues.sources import add_listed_sources, add_sources
    from auroraql.frontends.cli.commands import catalogue_reports as reports

    if options.from_aurorax is not None:
        added = add_listed_sources(options.catalogue, options.from_aurorax)
    else:
        missing = [name for name in ("program", "platform", "instrument_type") if not getattr(options, name)]
        if missing:
            spelled = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
            raise UsageError(f"add-source needs {spelled}", "or --from-aurorax PROGRAM for the sources of a program")
        source = DataSource(
            options.identifier,
            options.program,
            options.platform,
            options.instrument_type,
            options.source_type,
            options.display_name or f"{options.program} {options.platform}",
        )
        added = add_sources(options.catalogue, [source])
    _print_lines(f"Added data source {source.identifier}: {reports.source_title(source)}" for source in added)
    if not added:
        print_notice(f"The catalogue has all data sources of {options.from_aurorax} already.")
    return EXIT_OK


def _info(options: argparse.Namespace) -> int:
    from auroraql.catalogues.inspection import read_info
    from auroraql.frontends.cli.commands import catalogue_reports as reports

    info = read_info(options.catalogue)
    if options.as_json:
        print_output(json.dumps(reports.info_document(info), indent=2, ensure_ascii=False))
    else:
        _print_lines(reports.info_lines(info, _width()))
    return EXIT_OK


def _check(options: argparse.Namespace) -> int:
    from auroraql.catalogues.inspection import find_problems
    from auroraql.frontends.cli.commands import catalogue_reports as reports

    problems = find_problems(options.catalogue)
    if options.as_json:
        print_output(json.dumps(reports.check_document(options.catalogue, problems), indent=2, ensure_ascii=False))
    elif problems:
        _print_lines(reports.check_lines(options.catalogue, problems))
    else:
        print_output(f"{options.catalogue}: no problem found")
    return EXIT_FAILED if problems else EXIT_OK


def _migrate(options: argparse.Namespace) -> int:
    from auroraql.catalogues.rewriting import migrate_catalogue
    from auroraql.frontends.cli.commands import catalogue_reports as reports

    sizes = migrate_catalogue(options.catalogue)
    if sizes is None:
        print_output(f"{options.catalogue}: of the current schema version already")
    else:
        change = f"{reports.size_text(sizes.before)} before, {reports.size_text(sizes.after)} now"
        print_output(f"{options.catalogue}: converted to schema version {SCHEMA_VERSION}, {change}")
    return EXIT_OK


def _vacuum(options: argparse.Namespace) -> int:
    from auroraql.catalogues.rewriting import vacuum_catalogue
    from auroraql.frontends.cli.commands import catalogue_reports as reports

    sizes = vacuum_catalogue(options.catalogue)
    print_output(f"{options.catalogue}: {reports.size_text(sizes.before)} before, {reports.size_text(sizes.after)} now")
    return EXIT_OK


def _width() -> int | None:
    """Return the width of the terminal; None if the output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print_output(line)


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "create": _create,
    "import": _import,
    "add-source": _add_source,
    "info": _info,
    "check": _check,
    "migrate": _migrate,
    "vacuum": _vacuum,
}
