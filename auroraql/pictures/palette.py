"""Colors of pictures: distinct for color-blind readers, and legible on white and on dark backgrounds.

Each color has a contrast of at least 3:1 to both backgrounds. Marks with the same color differ by shape, so that pictures
can be read in gray.
"""

from __future__ import annotations

COLORS = ("#0072b2", "#d55e00", "#009e73", "#b0609a", "#8f7300", "#5a7fd6")
"""Blue, vermilion, green, purple, ochre and periwinkle, after Okabe and Ito."""

OTHER = "#808080"
"""Marks of no group."""

LIGHT, DARK = ("#1f2328", "#ffffff"), ("#e6e8eb", "#15181d")
"""Text and background of a picture that brings its own background."""

SHAPES = ("circle", "square", "triangle", "diamond", "cross", "down")
"""Shapes of marks, one for each color."""
