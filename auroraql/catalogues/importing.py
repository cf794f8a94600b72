"""Import of files of records into a catalogue, in one transaction.

The files are read into a database in memory, which spills to disk, and checked there as a whole. The first wrong value
is an error with the file, the row and the column. Only then are the records written, in the order of the table.
"""

# ruff: noqa: S608 - names of columns of this module are put into SQL, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import duckdb

from auroraql.catalogues.column_mapping import ColumnMapping, map_columns, require_fields, stored_fields
from auroraql.catalogues.import_checks import (
    TIME_HINT,
    ImportRules,
    checks_of,
    has_offset,
    time_columns,
    typed_columns,
)
from auroraql.catalogues.import_keys import infer_keys
from auroraql.catalogues.import_sources import SOURCE_COLUMNS, SourceFinder, find_source
from auroraql.catalogues.record_files import (
    FileColumn,
    Format,
    RecordFile,
    connect_to_files,
    file_errors,
    new_bindings,
    open_record_file,
)
from auroraql.catalogues.writer import (
    KEY_COLUMNS,
    TIME_COLUMNS,
    Batch,
    RecordWriter,
    batch_schema,
    open_writer,
    write_errors,
)
from auroraql.diagnostics.errors import UsageError, make_visible, shorten
from auroraql.engines.duckdb.catalogue_file import open_catalogue
from auroraql.schema.catalogue import DataSource, MetadataKey
from auroraql.schema.source_fields import PREFIX
from auroraql.sql.dialect import Bindings

_BATCH_ROWS = 100_000

_REQUIRED = {"data_products": ("start", "end", "data_product_type", "url"), "ephemeris": ("epoch",)}

