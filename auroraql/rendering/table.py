"""Table and vertical formats.

A table has rows under headers, fitted to the terminal's width, cut with … and never wrapped. Without a width (a pipe),
every row and character is written. On a terminal, notes report omissions, a short result that does not fit is shown
vertically, and availability as a calendar. The vertical view has one block per row and one line per value, without cuts
or omissions; its names are dotted as in statements, and each member of an object has a line.

Layout: numbers and times are shown whole or not at all. Only text is cut, widest column first, to no less than 8
columns. Widths are measured on the formatted texts, so that no value is formatted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import accumulate, chain, islice, takewhile
from typing import Any

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.rendering.text_output import (
    BOLD,
    DIM,
    MAX_ROWS_SHOWN,
    SAMPLE_ROWS,
    RenderOptions,
    apply_style,
    cell_writer,
    column_headers,
    cut_text,
    cut_title,
    format_cell,
    make_link,
    pad_text,
)
from auroraql.results.result_set import ResultColumn, ResultSet, Row
from auroraql.schema import Type

_CHUNK = 1000

AVAILABILITY = "SHOW AVAILABILITY"
"""Kind of the statement whose result can be drawn as a calendar."""

_FEW_LINES = 20
"""Maximum lines for which a vertical view is preferred to a cut table."""


def render_table(result: ResultSet, screen: RenderOptions) -> Iterator[str]:
    """Render a result as a table; on a terminal as a calendar or vertical view if that shows more of it."""
    return map(screen.format_shown, _render_rows(result, screen))


def _render_rows(result: ResultSet, screen: RenderOptions) -> Iterator[str]:
    if result.is_report:
        # Do not cut lines of text; the terminal wraps them.
        yield from (make_visible(line) + "\n" for (line,) in result.rows)
        return
    picture = _draw_picture(result, screen)
    if picture is not None:
        yield from picture
        return
    rows = iter(result)
    first = list(islice(rows, SAMPLE_ROWS if screen.width is None else screen.most_rows))
    all_columns, texts = _measure_rows(result, first, screen)
    shown = fit_columns(all_columns, screen.width, may_leave_out=result.is_whole)
    is_short = count_lines(result, first) <= _FEW_LINES
    if shown is None and screen.width is not None and not is_short:
        shown = squeeze_columns(all_columns, screen.width) or None
    if shown is None or (is_crowded(all_columns, shown, screen.width) and is_short):
        yield from render_vertical(result, screen)
        return
    yield _header_lines(shown, screen)
    yield from _row_lines(shown, first, texts, screen)
    if screen.width is None:
        yield from _row_lines(shown, rows, None, screen)
    yield screen.columns_left_out(len(shown), len(all_columns))
    yield screen.rows_left_out(len(first) if screen.width is not None else len(result), len(result))


def choose_columns(result: ResultSet, first: Sequence[Row], width: int, most: int) -> list[int]:
    """Return the indices of the columns that a display without a fixed width shows; at least one.

    Columns of whole records are left out as in a table of `width` columns. Selected columns are shown as far as `most`
    columns of text go.
    """
    columns, _ = _measure_rows(result, first, RenderOptions(width))
    if result.is_whole:
        columns = _remove_column(columns, _LEFT_OUT_FIRST, width)
    ends = accumulate(column.comfortable_width() + GAP for column in columns)
    fitting = [column.at for column, end in zip(columns, ends, strict=True) if end <= most]
    return fitting or [column.at for column in columns[:1]]


def _draw_picture(result: ResultSet, screen: RenderOptions) -> Iterator[str] | None:
    """Return the calendar for an availability result on a terminal, else None."""
    if result.kind != AVAILABILITY or screen.width is None:
        return None
    # Import here: few results are calendars, and loading it would delay all others.
    from auroraql.pictures.text.availability import render_counted_days

    return render_counted_days(result, screen)


def render_grid(titles: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None, *, color: bool = False) -> str:
    """Format a small table that is not a search result, such as the sources of an archive."""
    screen = RenderOptions(width, color=color)
    texts = [["" if value in ("", None) else format_cell(value) for value in row] for row in rows]
    declared = [TableColumn(title, title, Type.ANY, at=index) for index, title in enumerate(titles)]
    natural = measure_columns(declared, rows, texts)
    shown = fit_columns(natural, width, may_leave_out=False) or natural
    return _header_lines(shown, screen) + "".join(_row_lines(shown, texts, texts, replace(screen, color=False)))


def _measure_rows(
    result: ResultSet, first: Sequence[Row], screen: RenderOptions
) -> tuple[list[TableColumn], list[list[str]]]:
    """Return the columns with natural widths, and the formatted texts of the first rows."""
    titles = column_headers(result.columns)
    declared = [
        TableColumn(column.name, title, column.type, at=index)
        for index, (column, title) in enumerate(zip(result.columns, titles, strict=True))
    ]
    if screen.width is None:
        texts = [_cell_texts(row, screen) for row in first]
    else:
        values = zip(*first, strict=True) if first else ([] for _ in result.columns)
        writers = [
            cell_writer(column, column_values) for column, column_values in zip(result.columns, values, strict=True)
        ]
        texts = [
            ["NULL" if v is None and screen.color else write(v) for write, v in zip(writers, row, strict=True)]
            for row in first
        ]
    return measure_columns(declared, first, texts), texts


def _cell_texts(row: Sequence[Any], screen: RenderOptions) -> list[str]:
    """Return the complete text of each value."""
    return ["NULL" if value is None and screen.color else format_cell(value) for value in row]


def _header_lines(shown: Sequence[TableColumn], screen: RenderOptions) -> str:
    color = screen.color
    titles = [
        apply_style(pad_text(cut_title(c.header, c.width), c.width, right=c.right), BOLD, color=color) for c in shown
    ]
    rules = [apply_style("-" * c.width, DIM, color=color) for c in shown]
    return _join_cells([titles, rules])


def _row_lines(
    shown: Sequence[TableColumn],
    rows: Iterable[Sequence[Any]],
    texts: Sequence[Sequence[str]] | None,
    screen: RenderOptions,
) -> Iterator[str]:
    """Yield the table lines; `texts` holds formatted values, or is None to format them here."""
    remaining = iter(rows)
    text_iterator = iter(texts) if texts is not None else None
    while chunk := list(islice(remaining, _CHUNK)):
        cells = (
            list(islice(text_iterator, _CHUNK))
            if text_iterator is not None
            else [_cell_texts(row, screen) for row in chunk]
        )
        yield _join_cells(
            [
                [_draw_cell(c, row[c.at], text[c.at], screen) for c in shown]
                for row, text in zip(chunk, cells, strict=True)
            ]
        )


def _draw_cell(column: TableColumn, value: Any, text: str, screen: RenderOptions) -> str:
    filled = _fill_cell(column, text)
    if value is None and screen.color:
        return apply_style(filled, DIM, color=True)
    return make_link(filled, value) if screen.links else filled


def _fill_cell(column: TableColumn, text: str) -> str:
    return pad_text(text if column.is_whole else cut_text(text, column.width), column.width, right=column.right)


def _join_cells(rows: list[list[str]]) -> str:
    """Return the lines of rows whose cells are padded to the widths of their columns."""
    return "".join(f"{(' ' * GAP).join(cells).rstrip()}\n" for cells in rows)


GAP = 2
"""Blanks between two columns."""

_MIN_COLUMN_WIDTH = 8
_COMFORTABLE = 12
_SEVERAL_NAMES = 40
_READABLE = 24
_MAX_UNCUT_TITLE = 16
_WIDEST_RIGID = 32
_WIDEST_PADDED = 500
_MAX_CUT_RATIO = 2

_LEFT_OUT_FIRST = (
    "source_type",
    "identifier",
    "display_name",
    "events",
    "data_sources",  # the columns of the blocks have their names
    "farthest_epoch",
    "conjunction_type",
    "location_gsm",
    "max_distance",
    "closest_epoch",
    "end",
    "sbtrace",
    "instrument_type",
    "metadata",
    "location_geo",
    "program",
    "data_product_type",
)
"""Columns of complete records in the order in which they are omitted if space is short. Time, location and file of a

