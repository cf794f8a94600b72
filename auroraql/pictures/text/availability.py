"""Availability as text: a line per source, a shade per day, week or month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from auroraql.diagnostics.errors import display_width
from auroraql.pictures.availability import Availability, read_counted_days
from auroraql.pictures.time_axis import ASCII_SHADES, DAY, SHADES, BlockScale, TimeStep, choose_step, draw_axis
from auroraql.rendering.text_output import BOLD, MAX_ROWS_SHOWN, RenderOptions, apply_style, cut_text, pad_text
from auroraql.results.result_set import ResultSet

_MIN_CELLS = 7
_WIDEST_DAY = 3
_MIN_WIDTH = 40


def render_counted_days(result: ResultSet, screen: RenderOptions) -> Iterator[str] | None:
    """Render SHOW AVAILABILITY. Return None when columns are missing or the screen is too narrow."""
    model = read_counted_days(result, needs_sources=True)
    if model is None or screen.width is None:
        return None
    layout = _lay_out(model, screen.width)
    return _draw(model, screen, layout, names_rows=True) if layout.strip_width >= _MIN_CELLS else None


def render_availability(model: Availability, screen: RenderOptions) -> Iterator[str]:
    """Render the records of each source and day, at least 40 columns wide."""
    layout = _lay_out(model, max(screen.width or 80, _MIN_WIDTH))
    return _draw(model, screen, replace(layout, strip_width=max(layout.strip_width, _MIN_CELLS)), names_rows=False)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Widths of the names and of the strips in columns, and the texts right of the strips."""

    names: int
    strip_width: int
    figures: list[str]


def _lay_out(model: Availability, width: int) -> _Layout:
    names = min(max(display_width(source.name) for source in model.sources), max(width // 3, 8))
    figures = _summary_texts(model)
    return _Layout(names, width - names - 4 - len(figures[0]), figures)


def _summary_texts(model: Availability) -> list[str]:
    """Return the texts right of each source: the headers, then records and covered days."""
    totals = [f"{source.count:,}" for source in model.sources]
    counts = [f"{len(source.days):,}/{model.day_count:,}" for source in model.sources]
    totals_width, counts_width = max(map(len, [*totals, "records"])), max(map(len, [*counts, "days"]))
    pairs = [("records", "days"), *zip(totals, counts, strict=True)]
    return [f"{total.rjust(totals_width)}  {count.rjust(counts_width)}" for total, count in pairs]


def _draw(model: Availability, screen: RenderOptions, layout: _Layout, *, names_rows: bool) -> Iterator[str]:
    names, room, figures = layout.names, layout.strip_width, layout.figures
    step, starts = choose_step(model.first, model.last, room, DAY)
    step_width = min(room // len(starts), _WIDEST_DAY)
    lines = [(source, model.daily_means(source, step, starts)) for source in model.sources]
    scale = BlockScale(SHADES if screen.blocks else ASCII_SHADES, max(max(counts) for _, counts in lines))
    axis_width = len(starts) * step_width
    axis_line = draw_axis(step, starts, step_width, "┌" if screen.blocks else "|")
    yield apply_style(f"{' ' * names}  {axis_line.ljust(axis_width)}  {figures[0]}", BOLD, color=screen.color) + "\n"
    for (source, counts), figure in zip(lines[:MAX_ROWS_SHOWN], figures[1:], strict=False):
        strip = "".join(scale.character(count) * step_width for count in counts)
        name = screen.format_shown(pad_text(cut_text(source.name, names), names, right=False))
        yield f"{name}  {strip}  {figure}\n"
    if len(lines) > MAX_ROWS_SHOWN:
        yield screen.note(f"first {MAX_ROWS_SHOWN:,} of {len(lines):,} sources")
    yield screen.note(_draw_legend(scale, step))
    hint = "\\last" if screen.commands else "--format csv"
    show_rows = names_rows and not screen.python
    yield screen.note(f"{model.period}; the {model.row_count:,} rows: {hint}" if show_rows else model.period)


def _draw_legend(scale: BlockScale, step: TimeStep) -> str:
    """Return the meaning of each character."""
    parts = [f"{scale.characters[0]} none", *(f"{character} {counts}" for character, counts in scale.ranges())]
    mean = "" if step is DAY else f", mean of {step.name}"
    return f"{'  '.join(parts)} records a day{mean}"
