"""Images in terminals: the protocols of kitty, iTerm2 and sixel, and characters for other terminals.

`ImageProtocol` names what a terminal can do; front ends ask the terminal. kitty and iTerm2 take the bytes of a PNG file,
and iTerm2 those of a JPEG too. Other combinations need Pillow, which comes with matplotlib.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from typing import Any

import numpy as np

from auroraql.diagnostics.errors import UsageError
from auroraql.pictures.image_protocol import ImageProtocol
from auroraql.pictures.keograms import KeogramImage

_KITTY_CHUNK = 4096
"""Most bytes of base64 in one escape sequence of kitty's protocol."""
_SIXEL_COLORS, _SIXEL_ROWS = 250, 6
_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:+#"
_MAX_PIXELS = 100_000_000
"""Most pixels of an image that is decoded. A small file may unpack to a very large image."""


def encode_image(image: KeogramImage, protocol: ImageProtocol, width: int) -> Iterator[str]:
    """Return the escape sequences that show an image, at most `width` pixels wide.

    Raises UsageError for an image that cannot be read, and when Pillow is needed and not installed.
    """
    match protocol:
        case ImageProtocol.KITTY:
            return _encode_kitty(_to_png(image, width))
        case ImageProtocol.ITERM2:
            return _encode_iterm2(image.content, width)
        case ImageProtocol.SIXEL:
            return _encode_sixel(_decode(image, width))


def _encode_kitty(png: bytes) -> Iterator[str]:
    data = base64.b64encode(png).decode()
    chunks = [data[at : at + _KITTY_CHUNK] for at in range(0, len(data), _KITTY_CHUNK)]
    for number, chunk in enumerate(chunks):
        # f=100 is PNG, a=T shows it at once, q=2 suppresses answers, which would arrive as typed keys.
        keys = "a=T,f=100,q=2," if number == 0 else ""
        yield f"\x1b_G{keys}m={int(number < len(chunks) - 1)};{chunk}\x1b\\"
    yield "\n"


def _encode_iterm2(content: bytes, width: int) -> Iterator[str]:
    data = base64.b64encode(content).decode()
    yield f"\x1b]1337;File=inline=1;size={len(content)};width={width}px;preserveAspectRatio=1:{data}\x07\n"


def _encode_sixel(picture: Any) -> Iterator[str]:
    """Return an image as sixels: bands of six rows, one color after the other."""
    indexed = picture.quantize(_SIXEL_COLORS)
    pixels = np.asarray(indexed)
    palette = indexed.getpalette()
    height, width = pixels.shape
    colors = "".join(
        f"#{n};2;" + ";".join(str(round(value * 100 / 255)) for value in palette[3 * n : 3 * n + 3])
        for n in range(len(palette) // 3)
    )
    yield f'\x1bP0;1q"1;1;{width};{height}{colors}'
    for top in range(0, height, _SIXEL_ROWS):
        band = pixels[top : top + _SIXEL_ROWS]
        weights = (1 << np.arange(len(band)))[:, None]
        lines = (f"#{color}{_run_lengths(((band == color) * weights).sum(axis=0))}" for color in np.unique(band))
        yield "$".join(lines) + "-"
    yield "\x1b\\\n"


def _run_lengths(sixels: Any) -> str:
    parts = []
    for value, run in groupby(sixels.tolist()):
        length, character = len(list(run)), chr(63 + value)
        parts.append(f"!{length}{character}" if length > 3 else character * length)
    return "".join(parts)


def render_image(image: KeogramImage, columns: int, *, blocks: bool, color: bool) -> Iterator[str]:
    """Return an image as lines of characters, `columns` wide: half blocks with color, otherwise shades of gray.

    Raises UsageError for an image that cannot be read, and when Pillow is not installed.
    """
    picture = _decode(image)
    columns = min(columns, picture.width)
    rows = max(round(picture.height * columns / picture.width / 2), 1)
    if color and blocks:
        pixels = np.asarray(picture.resize((columns, 2 * rows)))
        for row in range(rows):
            cells = zip(pixels[2 * row].tolist(), pixels[2 * row + 1].tolist(), strict=True)
            line = "".join(f"\x1b[38;2;{_rgb(upper)};48;2;{_rgb(lower)}m▀" for upper, lower in cells)
            yield f"{line}\x1b[0m\n"
        return
    shades = _SHADES if blocks else _ASCII_SHADES
    gray = np.asarray(picture.convert("L").resize((columns, rows))).astype(int)
    for line in (gray * (len(shades) - 1) + 127) // 255:
        yield "".join(shades[level] for level in line) + "\n"


def _rgb(pixel: list[int]) -> str:
    return ";".join(map(str, pixel))


def _to_png(image: KeogramImage, width: int) -> bytes:
    """Return an image as PNG, at most `width` pixels wide. A PNG is not changed if it fits."""
    if image.media_type == "image/png" and int.from_bytes(image.content[16:20], "big") <= width:
        return image.content
    stream = io.BytesIO()
    _decode(image, width).save(stream, format="PNG")
    return stream.getvalue()


def _decode(image: KeogramImage, width: int | None = None) -> Any:
    """Return an image of Pillow, in RGB. Raises UsageError."""
    try:
        pillow = import_module("PIL.Image")
    except ImportError:
        raise UsageError("Pillow is not installed, which reads images", "run `pip install 'auroraql[plot]'`") from None
    try:
        picture = pillow.open(io.BytesIO(image.content), formats=("PNG", "JPEG"))
        if picture.width * picture.height > _MAX_PIXELS:
            raise UsageError(f"the image is too large to show: {picture.width:,} by {picture.height:,} pixels")
        picture = picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise UsageError(f"the image cannot be read: {error}") from None
    if width is not None and picture.width > width:
        picture = picture.resize((width, max(round(picture.height * width / picture.width), 1)))
    return picture
