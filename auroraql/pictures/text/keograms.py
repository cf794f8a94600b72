"""Keograms by day as text: a line for each source and day on one clock, with the passes marked."""

from __future__ import annotations

from collections.abc import Iterator

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.pictures.keograms import Keograms, Strip
from auroraql.rendering.text_output import BOLD, MAX_ROWS_SHOWN, RenderOptions, apply_style, cut_text, pad_text

_MIN_WIDTH = 40
_BLOCKS, _ASCII = ("░", "▓", "│"), (".", "=", "|")
"""Characters of a product, of the time in which the camera imaged, and of the edge."""
_CLOSEST = "x"
_HOURS = 3


def render_keograms(model: Keograms, screen: RenderOptions) -> Iterator[str]:
    """Render a strip for each source and day, from 00 to 24 UTC."""
    width = max(screen.width or 80, _MIN_WIDTH)
    names = min(max(display_width(strip.label) for strip in model.strips), width // 2)
    room = max(width - names - 3, 12)
    product, imaged, edge = _BLOCKS if screen.blocks else _ASCII
    yield screen.format_shown(cut_text(make_visible(model.title), width)) + "\n"
    hours = "".join(
        f"{hour:02}".ljust(room * (hour + _HOURS) // 24 - room * hour // 24) for hour in range(0, 24, _HOURS)
    )
    yield apply_style(f"{' ' * names}  {hours}", BOLD, color=screen.color).rstrip() + "\n"
    for strip in model.strips[:MAX_ROWS_SHOWN]:
        name = screen.format_shown(pad_text(cut_text(strip.label, names), names, right=False))
        yield f"{name} {edge}{_draw_strip(strip, room, product, imaged)}{edge}\n"
    if len(model.strips) > MAX_ROWS_SHOWN:
        yield screen.note(f"{len(model.strips) - MAX_ROWS_SHOWN:,} more strips, not drawn")
    passes = f", {_CLOSEST} closest approach of a pass" if any(strip.marks for strip in model.strips) else ""
    yield screen.note(f"{product} product, {imaged} camera imaged{passes}")
    if model.note:
        yield screen.note(model.note)


def _draw_strip(strip: Strip, room: int, product: str, imaged: str) -> str:
    cells = [" "] * room
    for keogram in strip.keograms:
        for character, times in ((product, (keogram.start, keogram.end)), (imaged, keogram.imaging)):
            if times is not None:
                first, last = (min(int(strip.fraction(moment) * room), room - 1) for moment in times)
                cells[first : last + 1] = character * (last + 1 - first)
    for mark in strip.marks:
        cells[min(int(strip.fraction(mark.when) * room), room - 1)] = _CLOSEST
    return "".join(cells)
