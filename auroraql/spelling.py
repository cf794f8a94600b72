"""Texts that are nearly the same: the nearest known word to one that is not known, and how far a changed text is unchanged."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

_LONGEST = 100
"""Longer words are no slips of typing, and would take long to compare."""

_UNLIKE = 1000
"""More than two lengths can differ by, where words may be alike."""

_COMPARED = 50
"""So many words are compared letter by letter, where there are more: those that have most pairs of letters of the word."""


def closest(word: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Up to `most` known words, nearest first, at least `cutoff` alike (1 is the same)."""
    if len(word) > _LONGEST:
        return []
    from difflib import get_close_matches  # what is spelt right never needs it

    # Words whose lengths differ so much cannot be that alike, whatever their letters are.
    shortest, longest = len(word) * cutoff / (2 - cutoff), len(word) * (2 - cutoff) / cutoff
    near = [each for each in known if shortest <= len(each) <= longest]
    return get_close_matches(word, _likeliest(word, near), most, cutoff)


def _likeliest(word: str, known: list[str]) -> list[str]:
    """Those that a slip of typing may have made a word of: all, or of many those that share most with it."""
    if len(known) <= _COMPARED:
        return known
    pairs = {word[at : at + 2] for at in range(len(word) - 1)} or {word}
    # Pair by pair, not word by word: there may be thousands of words, and a key waits for them.
    shared = map(sum, zip(*([pair in each for each in known] for pair in pairs), strict=True))
    ranks = [many * _UNLIKE - abs(len(each) - len(word)) for many, each in zip(shared, known, strict=True)]
    least = sorted(ranks)[-_COMPARED]
    above = [each for rank, each in zip(ranks, known, strict=True) if rank > least]
    level = (each for rank, each in zip(ranks, known, strict=True) if rank == least)
    return [*above, *islice(level, _COMPARED - len(above))]


def alike(text: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(text), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[low:middle] == other[low:middle] else (low, middle - 1)
    return low
