"""Counts as characters that fill more of their place the higher they are, and what each of them means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Characters for the counts up to the highest, the one for none first; they share it in equal parts."""

    characters: str
    highest: int

    @property
    def _levels(self) -> int:
        return len(self.characters) - 1

    def character(self, count: int) -> str:
        """What stands for a count; only of none it is the first."""
        return self.characters[-(-count * self._levels // max(self.highest, 1))]

    def ranges(self) -> list[tuple[str, str]]:
        """Each character but the first, and the counts it stands for; those that stand for none are left out."""
        found, dash = [], "-" if self.characters.isascii() else "–"
        for level in range(1, self._levels + 1):
            low = (level - 1) * self.highest // self._levels + 1
            high = level * self.highest // self._levels
            if low <= high:
                found.append((self.characters[level], f"{low:,}" if low == high else f"{low:,}{dash}{high:,}"))
        return found


SHADES, ASCII_SHADES = "·░▒▓█", ".:+*#"
BARS, ASCII_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*%#"
