"""Block characters for counts, and their legend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockScale:
    """Scale of characters for counts up to the highest, in equal ranges. The first character means zero."""

    characters: str
    highest: int

    @property
    def _level_count(self) -> int:
        return len(self.characters) - 1

    def character(self, count: int) -> str:
        """Return the character of a count; only zero has the first one."""
        return self.characters[-(-count * self._level_count // max(self.highest, 1))]

    def ranges(self) -> list[tuple[str, str]]:
        """Return each character except the first with its range of counts; empty ranges are left out."""
        ranges, dash = [], "-" if self.characters.isascii() else "–"
        for level in range(1, self._level_count + 1):
            low = (level - 1) * self.highest // self._level_count + 1
            high = level * self.highest // self._level_count
            if low <= high:
                ranges.append((self.characters[level], f"{low:,}" if low == high else f"{low:,}{dash}{high:,}"))
        return ranges


SHADES, ASCII_SHADES = "·░▒▓█", ".:+*#"
BARS, ASCII_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*%#"
