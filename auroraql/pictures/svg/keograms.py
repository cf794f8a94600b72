"""Keograms by day as SVG: strips on one clock, with their images where they are known, and marks for passes."""

from __future__ import annotations

import base64

from auroraql.pictures.keograms import Keogram, Keograms, Strip
from auroraql.pictures.palette import COLORS, OTHER
from auroraql.pictures.svg.canvas import Canvas, text_width
from auroraql.pictures.svg.time_scale import HEADER, MARGIN, WIDTH
from auroraql.rendering.html import URL

_MAX_STRIPS = 120
_NAME_WIDTH = 240
_PLAIN_HEIGHT, _IMAGE_HEIGHT, _GAP = 16, 64, 4
_HOURS = 3


def draw_keograms(model: Keograms, *, inline: bool) -> str:
    """Return a strip for each source and day, from 00 to 24 UTC."""
    canvas = Canvas(WIDTH, model.title, model.description, has_links=True)
    strips = model.strips[:_MAX_STRIPS]
    names = min(max(text_width(strip.label) for strip in strips), _NAME_WIDTH) + 8
    left, right = MARGIN + names, WIDTH - MARGIN - 20
    height = _IMAGE_HEIGHT if any(k.image for strip in strips for k in strip.keograms) else _PLAIN_HEIGHT
    top = HEADER + 22
    bottom = top + len(strips) * (height + _GAP)
    canvas.text(MARGIN, HEADER - 10, model.title, most=WIDTH - 2 * MARGIN, font_weight="bold", font_size=13)
    for hour in range(0, 25, _HOURS):
        x = left + (right - left) * hour / 24
        canvas.add("line", x1=x, x2=x, y1=top, y2=bottom, stroke="currentColor", stroke_opacity=0.15)
        canvas.text(x, top - 5, f"{hour:02}:00", font_size=11, fill_opacity=0.75, text_anchor="middle")
    for number, strip in enumerate(strips):
        y = top + number * (height + _GAP)
        canvas.text(left - 8, y + height / 2 + 4, strip.label, most=names - 8, text_anchor="end")
        for keogram in strip.keograms:
            _draw_keogram(canvas, strip, keogram, (left, right, y, height))
        for mark in strip.marks:
            x = left + (right - left) * strip.fraction(mark.when)
            canvas.add(
                "rect", x=x - 1.5, y=y - 2, width=3, height=height + 4, fill=COLORS[1], stroke="#ffffff",
                stroke_width=0.6, tooltip=f"{strip.name}: {mark.text}",
            )  # fmt: skip
    rest = len(model.strips) - len(strips)
    for note in filter(None, (f"{rest:,} more strips, not drawn" if rest else "", _legend(model), model.note)):
        bottom += 18
        canvas.text(MARGIN, bottom, note, font_size=11, fill_opacity=0.75)
    return canvas.write(bottom + MARGIN, inline=inline)


def _legend(model: Keograms) -> str:
    has_images = any(k.image for strip in model.strips for k in strip.keograms)
    shades = "" if has_images else "light: the time of the product, dark: when the camera imaged"
    marks = "marks: closest approach of a pass" if any(strip.marks for strip in model.strips) else ""
    return "; ".join(filter(None, (shades, marks)))


def _draw_keogram(canvas: Canvas, strip: Strip, keogram: Keogram, box: tuple[float, float, float, float]) -> None:
    """Draw a product in a box (left, right, top, height), with a link to its file."""
    left, right, y, height = box

    def x(fraction: float) -> float:
        return left + (right - left) * fraction

    begin, end = x(strip.fraction(keogram.start)), x(strip.fraction(keogram.end))
    is_linked = URL.fullmatch(keogram.url) is not None
    if is_linked:
        canvas.open("a", href=keogram.url, target="_blank", rel="noopener noreferrer")
    tip = f"{strip.name}: {keogram.start:%Y-%m-%d %H:%M} to {keogram.end:%Y-%m-%d %H:%M}"
    row = str(keogram.row + 1)
    if keogram.image is not None:
        data = base64.b64encode(keogram.image.content).decode()
        canvas.add(
            "image", x=begin, y=y, width=max(end - begin, 1), height=height, preserveAspectRatio="none",
            href=f"data:{keogram.image.media_type};base64,{data}", tooltip=tip, data_row=row,
        )  # fmt: skip
    else:
        canvas.add(
            "rect", x=begin, y=y, width=max(end - begin, 1), height=height, fill=OTHER, fill_opacity=0.25,
            tooltip=tip, data_row=row,
        )  # fmt: skip
        if keogram.imaging is not None:
            first, last = (x(strip.fraction(moment)) for moment in keogram.imaging)
            imaged = " to ".join(f"{moment:%H:%M}" for moment in keogram.imaging)
            canvas.add(
                "rect", x=first, y=y, width=max(last - first, 1), height=height, fill=OTHER, fill_opacity=0.6,
                tooltip=f"{strip.name}: imaged {imaged}",
            )  # fmt: skip
    if is_linked:
        canvas.close("a")
