"""Timeline as text: a line per source, with higher blocks for more records."""

from __future__ import annotations

from collections.abc import Iterator

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.pictures.time_axis import ASCII_BARS, BARS, BlockScale, choose_step, draw_axis
from auroraql.pictures.timeline import Timeline
from auroraql.rendering.text_output import BOLD, RenderOptions, apply_style, cut_text, pad_text

_MIN_WIDTH = 40
_WIDEST_PIECE = 4

_OTHER_LINES, _MIN_SOURCES = 7, 5
"""Lines of a screen that are not rows of sources (title, dates, legend and prompt), and the fewest rows drawn."""


def render_timeline(timeline: Timeline, screen: RenderOptions, most: int | None = None) -> Iterator[str]:
    """Render the timeline of the `most` sources with most records, by default those that fit the screen."""
    if most is None:
        most = len(timeline.lanes) if screen.height is None else max(screen.height - _OTHER_LINES, _MIN_SOURCES)
    lanes = timeline.lanes[:most]
    width = max(screen.width or 80, _MIN_WIDTH)
    names = min(max(display_width(lane.name) for lane in lanes), width // 3)
    figures = max(len(f"{lane.count:,}") for lane in lanes)
    strip_width = width - names - figures - 4
    step, starts = choose_step(timeline.first, timeline.last, strip_width, timeline.finest)
    heights = [lane.count_by_piece(starts) for lane in lanes]
    scale = BlockScale(BARS if screen.blocks else ASCII_BARS, max(map(max, heights)))
    piece_width = min(strip_width // len(starts), _WIDEST_PIECE)
    edge = "│" if screen.blocks else "|"
    yield make_visible(timeline.title) + "\n"
    axis_line = draw_axis(step, starts, piece_width, "┌" if screen.blocks else "|")
    yield apply_style(f"{' ' * names}  {axis_line}", BOLD, color=screen.color).rstrip() + "\n"
    for lane, counts in zip(lanes, heights, strict=True):
        strip = "".join(scale.character(count) * piece_width for count in counts)
        name = screen.format_shown(pad_text(cut_text(lane.name, names), names, right=False))
        yield f"{name} {edge}{strip}{edge}{lane.count:>{figures},}\n"
    if len(timeline.lanes) > len(lanes):
        rest_count = sum(lane.count for lane in timeline.lanes[most:])
        yield screen.note(f"{len(timeline.lanes) - len(lanes):,} more sources, not drawn, have {rest_count:,}")
    yield screen.note(_draw_legend(scale, step.name, piece_width))


def _draw_legend(scale: BlockScale, step: str, piece_width: int) -> str:
    ranges = scale.ranges()
    if not ranges:
        return "no records"
    (low, fewest), (high, most) = ranges[0], ranges[-1]
    dots = "..." if scale.characters.isascii() else "…"
    range_text = f"{low} {fewest}" if len(ranges) == 1 else f"{low} {fewest} {dots} {high} {most}"
    return f"blank none, {range_text} in each {'column' if piece_width == 1 else f'{piece_width} columns'} ({step})"
