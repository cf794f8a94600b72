"""Tests of images in terminals: a fake terminal on a pseudo-terminal answers the questions, and decodes what it gets."""

from __future__ import annotations

import base64
import io
import os
import pty
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import numpy as np
import pytest
from PIL import Image

from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.repl.picture_commands import plot_result
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.terminal_query import TerminalImages, query_terminal
from auroraql.pictures.image_protocol import ImageProtocol
from auroraql.pictures.keograms import KeogramImage
from auroraql.pictures.terminal_images import encode_image, render_image
from auroraql.session.archive import Archive

DEVICE = b"\x1b[?62;22c"
ANSWERS = {
    "kitty": (b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t" + DEVICE, TerminalImages(ImageProtocol.KITTY, 10)),
    "iterm2": (b"\x1b]1337;Capabilities=T3CwLrMF\x1b\\" + DEVICE, TerminalImages(ImageProtocol.ITERM2)),
    "sixel": (b"\x1b[6;16;9t\x1b[?62;4;22c", TerminalImages(ImageProtocol.SIXEL, 9)),
    "kitty refuses": (b"\x1b_Gi=31;ENOSYS\x1b\\" + DEVICE, TerminalImages(None)),
    "none": (DEVICE, TerminalImages(None)),
    "iterm2 without files": (b"\x1b]1337;Capabilities=T3CwFoLr\x1b\\" + DEVICE, TerminalImages(None)),
    "a class that is not a feature": (b"\x1b[?4c", TerminalImages(None)),
}


@contextmanager
def fake_terminal(answer: bytes) -> Iterator[tuple[TextIO, TextIO, bytearray]]:
    """Return output and keys of a terminal that gives an answer to the device query, and what it has received."""
    master, slave = pty.openpty()
    received = bytearray()

    def serve() -> None:
        while True:
            try:
                part = os.read(master, 65_536)
            except OSError:
                return
            received.extend(part)
            if b"\x1b[c" in part:
                os.write(master, answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with os.fdopen(os.dup(slave), "w", encoding="utf-8") as output, os.fdopen(slave, encoding="utf-8") as keys:
        yield output, keys, received
        output.flush()
    os.close(master)
    thread.join(5)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_protocol_is_what_the_terminal_answers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    answer, expected = ANSWERS[name]
    with fake_terminal(answer) as (output, keys, received):
        assert query_terminal(output, keys) == expected
    assert b"\x1b_Gi=31" in received


def test_pipes_and_silent_terminals_have_no_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert query_terminal(io.StringIO(), None) == TerminalImages(None)
    with fake_terminal(b"") as (output, keys, _):
        assert query_terminal(output, keys) == TerminalImages(None)
    monkeypatch.setenv("TERM", "dumb")
    with fake_terminal(ANSWERS["kitty"][0]) as (output, keys, received):
        assert query_terminal(output, keys) == TerminalImages(None)
    assert not received


def keogram(format: str = "PNG") -> KeogramImage:
    """Return an image of 40 by 15 pixels with a few colors."""
    pixels = np.zeros((15, 40, 3), np.uint8)
    pixels[:7, :, 1] = 200
    pixels[7:, 20:, 0] = 255
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=format)
    return KeogramImage(stream.getvalue(), f"image/{format.lower()}")


def test_kitty_gets_the_image_in_chunks() -> None:
    for image in (keogram(), keogram("JPEG")):
        parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", "".join(encode_image(image, ImageProtocol.KITTY, 1000)))
        assert parts[0][0].startswith("a=T,f=100")
        assert [keys[-1] for keys, _ in parts] == ["1"] * (len(parts) - 1) + ["0"]
        png = base64.b64decode("".join(data for _, data in parts))
        assert Image.open(io.BytesIO(png)).size == (40, 15)


def test_iterm2_gets_the_file() -> None:
    image = keogram("JPEG")
    text = "".join(encode_image(image, ImageProtocol.ITERM2, 800))
    match = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);width=800px;preserveAspectRatio=1:([^\x07]*)\x07\n", text
    )
    assert match is not None
    assert base64.b64decode(match[2]) == image.content


def test_sixels_have_every_pixel() -> None:
    text = "".join(encode_image(keogram(), ImageProtocol.SIXEL, 1000))
    pixels = decode_sixels(text)
    expected = np.asarray(Image.open(io.BytesIO(keogram().content))).astype(int)
    assert np.abs(pixels - expected).max() <= 3, "colors have 101 levels"


def decode_sixels(text: str) -> np.ndarray:
    """Return the pixels of a sixel image: an independent decoder."""
    body = re.fullmatch(r'\x1bP0;1q"1;1;(\d+);(\d+)(.*)\x1b\\\n', text, re.S)
    assert body is not None
    pixels = np.full((int(body[2]), int(body[1]), 3), -1)
    palette: dict[int, list[int]] = {}
    x = top = color = 0
    for token in re.findall(r"#\d+;2;\d+;\d+;\d+|#\d+|!\d+.|.", body[3]):
        if token.startswith("#") and ";" in token:
            number, _, *levels = map(int, token[1:].split(";"))
            palette[number] = [round(level * 255 / 100) for level in levels]
        elif token.startswith("#"):
            color = int(token[1:])
        elif token == "$":
            x = 0
        elif token == "-":
            x, top = 0, top + 6
        else:
            count = int(token[1:-1]) if token.startswith("!") else 1
            for bit in range(6):
                if (ord(token[-1]) - 63) >> bit & 1:
                    pixels[top + bit, x : x + count] = palette[color]
            x += count
    return pixels


def test_other_terminals_get_characters() -> None:
    lines = "".join(render_image(keogram(), 20, blocks=True, color=False)).splitlines()
    assert {len(line) for line in lines} == {20}
    assert len(set("".join(lines))) >= 3
    assert "".join(render_image(keogram(), 20, blocks=False, color=False)).isascii()
    assert "\x1b[38;2;0;200;0;48;2;0;200;0m▀" in "".join(render_image(keogram(), 20, blocks=True, color=True))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + b"x" * 100, b"GIF89a"])
def test_broken_images_are_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        list(render_image(KeogramImage(content, "image/png"), 20, blocks=True, color=False))


def test_plot_draws_inline_where_the_terminal_can(demo: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    result = demo.run("FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2020-01-01")
    for name, expected in (("kitty", b"\x1b_Ga=T,f=100"), ("none", "│█".encode())):
        with fake_terminal(ANSWERS[name][0]) as (output, keys, received):
            state = ReplState(demo, output, keys=keys, last=result)
            message = plot_result(state, "timeline")
        assert expected in received
        assert ("5 data products" in message) == (name == "kitty")
