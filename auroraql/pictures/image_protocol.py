"""Protocols by which terminals show images."""

from __future__ import annotations

from enum import StrEnum


class ImageProtocol(StrEnum):
    """Protocol by which a terminal shows images."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
