"""Canvas: collects the elements of an SVG document. Texts are escaped, and numbers are finite.

A document for a page of its own has a background and follows the reader's light or dark mode. An inline one has the
color of the page's text (`currentColor`) and no style sheet, so that it can be part of an HTML page with a strict policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.pictures.palette import DARK, LIGHT
from auroraql.rendering.text_output import cut_text

FONT_SIZE = 12
CHARACTER_WIDTH = 7.3
"""Width of an average character at FONT_SIZE. Fonts differ, so layouts leave some room."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})

Point = tuple[float, float]


def escape(text: str) -> str:
    """Return the text as XML: markup escaped, and characters that XML does not allow replaced by visible ones."""
    return make_visible(text).translate(_ESCAPES)


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Estimate the width of a text."""
    return display_width(text) * CHARACTER_WIDTH * size / FONT_SIZE


def format_number(value: float) -> str:
    """Return a number with at most two decimals. Values that are not finite are 0."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isfinite(value) else "0"


def _attributes(values: dict[str, str | float | None]) -> str:
    written = (
        (name.rstrip("_").replace("_", "-"), value if isinstance(value, str) else format_number(value))
        for name, value in values.items()
        if value is not None
    )
    return "".join(f' {name}="{escape(value)}"' for name, value in written)


@dataclass(slots=True)
class Canvas:
    """A document of a fixed width. Its height is set when it is written.

    Attributes:
        title: Name of the picture, for screen readers and tooltips.
        description: What the picture shows, for readers who do not see it.
    """

    width: float
    title: str
    description: str
    has_links: bool = False
    _parts: list[str] = field(default_factory=list)

    def add(self, name: str, *, tooltip: str = "", **attributes: str | float | None) -> None:
        """Add an element without text. Underscores in attribute names are written as hyphens."""
        start = f"<{name}{_attributes(attributes)}"
        self._parts.append(f"{start}><title>{escape(tooltip)}</title></{name}>" if tooltip else f"{start}/>")

    def text(
        self, x: float, y: float, text: str, *, most: float | None = None, **attributes: str | float | None
    ) -> None:
        """Add a text. One wider than `most` is cut, and its tooltip has all of it."""
        size = attributes.get("font_size") or FONT_SIZE
        shown = text
        if most is not None and text_width(text, float(size)) > most:
            shown = cut_text(make_visible(text), max(int(most / CHARACTER_WIDTH * FONT_SIZE / float(size)), 1))
        title = f"<title>{escape(text)}</title>" if shown != text else ""
        position: dict[str, str | float | None] = {"x": x, "y": y, "fill": "currentColor"}
        self._parts.append(f"<text{_attributes({**position, **attributes})}>{escape(shown)}{title}</text>")

    def path(
        self,
        lines: Iterable[Sequence[Point]],
        *,
        closed: bool = False,
        tooltip: str = "",
        **attributes: str | float | None,
    ) -> None:
        """Add lines through points, as one element."""
        data = "".join(
            "M" + "L".join(f"{format_number(x)} {format_number(y)}" for x, y in line) + ("Z" if closed else "")
            for line in lines
            if len(line) > 1
        )
        if data:
            self.add("path", tooltip=tooltip, d=data, **attributes)

    def open(self, name: str, *, tooltip: str = "", **attributes: str | float | None) -> None:
        """Begin an element that contains the next ones."""
        title = f"<title>{escape(tooltip)}</title>" if tooltip else ""
        self._parts.append(f"<{name}{_attributes(attributes)}>{title}")

    def close(self, name: str) -> None:
        """End an element."""
        self._parts.append(f"</{name}>")

    def write(self, height: float, *, inline: bool) -> str:
        """Return the document. `inline` is for a part of an HTML page."""
        size = f'width="{format_number(self.width)}" height="{format_number(height)}"'
        # An image is one object for screen readers; links in it would not be reachable.
        role = "group" if self.has_links else "img"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {format_number(self.width)} {format_number(height)}"'
            f' {size} role="{role}" aria-label="{escape(self.title)}" font-family="system-ui, sans-serif"'
            f' font-size="{FONT_SIZE}">\n'
            f"<title>{escape(self.title)}</title>\n<desc>{escape(self.description)}</desc>\n"
        )
        paper = "" if inline else _PAPER
        return f"{head}{paper}{chr(10).join(self._parts)}\n</svg>\n"


_PAPER = (
    f"<style>svg {{ color: {LIGHT[0]}; }} .paper {{ fill: {LIGHT[1]}; }}\n"
    f"@media (prefers-color-scheme: dark) {{ svg {{ color: {DARK[0]}; }} .paper {{ fill: {DARK[1]}; }} }}</style>\n"
    f'<rect class="paper" width="100%" height="100%" fill="{LIGHT[1]}"/>\n'
)


def add_mark(
    canvas: Canvas, shape: str, x: float, y: float, size: float, *, tooltip: str = "", **attributes: str | float | None
) -> None:
    """Add a mark of one of the palette's shapes, centered on a point. `size` is its radius."""
    if shape == "circle":
        canvas.add("circle", cx=x, cy=y, r=size, tooltip=tooltip, **attributes)
        return
    points = " ".join(f"{format_number(x + dx * size)},{format_number(y + dy * size)}" for dx, dy in _SHAPES[shape])
    canvas.add("polygon", points=points, tooltip=tooltip, **attributes)


_SHAPES: dict[str, tuple[Point, ...]] = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    "down": ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    "diamond": ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
    "cross": (
        (-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4),
        (0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4),
    ),
}  # fmt: skip
