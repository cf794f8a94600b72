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


def find_closest(word: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Up to `most` known words, nearest first, at least `cutoff` alike (1 is the same)."""
    if len(word) > _LONGEST:
        return []
    known = list(known)
    folded = word.casefold()
    same = [each for each in known if each.casefold() == folded][:most]
    if same and word not in same:
        return same
    from difflib import get_close_matches  # what is spelt right never needs it

    # Words whose lengths differ so much cannot be that alike, whatever their letters are.
    shortest, longest = len(word) * cutoff / (2 - cutoff), len(word) * (2 - cutoff) / cutoff
    near = [each for each in known if shortest <= len(each) <= longest]
    likely = _preselect(word, near)
    found = get_close_matches(word, likely, most, cutoff)
    if found or (word == folded and all(each == each.casefold() for each in likely)):
        return found
    by_folded = {each.casefold(): each for each in reversed(likely)}
    return [by_folded[each] for each in get_close_matches(folded, by_folded, most, cutoff)]


def find_misspelt(word: str, known: Iterable[str]) -> str | None:
    """Return the one known word that a slip of typing made `word` of; None where none or several come into question.

    A slip changes, drops, adds or swaps one letter, or two of a word of six letters or more. Case, `_` and `-` do not
    count. This is close enough to be offered as a fix; `closest` is not.
    """
    plain = _normalize(word)
    if not plain or len(plain) > _LONGEST:
        return None
    nearest: list[str] = []
    least = 0 if len(plain) < 3 else 1 if len(plain) < 6 else 2
    for each in known:
        other = _normalize(each)
        if abs(len(other) - len(plain)) > least:
            continue
        steps = _edit_distance(plain, other)
        if steps < least or (steps == least and not nearest):
            nearest, least = [each], steps
        elif steps == least and each not in nearest:
            nearest.append(each)
    return nearest[0] if len(nearest) == 1 else None


def _normalize(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")


def _edit_distance(one: str, other: str) -> int:
    """Return the edit distance of two words, where swapping two neighbours is one step."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        before, last = row, before
        row = [at + 1]
        for place, there in enumerate(other):
            steps = min(before[place] + (letter != there), before[place + 1] + 1, row[place] + 1)
            if at and place and letter == other[place - 1] and one[at - 1] == there:
                steps = min(steps, last[place - 1] + 1)
            row.append(steps)
    return row[-1]


def _preselect(word: str, known: list[str]) -> list[str]:
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


def common_prefix_length(text: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(text), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[low:middle] == other[low:middle] else (low, middle - 1)
    return low
