"""A picture of a result, in every form that it can be shown or saved in."""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.rendering.files import write_bytes
from auroraql.rendering.text_output import RenderOptions

_PRINTED_WIDTH = 120
_PNG_DPI = 144


class PictureModel(Protocol):
    """Protocol of the models of pictures."""

    @property
    def title(self) -> str:
        """What the picture shows, on one line."""

    @property
    def description(self) -> str:
        """Its main facts, for readers who do not see it."""


@dataclass(frozen=True, slots=True)
class Renderers:
    """Functions that render a model as SVG, as text, and on axes of matplotlib."""

    svg: Callable[..., str]
    text: Callable[..., Iterator[str]]
    figure: Callable[..., Any]


@dataclass(frozen=True)
class Picture:
    """Picture of a result. `print` draws it with characters, and a notebook shows it as SVG.

    `name` is timeline, availability, distances, map or keograms, and `title` says what it shows.
    """

    name: str
    model: PictureModel = field(repr=False)
    renderers: Renderers = field(repr=False)

    @property
    def title(self) -> str:
        """What the picture shows, on one line, without control characters."""
        return make_visible(self.model.title)

    @property
    def description(self) -> str:
        """Main facts of the picture, for readers who do not see it."""
        return make_visible(self.model.description)

    def svg(self, *, inline: bool = False) -> str:
        """Return the picture as an SVG document that needs no other file.

        A document for itself has a background and follows the reader's light or dark mode. With `inline` it is a part of
        an HTML page: it has the color of the page's text and no style sheet.
        """
        return self.renderers.svg(self.model, inline=inline)

    def text(self, width: int = 100, *, blocks: bool = True) -> str:
        """Return the picture as lines of characters, `width` columns wide. Without `blocks` they are ASCII."""
        return "".join(self.render_text(RenderOptions(width, terminal=True, blocks=blocks)))

    def render_text(self, screen: RenderOptions) -> Iterator[str]:
        """Return the picture as text for a screen, in chunks."""
        return self.renderers.text(self.model, screen)

    def figure(self, axes: Any = None) -> Any:
        """Draw the picture with matplotlib and return the `Figure`. `axes` are axes to draw on, else new ones.

        Raises UsageError when matplotlib is not installed.
        """
        if axes is None:
            figure = load_matplotlib("figure").Figure(figsize=(10, 5), layout="constrained")
            axes = figure.subplots()
        self.renderers.figure(self.model, axes)
        return axes.figure

    def png(self, *, dpi: int = _PNG_DPI) -> bytes:
        """Return the picture as a PNG image. Raises UsageError when matplotlib is not installed."""
        return self._print_figure("png", dpi)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file: .svg, .txt, or with matplotlib .png and .pdf.

        The file is written whole or not at all. Raises UsageError for another suffix, for a file that cannot be written,
        and when matplotlib is not installed.
        """
        suffix = picture_suffix(path)
        match suffix:
            case ".svg":
                content = self.svg().encode()
            case ".txt":
                content = self.text().encode()
            case _:
                content = self._print_figure(suffix.removeprefix("."), _PNG_DPI)
        write_bytes(path, content)

    def _print_figure(self, format: str, dpi: int) -> bytes:
        stream = io.BytesIO()
        # Without a creation date, equal pictures are equal files.
        metadata = {"CreationDate": None} if format == "pdf" else {"Software": None}
        self.figure().savefig(stream, format=format, dpi=dpi, metadata=metadata)
        return stream.getvalue()

    def __str__(self) -> str:
        return self.text(shutil.get_terminal_size((_PRINTED_WIDTH, 24)).columns).rstrip("\n")

    def _repr_html_(self) -> str:
        """Return the picture as an image. JupyterLab removes inline SVG from notebooks that are not trusted."""
        data = base64.b64encode(self.svg().encode()).decode()
        return (
            f'<img src="data:image/svg+xml;base64,{data}" alt="{_escape_attribute(self.title)}"'
            ' style="max-width: 100%; height: auto">'
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Draw the picture with characters in IPython."""
        printer.text(repr(self) if cycle or len(printer.stack) > 1 else str(self))


MATPLOTLIB_SUFFIXES = (".png", ".pdf")
PICTURE_SUFFIXES = (".svg", ".txt", *MATPLOTLIB_SUFFIXES)


def picture_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a picture's file. Raises UsageError for one that is not of a picture."""
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        message = f"the name '{make_visible(os.fspath(path))}' is not that of a picture"
        raise UsageError(message, f"end it with one of {', '.join(PICTURE_SUFFIXES)}")
    return suffix


def check_picture_file(path: str | os.PathLike[str]) -> None:
    """Raise UsageError for a file that `Picture.save` cannot write: a wrong suffix, or no matplotlib."""
    if picture_suffix(path) in MATPLOTLIB_SUFFIXES:
        load_matplotlib("figure")


def load_matplotlib(module: str) -> Any:
    """Import a module of matplotlib. Raises UsageError with the command that installs it."""
    try:
        return import_module(f"matplotlib.{module}")
    except ImportError:
        hint = "run `pip install 'auroraql[plot]'`; SVG and text need no other package"
        raise UsageError("matplotlib is not installed", hint) from None


def has_matplotlib() -> bool:
    """Return whether matplotlib is installed."""
    try:
        load_matplotlib("figure")
    except UsageError:
        return False
    return True


def _escape_attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