_MAX_SHOWN_VALUE = 60


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """Options of an import.

    `source` names the source of all records, by identifier or name. `columns` has fields by column (an empty field leaves
    the column out), and `constants` has values by field. `replace` replaces records that exist.
    """

    kind: str
    source: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    rules: ImportRules = field(default_factory=ImportRules)
    add_sources: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class FileSummary:
    """How a file was read: its fields by column, the columns left out, and the number of records."""

    path: Path
    format: Format
    columns: Mapping[str, str]
    unused: Sequence[str]
    records: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import wrote, or would write.

    `sources` has the number of records by source, and `first` and `last` are the least and greatest start or epoch.
    `has_offsets` tells whether the times have offsets from UTC, and `is_sorted` whether the records were in their order.
    """

    kind: str
    files: Sequence[FileSummary]
    records: int
    replaced: int
    sources: Sequence[tuple[DataSource, int]]
    added_sources: Sequence[DataSource]
    keys: Sequence[MetadataKey]
    first: datetime | None
    last: datetime | None
    has_offsets: bool
    is_sorted: bool


def import_records(
    catalogue: Path, files: Sequence[Path], settings: ImportSettings, *, dry_run: bool = False
) -> ImportSummary:
    """Import files into a catalogue, all or nothing, and return what was written.

    With `dry_run`, the same checks run, and the catalogue is only read. Raises UsageError for a wrong file, row or
    option, and the errors of `open_writer` and `CatalogueWriter.transaction`.
    """
    with _target(catalogue, dry_run=dry_run) as records, connect_to_files(files) as staging:
        job = _Import(staging, records, settings, dry_run=dry_run)
        for path in files:
            with file_errors(path):
                job.stage(path)
        job.check()
        return job.write()


@contextmanager
def _target(path: Path, *, dry_run: bool) -> Iterator[RecordWriter]:
    if not dry_run:
        with open_writer(path) as writer, writer.transaction() as records:
            yield records
        return
    file = open_catalogue(path)
    try:
        with write_errors(path), file.connection.cursor() as cursor:
            yield RecordWriter(cursor)
    finally:
        file.connection.close()


class _Import:
    """One import. The database in memory has a table `records` of all files."""

    def __init__(
        self, staging: duckdb.DuckDBPyConnection, records: RecordWriter, settings: ImportSettings, *, dry_run: bool
    ) -> None:
        self._staging, self._records, self._settings, self._dry_run = staging, records, settings, dry_run
        self._kind = settings.kind
        self._catalogue = records.catalogue()
        chosen = find_source(self._catalogue, settings.source) if settings.source else None
        self._finder = SourceFinder(self._catalogue, chosen, settings.add_sources)
        self._checks = checks_of(self._kind)
        self._typed = typed_columns(self._kind, settings.rules)
        self._mappings: list[ColumnMapping] = []
        self._files: list[RecordFile] = []
        types = {name: str(batch_schema(self._kind).field(name).type) for name in self._typed}
        sql_types = {"timestamp[us]": "TIMESTAMP", "double": "DOUBLE", "string": "VARCHAR"}
        values = ", ".join(f'"{name}" {sql_types[stored]}' for name, stored in types.items())
        self._run(
            f"CREATE TABLE records (file INTEGER, row BIGINT, data_source BIGINT, {values}, metadata VARCHAR,"
            " zoned BOOLEAN, plain BOOLEAN, problem INTEGER, wrong VARCHAR)"
        )
        names = ", ".join(f"{name} VARCHAR" for name in SOURCE_COLUMNS)
        self._run(f"CREATE TABLE record_sources ({names}, source BIGINT)")

    def _run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._staging.execute(sql, list(values)).fetchall()

    # --- reading

    def stage(self, path: Path) -> None:
        """Read a file into the table. Raises UsageError and duckdb.Error."""
        file = open_record_file(self._staging, path)
        mapping = map_columns(file, self._kind, self._catalogue, self._settings.columns, self._settings.constants)
        require_fields(mapping, path, self._kind, _REQUIRED[self._kind])
        self._files.append(file)
        self._mappings.append(mapping)
        self._find_sources(file, mapping)
        bind = new_bindings()
        texts = self._texts(file, mapping, bind)
        values = ", ".join(f'{sql} AS "value_{name}"' for name, sql in self._typed.items())
        cases = " ".join(f"WHEN {check.condition} THEN {number}" for number, check in enumerate(self._checks))
        wrong = " ".join(f"WHEN {number} THEN {_text_of(check.column)}" for number, check in enumerate(self._checks))
        times = time_columns(self._kind)
        zoned = " OR ".join(has_offset(name) for name in times)
        plain = " OR ".join(f"NOT {has_offset(name)}" for name in times)
        typed = ", ".join(f'"value_{name}"' for name in self._typed)
        self._run(
            f"INSERT INTO records SELECT {bind(len(self._files))}, row, source, {typed}, metadata, zoned, plain, problem,"
            f" CASE problem {wrong} END FROM (SELECT *, ({zoned}) AS zoned, ({plain}) AS plain,"
            f" CASE {cases} END AS problem FROM (SELECT *, {values} FROM ({texts})))",
            bind.values,
        )

    def _texts(self, file: RecordFile, mapping: ColumnMapping, bind: Bindings) -> str:
        """Return the SELECT of the rows of a file: the texts of the fields, the metadata as JSON, and the source."""
        names = stored_fields(self._kind)
        columns = [
            f'{_text(mapping.fields.get(name), bind)} AS "{name.replace(".", "_")}"'
            for name in names
            if not name.startswith(f"{PREFIX}.")
        ]
        object_text = _text(mapping.fields.get("metadata"), bind)
        given_object = f"TRY_CAST({object_text} AS JSON)"
        metadata = f"CASE WHEN json_type({given_object}) = 'OBJECT' THEN {given_object} END"
        keys = ", ".join(f"{bind(key)}::VARCHAR, {_json(value, bind)}" for key, value in mapping.keys.items())
        if keys:
            metadata = f"CAST(json_merge_patch(coalesce({metadata}, '{{}}'), json_object({keys})) AS JSON)"
        columns += [f"{object_text} AS metadata_text", f"{given_object} AS metadata_object", f"{metadata} AS metadata"]
        if self._finder.chosen is not None:
            columns.append(f"{bind(self._finder.chosen.identifier)}::BIGINT AS source")
            return f"SELECT row, {', '.join(columns)} FROM ({file.rows(bind)})"
        columns += [f"{sql} AS given_{name}" for name, sql in self._source_texts(mapping, bind).items()]
        same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM t.given_{name}" for name in SOURCE_COLUMNS)
        return (
            f"SELECT t.*, s.source FROM (SELECT row, {', '.join(columns)} FROM ({file.rows(bind)})) AS t"
            f" LEFT JOIN record_sources AS s ON {same} ORDER BY t.row"
        )

    def _source_texts(self, mapping: ColumnMapping, bind: Bindings) -> dict[str, str]:
        return {name: _text(mapping.fields.get(f"{PREFIX}.{name}"), bind) for name in SOURCE_COLUMNS}

    def _find_sources(self, file: RecordFile, mapping: ColumnMapping) -> None:
        """Find the source of each combination of source fields in a file, or raise UsageError for its first row."""
        bind = new_bindings()
        texts = self._source_texts(mapping, bind)
        columns = ", ".join(f"{sql} AS {name}" for name, sql in texts.items())
        combinations = self._run(
            f"SELECT {', '.join(SOURCE_COLUMNS)}, min(row) FROM (SELECT row, {columns} FROM ({file.rows(bind)}))"
            " GROUP BY ALL ORDER BY min(row)",
            bind.values,
        )
        self._run("DELETE FROM record_sources")
        for *values, row in combinations:
            try:
                source = self._finder.find(dict(zip(SOURCE_COLUMNS, values, strict=True)))
            except UsageError as problem:
                raise UsageError(f"'{file.path}', row {row}: {problem.message}", problem.hint) from None
            places = ", ".join(["?"] * (len(values) + 1))
            self._run(f"INSERT INTO record_sources VALUES ({places})", [*values, source.identifier])

    # --- checks of all rows

    def check(self) -> None:
        """Raise UsageError for no record, the first wrong value, mixed time zones, or a record that occurs twice."""
        if not self._run("SELECT 1 FROM records LIMIT 1"):
            files = ", ".join(f"'{file.path}'" for file in self._files)
            raise UsageError(f"{files} {'has' if len(self._files) == 1 else 'have'} no records")
        wrong = self._run("SELECT file, row, problem, wrong FROM records WHERE problem IS NOT NULL ORDER BY file, row")
        if wrong:
            file, row, problem, text = wrong[0]
            check = self._checks[problem]
            value = f"'{make_visible(shorten(text or '', _MAX_SHOWN_VALUE))}'"
            more = f" ({len(wrong) - 1} more rows are wrong)" if len(wrong) > 1 else ""
            message = f"{self._place(file, row, check.column)}: {check.message.format(value=value)}{more}"
            raise UsageError(message, check.hint)
        self._check_zones()
        self._check_twice()

    def _check_zones(self) -> None:
        if self._settings.rules.offset_minutes is not None:
            return
        mixed = self._run(
            "SELECT file, row FROM records WHERE (zoned AND plain)"
            " OR zoned <> (SELECT first(zoned ORDER BY file, row) FROM records) ORDER BY file, row LIMIT 1"
        )
        if mixed:
            hint = f"{TIME_HINT}; --time-zone UTC reads times without an offset as UTC"
            raise UsageError(f"{self._place(*mixed[0])}: times with and without an offset from UTC are mixed", hint)

    def _check_twice(self) -> None:
        key = ", ".join(f'"{name}"' for name in KEY_COLUMNS[self._kind])
        twice = self._run(
            "SELECT min(place), max(place), count(*) OVER () FROM (SELECT {'file': file, 'row': row} AS place, *"
            f" FROM records) GROUP BY {key} HAVING count(*) > 1 ORDER BY 2 LIMIT 1"
        )
        if twice:
            first, last, count = twice[0]
            identity = "source and epoch" if self._kind == "ephemeris" else "source, start, end, type and URL"
            more = f" ({count - 1} more records occur twice)" if count > 1 else ""
            message = f"{self._place(last['file'], last['row'], '')}: the record has the {identity} of {self._place(**first)}{more}"
            raise UsageError(message, "remove one of them")

    def _place(self, file: int, row: int, column: str = "") -> str:
        place = f"'{self._files[file - 1].path}', row {row}"
        if not column:
            return place
        names = {name.replace(".", "_"): name for name in (*stored_fields(self._kind), "metadata")}
        return f"{place}, {self._mappings[file - 1].name_of(names[column])}"

    # --- writing

    def write(self) -> ImportSummary:
        """Write the records, new sources and keys within the transaction. Raises UsageError for a record that exists."""
        sources = {source.identifier: source for source in (*self._catalogue.sources, *self._finder.added)}
        keys = infer_keys(self._staging, self._kind, self._catalogue, sources)
        replaced = 0
        for source in () if self._dry_run else self._finder.added:
            self._records.write_source(source)
        for batch in self._batches():
            replaced += self._write_batch(batch)
        if not self._dry_run:
            self._records.declare_keys(self._kind, keys)
        return self._summary(sources, keys, replaced)

    def _batches(self) -> Iterator[Batch]:
        time = f'"{TIME_COLUMNS[self._kind]}"'
        names = ", ".join(f'"{name}"' for name in batch_schema(self._kind).names)
        rows = self._staging.sql(
            f"SELECT {names}, file, row FROM records ORDER BY date_trunc('month', {time}), data_source, {time}, file, row"
        )
        yield from cast("Iterable[Batch]", rows.to_arrow_reader(_BATCH_ROWS))

    def _write_batch(self, batch: Batch) -> int:
        """Write a batch, or only compare it with the records of the catalogue. Return how many records it replaces."""
        if self._settings.replace and not self._dry_run:
            return self._records.replace_same(self._kind, batch)
        same = self._records.find_same(self._kind, batch, "b.file, b.row")
        if same is not None and not self._settings.replace:
            message = f"{self._place(*same)}: the catalogue has this record already"
            raise UsageError(message, "--replace replaces the records of the catalogue")
        if not self._dry_run:
            self._records.append(self._kind, batch)
        return 0

    def _summary(self, sources: Mapping[int, DataSource], keys: Sequence[MetadataKey], replaced: int) -> ImportSummary:
        time = f'"{TIME_COLUMNS[self._kind]}"'
        counts = self._run("SELECT data_source, count(*) FROM records GROUP BY ALL ORDER BY ALL")
        first, last, has_offsets = self._run(
            f"SELECT min({time}), max({time}), coalesce(bool_or(zoned), false) FROM records"
        )[0]
        unsorted = self._run(
            f"SELECT 1 FROM (SELECT {time} < lag({time}) OVER (PARTITION BY data_source ORDER BY file, row) AS earlier"
            " FROM records) WHERE earlier LIMIT 1"
        )
        of_files = dict(self._run("SELECT file, count(*) FROM records GROUP BY ALL"))
        files = [
            FileSummary(file.path, file.format, _described(mapping), mapping.unused, of_files.get(number, 0))
            for number, (file, mapping) in enumerate(zip(self._files, self._mappings, strict=True), 1)
        ]
        return ImportSummary(
            self._kind,
            files,
            sum(of_files.values()),
            replaced,
            [(sources[identifier], count) for identifier, count in counts],
            self._finder.added,
            keys,
            first,
            last,
            has_offsets,
            not unsorted,
        )


def _described(mapping: ColumnMapping) -> dict[str, str]:
    """Return the fields by the column or the quoted constant that gives them."""
    targets = mapping.fields | {f"metadata.{name}": value for name, value in mapping.keys.items()}
    return {value.name if isinstance(value, FileColumn) else f"'{value}'": target for target, value in targets.items()}


def _text(value: FileColumn | str | None, bind: Bindings) -> str:
    """Return the SQL of the text of a field. Blanks around a text are removed, and an empty text is missing."""
    if value is None:
        return "CAST(NULL AS VARCHAR)"
    return f"nullif(trim({value.text(bind) if isinstance(value, FileColumn) else f'{bind(value)}::VARCHAR'}), '')"


def _json(value: FileColumn | str, bind: Bindings) -> str:
    return value.json(bind) if isinstance(value, FileColumn) else f"to_json({bind(value)}::VARCHAR)"


def _text_of(column: str) -> str:
    return "metadata_text" if column == "metadata" else f'"{column}"'