product, footprint of a spacecraft, and blocks and distance of a conjunction are kept longest.
"""


@dataclass(slots=True)
class TableColumn:
    """Table column during layout; values of a `whole` column are never cut and may exceed its width."""

    name: str
    header: str
    values_kind: Type
    data: int = 0
    width: int = 0
    right: bool = False
    is_whole: bool = False
    at: int = 0
    file_name: int = 0
    """Width of the longest file name among its URLs, including the ellipsis."""
    seen: set[type] = field(default_factory=set)

    def measure(self, value: Any, text: str) -> None:
        """Record one value and its formatted text."""
        self.seen.add(type(value))
        self.data = max(self.data, display_width(text))
        if text.startswith(("https://", "http://")):
            self.file_name = max(self.file_name, display_width(text.rpartition("/")[2]) + 1)

    def settle(self) -> None:
        """Set natural width and alignment after all values are measured."""
        numbers = self.seen - {type(None)}
        self.right = bool(numbers) and numbers <= {int, float, Decimal}
        self.width = max(self.data, display_width(self.header))

    def min_width(self) -> int:
        """Return the minimum width."""
        rigid = self.data <= _WIDEST_RIGID and (self.right or self.values_kind is Type.TIME)
        name = display_width(self.header.rpartition(" (")[0] or self.header)
        # Members of several objects have the same name; only with the parent's name are they distinguishable.
        title = (
            min(name, _MAX_UNCUT_TITLE) if "." in self.header else min(display_width(self.header), _MIN_COLUMN_WIDTH)
        )
        return max(self.data if rigid else min(self.data, _MIN_COLUMN_WIDTH), title)

    def readable_width(self) -> int:
        """Return the width to which a text is cut before any header is cut."""
        return max(self.min_width(), min(self.data, self.file_name or _READABLE), display_width(self.header))

    def comfortable_width(self) -> int:
        """Return the width that makes it worth showing: a URL's file name, several names, else a quarter of a text."""
        if list in self.seen:
            return max(self.min_width(), min(self.data, _SEVERAL_NAMES))
        title = min(display_width(self.header.rpartition(" (")[0]), _COMFORTABLE)
        return max(self.min_width(), title, min(self.data, _COMFORTABLE), self.file_name or self.data // 4)


def measure_columns(
    columns: Sequence[TableColumn], rows: Iterable[Sequence[Any]], texts: Iterable[Sequence[str]]
) -> list[TableColumn]:
    """Return the columns with natural widths, measured on rows and their formatted texts."""
    for row, shown in zip(rows, texts, strict=True):
        for column, value, text in zip(columns, row, shown, strict=True):
            column.measure(value, text)
    for column in columns:
        column.settle()
    return list(columns)


def is_crowded(columns: Sequence[TableColumn], shown: Sequence[TableColumn], width: int | None) -> bool:
    """Return whether the shown columns omit too much: whole columns, or most of every line."""
    if width is None or len(columns) == 1:
        return False
    return len(shown) < len(columns) or sum(max(c.data, GAP) for c in columns) > _MAX_CUT_RATIO * width


def fit_columns(columns: list[TableColumn], width: int | None, *, may_leave_out: bool) -> list[TableColumn] | None:
    """Return the columns to show with fitted widths; None when the table would be unreadable."""
    if width is None:
        for column in columns:
            column.is_whole = True
            column.width = min(column.width, _WIDEST_PADDED)  # limited, so that one huge value does not pad every row
        return columns
    if may_leave_out:
        columns = _remove_column(columns, _LEFT_OUT_FIRST, width)
    available = width - GAP * (len(columns) - 1)
    if sum(column.min_width() for column in columns) > available:
        return None
    _shrink_columns(columns, available)
    return columns


def squeeze_columns(columns: list[TableColumn], width: int) -> list[TableColumn]:
    """Return the longest prefix of the columns that fits the width; empty when not even one fits."""
    ends = accumulate(column.min_width() + GAP for column in columns[:-1])
    count = sum(1 for _ in takewhile(lambda end: end - GAP <= width, ends))
    return fit_columns(columns[:count], width, may_leave_out=False) or []


def _remove_column(columns: list[TableColumn], names: tuple[str, ...], width: int) -> list[TableColumn]:
    for name in names:
        if sum(column.comfortable_width() + GAP for column in columns) - GAP <= width:
            break
        columns = [column for column in columns if column.name != name and not column.name.startswith(f"{name}.")]
    return columns


def _shrink_columns(columns: list[TableColumn], available: int) -> None:
    """Shrink the widest columns: long texts first, then headers wider than their values, then all texts."""
    for column in columns:
        column.width = max(min(column.width, available), column.min_width())
    for floor in (
        TableColumn.readable_width,
        TableColumn.comfortable_width,
        lambda c: max(c.data, c.min_width()),
        TableColumn.min_width,
    ):
        while sum(column.width for column in columns) > available:
            shrinkable = [column for column in columns if column.width > floor(column)]
            if not shrinkable:
                break
            max(shrinkable, key=lambda column: column.width).width -= 1


_RULE = 60


def render_vertical(result: ResultSet, screen: RenderOptions) -> Iterator[str]:
    """Render a result as blocks of `name  value` lines."""
    rows = iter(result)
    first = list(islice(rows, SAMPLE_ROWS if screen.width is None else _max_rows(result.columns, screen)))
    names = max((display_width(name) for name in _padded_names(result.columns, first)), default=0)
    shown = 0
    for row in chain(first, rows if screen.width is None else ()):
        shown += 1
        head = f"-[ row {shown} ]".ljust(min(screen.width or _RULE, _RULE), "-")
        lines = [apply_style(head, DIM, color=screen.color)]
        for name, value in _name_value_pairs(result.columns, row):
            title = apply_style(pad_text(name, names, right=False), BOLD, color=screen.color)
            lines.append(f"{title}  {_format_value(value, screen)}".rstrip())
        yield "\n".join(lines) + "\n"
    yield screen.rows_left_out(shown, len(result))


def _max_rows(shown: Sequence[ResultColumn], screen: RenderOptions) -> int:
    """Return the number of rows that fill a page, at least one."""
    return MAX_ROWS_SHOWN if screen.height is None else max(screen.height // (len(shown) + 1), 1)


def count_lines(result: ResultSet, rows: Iterable[Sequence[Any]]) -> int:
    """Return the number of lines of the vertical view."""
    return sum(1 + sum(1 for _ in _name_value_pairs(result.columns, row)) for row in rows)


def _format_value(value: Any, screen: RenderOptions) -> str:
    if value is None and screen.color:
        return apply_style("NULL", DIM, color=True)
    return make_link(format_cell(value), value) if screen.links else format_cell(value)


def _padded_names(shown: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> set[str]:
    return {name for row in rows for name, _ in _name_value_pairs(shown, row)}


def _name_value_pairs(shown: Sequence[ResultColumn], row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for column, value in zip(shown, row, strict=True):
        name = make_visible(column.name) + (f" ({column.unit})" if column.unit else "")
        match value:
            case dict() if value:
                yield from ((f"{name}.{make_visible(str(key))}", member) for key, member in value.items())
            case [dict(), *_]:
                yield from ((f"{name}[{number}]", element) for number, element in enumerate(value, 1))
            case _:
                yield name, value
