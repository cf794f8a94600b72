"""Files of records: CSV, Parquet, JSON lines and JSON arrays such as AuroraX's, as columns of text and of JSON.

DuckDB reads the files in a database in memory, which can access nothing else. Numbers of rows start at 1, without the
header of a CSV file. Names of columns and keys are bound or quoted.
"""

# ruff: noqa: S608 - names are quoted, and every other value is bound

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import duckdb
import msgspec

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.engines.duckdb.catalogue_file import SANDBOXED, first_error_line
from auroraql.engines.duckdb.spill_folder import spill_settings
from auroraql.sql.dialect import DUCKDB, Bindings

Format = Literal["csv", "parquet", "jsonl", "json"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}

FORMAT_TITLES: dict[Format, str] = {"csv": "CSV", "parquet": "Parquet", "jsonl": "JSON lines", "json": "JSON"}

_DELIMITERS = (",", ";", "\t")

_SIZE_OF_START = 1 << 16

_MEMORY = "25%"
"""Share of the memory for the database of the files. The catalogue that is written may use as much again, or more."""

_CSV_OPTIONS = (
    "auto_detect = false, header = true, quote = '\"', escape = '\"', strict_mode = true, max_line_size = 16777216"
)
"""Nothing is detected: DuckDB would skip lines that do not fit what it detects."""

_INTEGER, _NUMBER = "-?(0|[1-9][0-9]{0,17})", r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"


@dataclass(frozen=True, slots=True)
class FileColumn:
    """Column of a file, or a key of its JSON objects, whose path is dotted. `text` and `json` return its SQL."""

    name: str
    text: Callable[[Bindings], str]
    json: Callable[[Bindings], str]


@dataclass(frozen=True, slots=True)
class RecordFile:
    """File of records. `rows` returns the SQL of its rows, with their number in the column `row`."""

    path: Path
    format: Format
    columns: tuple[FileColumn, ...]
    rows: Callable[[Bindings], str]

    def column(self, name: str) -> FileColumn | None:
        """Return the column with a name. Case is ignored if no name is exactly the same."""
        exact = [column for column in self.columns if column.name == name]
        alike = exact or [column for column in self.columns if column.name.lower() == name.lower()]
        return alike[0] if len(alike) == 1 else None


def new_bindings() -> Bindings:
    """Return the bindings of a new statement of DuckDB."""
    return Bindings(DUCKDB)


