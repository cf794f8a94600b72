"""Reads SVG pictures back with an XML parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"

_ALLOWED = {
    "svg", "title", "desc", "style", "rect", "text", "line", "path", "circle", "polygon", "g", "image", "clipPath", "defs", "a",
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A parsed picture."""

    root: ElementTree.Element

    @property
    def texts(self) -> list[str]:
        """The visible texts."""
        return [element.text or "" for element in self.root.iter(f"{SVG}text")]

    @property
    def tooltips(self) -> list[str]:
        """The tooltips of marks, not of the picture and its texts."""
        return [title for _, title in self.marks()]

    def marks(self) -> Iterator[tuple[ElementTree.Element, str]]:
        """Yield each shape that has a tooltip."""
        for element in self.root.iter():
            title = element.find(f"{SVG}title")
            if title is not None and element.tag not in (f"{SVG}svg", f"{SVG}text"):
                yield element, title.text or ""


def read_svg(text: str) -> Drawing:
    """Parse a picture. Fail unless it is safe: no scripts, handlers, or references to other files."""
    root = ElementTree.fromstring(text)  # noqa: S314 - the product wrote it
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in _ALLOWED, element.tag
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            assert "nan" not in value.lower().split(",")
            if name.endswith("href"):
                assert re.match(r"(https?://|data:image/(png|jpeg);base64,)", value), value
            if name in {"x", "y", "width", "height", "cx", "cy", "r", "x1", "x2", "y1", "y2"} and value != "100%":
                assert abs(float(value)) < 1e5
    assert root.get("aria-label")
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert all(child.text for child in list(root)[:2])
    return Drawing(root)
