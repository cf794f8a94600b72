"""The nearest known word to one that is not known: what "did you mean" goes by, everywhere."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 100
"""Longer words are no slips of typing, and would take long to compare."""


def closest(word: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Up to `most` known words, nearest first, at least `cutoff` alike (1 is the same)."""
    if len(word) > _LONGEST:
        return []
    from difflib import get_close_matches  # what is spelt right never needs it

    return get_close_matches(word, list(known), most, cutoff)