def connect_to_files(paths: Sequence[Path]) -> duckdb.DuckDBPyConnection:
    """Return a database in memory that can read these files and spill to disk. Raises UsageError for a missing file."""
    for path in paths:
        if not path.is_file():
            raise UsageError(f"'{path}' {'is not a file' if path.exists() else 'does not exist'}")
    settings = {**spill_settings("import"), "memory_limit": _MEMORY, **SANDBOXED}
    connection = duckdb.connect(":memory:", config=settings)
    quoted = ", ".join(quote(str(path)) for path in paths)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_paths = [{quoted}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def open_record_file(connection: duckdb.DuckDBPyConnection, path: Path) -> RecordFile:
    """Read the columns of a file. Raises UsageError."""
    with file_errors(path):
        detected = _format_of(path)
        match detected:
            case "csv":
                return _open_csv(connection, path)
            case "parquet":
                return _open_parquet(connection, path)
            case "json" | "jsonl":
                return _open_json(connection, path, detected)


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Convert errors of reading a file into UsageError with the file and, if it is known, the line."""
    try:
        yield
    except OSError as problem:
        raise UsageError(f"cannot read '{path}': {problem.strerror or problem}") from None
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' is not UTF-8 text", "save the file as UTF-8") from None
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error as problem:
        raise _reading_error(path, str(problem)) from None


def _reading_error(path: Path, text: str) -> UsageError:
    line = re.search(r"Line: (\d+)", text)
    number = _malformed_line(path) if "Malformed JSON" in text else int(line[1]) if line else None
    where = f"'{path}', line {number}" if number is not None else f"'{path}'"
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
        message = f"{where} has {counts[2]} values, and the header has {counts[1]} columns"
        return UsageError(message, "put values that contain the separator in double quotes")
    if "unterminated quote" in text:
        return UsageError(f"{where} has a double quote without its end", 'write a double quote in a value as ""')
    if "not utf-8" in text:
        return UsageError(f"{where} is not UTF-8 text", "save the file as UTF-8")
    if "Malformed JSON" in text:
        reason = text.partition(": ")[2].rpartition(": ")[2].splitlines()[0].strip().removesuffix(".")
        return UsageError(f"{where} is not JSON: {make_visible(reason)}")
    return UsageError(f"cannot read {where}: {make_visible(first_error_line(duckdb.Error(text)))}")


def _malformed_line(path: Path) -> int | None:
    """Return the number of the first line that is not JSON, None for a file of one array. DuckDB counts otherwise."""
    if _format_of(path) != "jsonl":
        return None
    with _open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                msgspec.json.decode(line.strip() or b"null")
            except msgspec.DecodeError:
                return number
    return None


def _format_of(path: Path) -> Format:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    declared = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if declared in ("csv", "parquet"):
        return declared
    with _open_bytes(path) as file:
        start = file.read(_SIZE_OF_START).removeprefix(b"\xef\xbb\xbf").lstrip()
    if declared is None and start.startswith(b"PAR1"):
        return "parquet"
    if start[:1] in (b"[", b"{"):
        return "json" if start[:1] == b"[" else "jsonl"
    if declared is None:
        return "csv"
    if not start:
        raise UsageError(f"'{path}' has no records")
    raise UsageError(f"'{path}' does not contain JSON objects", "write one object a line, or an array of objects")


def _open_bytes(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


# --- CSV


def _open_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> RecordFile:
    names, delimiter = _read_header(path)
    declared = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(names)))

    def rows(bind: Bindings) -> str:
        read = f"read_csv({bind(str(path))}, {_CSV_OPTIONS}, delim = {quote(delimiter)}, columns = {{{declared}}})"
        return f"SELECT row_number() OVER () AS row, * FROM {read}"

    readings = _csv_readings(connection, rows, len(names))
    columns = (_csv_column(name, number, readings[number]) for number, name in enumerate(names))
    return RecordFile(path, "csv", tuple(columns), rows)


def _read_header(path: Path) -> tuple[list[str], str]:
    """Return the names of the columns and the separator, which is the one that divides the header most often."""
    with _open_bytes(path) as file:
        start = file.read(_SIZE_OF_START).decode("utf-8-sig", "replace")
    if "\0" in start:
        raise UsageError(f"'{path}' is not text", "import reads CSV, Parquet and JSON files")
    headers = {mark: next(csv.reader(start.splitlines(keepends=True), delimiter=mark), []) for mark in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda mark: len(headers[mark]))
    names = [name.strip() for name in headers[delimiter]]
    if not names:
        raise UsageError(f"'{path}' has no header", "the first line names the columns")
    for number, name in enumerate(names, 1):
        if not name:
            raise UsageError(f"'{path}': column {number} has no name", "the first line names the columns")
        if name in names[: number - 1]:
            raise UsageError(f"'{path}' has two columns '{make_visible(name)}'", "give each column its own name")
    return names, delimiter


_Reading = Literal["integer", "number", "boolean", "text"]


def _csv_readings(connection: duckdb.DuckDBPyConnection, rows: Callable[[Bindings], str], count: int) -> list[_Reading]:
    """Return how the values of each column are written in JSON: as numbers or booleans only if all of them are."""
    bind = new_bindings()
    patterns = (_INTEGER, _NUMBER, "true|false")
    tests = ", ".join(
        f"bool_and(regexp_full_match(c{number}, '{pattern}'))" for number in range(count) for pattern in patterns
    )
    answers = connection.execute(f"SELECT {tests} FROM ({rows(bind)})", bind.values).fetchall()[0]
    names: tuple[_Reading, ...] = ("integer", "number", "boolean", "text")
    return [
        next(name for name, fits in zip(names, (*answers[at : at + 3], True), strict=True) if fits)
        for at in range(0, 3 * count, 3)
    ]


def _csv_column(name: str, number: int, reading: _Reading) -> FileColumn:
    sql = f"c{number}"
    types = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "text": "VARCHAR"}
    return FileColumn(name, lambda _bind: sql, lambda _bind: f"to_json(CAST({sql} AS {types[reading]}))")


# --- Parquet


def _open_parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> RecordFile:
    def rows(bind: Bindings) -> str:
        return f"SELECT row_number() OVER () AS row, * FROM read_parquet({bind(str(path))})"

    bind = new_bindings()
    described = connection.execute(f"DESCRIBE {rows(bind)}", bind.values).fetchall()[1:]
    columns = [
        column
        for name, declared, *_ in described
        for column in _parquet_columns(connection, path, str(name), str(declared))
    ]
    return RecordFile(path, "parquet", tuple(columns), rows)


def _parquet_columns(connection: duckdb.DuckDBPyConnection, path: Path, name: str, type: str) -> Iterator[FileColumn]:
    """Yield a column, or the members of a struct. The struct `metadata` is an object."""
    quoted = quote_name(name)
    if type.startswith("STRUCT(") and name.lower() != "metadata":
        bind = new_bindings()
        selected = f"SELECT unnest({quoted}) FROM read_parquet({bind(str(path))})"
        for member, member_type, *_ in connection.execute(f"DESCRIBE {selected}", bind.values).fetchall():
            sql = f"{quoted}.{quote_name(str(member))}"
            yield _parquet_column(f"{name}.{member}", sql, str(member_type))
        return
    yield _parquet_column(name, quoted, type)


def _parquet_column(name: str, sql: str, declared: str) -> FileColumn:
    text = f"CAST({sql} AS VARCHAR)"
    if declared.startswith(("STRUCT", "MAP", "VARIANT", "JSON")):
        json = f"CAST({sql} AS JSON)"
        if declared.startswith("STRUCT"):  # a key that a record does not have is NULL in a struct
            json = f"json_merge_patch('{{}}', {json})"
        text = f"CAST({json} AS VARCHAR)"
    elif declared.startswith("TIMESTAMP"):
        json = f"to_json(replace({text}, ' ', 'T'))"
    else:
        json = f"to_json({sql})"
    return FileColumn(name, lambda _bind: text, lambda _bind: json)


# --- JSON


def _open_json(connection: duckdb.DuckDBPyConnection, path: Path, format: Format) -> RecordFile:
    layout = "array" if format == "json" else "newline_delimited"

    def rows(bind: Bindings) -> str:
        read = f"read_json_objects({bind(str(path))}, format = '{layout}')"
        return f"SELECT row_number() OVER () AS row, json FROM {read}"

    bind = new_bindings()
    wrong = f"SELECT min(row) FROM ({rows(bind)}) WHERE json_type(json) <> 'OBJECT'"
    if (number := connection.execute(wrong, bind.values).fetchall()[0][0]) is not None:
        raise UsageError(f"'{path}', row {number} is not a JSON object")
    columns: list[FileColumn] = []
    for name, is_object in _json_keys(connection, rows, "json"):
        if not is_object or name == "metadata":
            columns.append(_json_column((name,)))
            continue
        bind = new_bindings()
        member = f"json_extract(json, {bind(_pointer((name,)))}::VARCHAR)"
        inner = f"SELECT {member} AS json FROM ({rows(bind)}) WHERE json_type({member}) = 'OBJECT'"
        members = connection.execute(
            f"SELECT DISTINCT unnest(json_keys(json)) FROM ({inner}) ORDER BY ALL", bind.values
        ).fetchall()
        columns += [_json_column((name, key)) for (key,) in members]
    return RecordFile(path, format, tuple(columns), rows)


def _json_keys(
    connection: duckdb.DuckDBPyConnection, rows: Callable[[Bindings], str], object: str
) -> list[tuple[str, bool]]:
    """Return the keys of objects in the order of the first, and whether the value of each is an object anywhere."""
    bind = new_bindings()
    keys = f"SELECT row, unnest(json_keys({object})) AS key, {object} FROM ({rows(bind)})"
    pointer = "'/' || replace(replace(key, '~', '~0'), '/', '~1')"
    is_object = f"bool_or(json_type(json_extract({object}, {pointer})) = 'OBJECT')"
    return connection.execute(
        f"SELECT key, coalesce({is_object}, false) FROM ({keys}) GROUP BY key ORDER BY min(row), key", bind.values
    ).fetchall()


def _json_column(path: tuple[str, ...]) -> FileColumn:
    pointer = _pointer(path)
    return FileColumn(
        ".".join(path),
        lambda bind: f"json_extract_string(json, {bind(pointer)}::VARCHAR)",
        lambda bind: f"json_extract(json, {bind(pointer)}::VARCHAR)",
    )


def _pointer(path: Sequence[str]) -> str:
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def quote(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
