"""Suggestions for unknown names: the known words that are closest to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

_MAX_WORD_LENGTH = 100
"""The maximum length of a compared word. Longer ones are not misspellings, and would take long to compare."""

_DISSIMILAR_FACTOR = 1000
"""A factor greater than any difference in length between similar words."""

_MAX_COMPARED_WORDS = 50
"""The maximum number of words compared letter by letter. Of more, those that share the most letter pairs are taken."""


def find_closest(word: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return up to `most` known words, closest first, whose similarity is at least `cutoff` (1 is equal)."""
    if len(word) > _MAX_WORD_LENGTH:
        return []
    known = list(known)
    folded = word.casefold()
    equal = [candidate for candidate in known if candidate.casefold() == folded][:most]
    if equal and word not in equal:
        return equal
    from difflib import get_close_matches  # only needed for misspelt words

    # Words of other lengths cannot reach the cutoff, whatever their letters are.
    shortest, longest = len(word) * cutoff / (2 - cutoff), len(word) * (2 - cutoff) / cutoff
    similar_length = [candidate for candidate in known if shortest <= len(candidate) <= longest]
    candidates = _preselect(word, similar_length)
    matches = get_close_matches(word, candidates, most, cutoff)
    if matches or (word == folded and all(candidate == candidate.casefold() for candidate in candidates)):
        return matches
    by_folded = {candidate.casefold(): candidate for candidate in reversed(candidates)}
    return [by_folded[candidate] for candidate in get_close_matches(folded, by_folded, most, cutoff)]


def find_misspelt(word: str, known: Iterable[str]) -> str | None:
    """Return the one known word of which `word` is a misspelling, or None when there is none or several.

    A misspelling changes, drops, adds or swaps one letter, or two in a word of six letters or more. Case, `_` and `-`
    are ignored. A match is close enough for a fix; one of `find_closest` is not.
    """
    plain = _normalize(word)
    if not plain or len(plain) > _MAX_WORD_LENGTH:
        return None
    nearest: list[str] = []
    least = 0 if len(plain) < 3 else 1 if len(plain) < 6 else 2
    for candidate in known:
        other = _normalize(candidate)
        if abs(len(other) - len(plain)) > least:
            continue
        steps = _edit_distance(plain, other)
        if steps < least or (steps == least and not nearest):
            nearest, least = [candidate], steps
        elif steps == least and candidate not in nearest:
            nearest.append(candidate)
    return nearest[0] if len(nearest) == 1 else None


def _normalize(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")


def _edit_distance(one: str, other: str) -> int:
    """Return the edit distance of two words, in which swapping two neighbours is one step."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        before, last = row, before
        row = [at + 1]
        for place, other_letter in enumerate(other):
            steps = min(before[place] + (letter != other_letter), before[place + 1] + 1, row[place] + 1)
            if at and place and letter == other[place - 1] and one[at - 1] == other_letter:
                steps = min(steps, last[place - 1] + 1)
            row.append(steps)
    return row[-1]


def _preselect(word: str, known: list[str]) -> list[str]:
    """Return the known words that may be similar to a word: all, or the most similar ones of many."""
    if len(known) <= _MAX_COMPARED_WORDS:
        return known
    pairs = {word[at : at + 2] for at in range(len(word) - 1)} or {word}
    # Counting pair by pair is fast enough for thousands of words while the user types.
    shared = map(sum, zip(*([pair in candidate for candidate in known] for pair in pairs), strict=True))
    ranks = [
        count * _DISSIMILAR_FACTOR - abs(len(candidate) - len(word))
        for count, candidate in zip(shared, known, strict=True)
    ]
    least = sorted(ranks)[-_MAX_COMPARED_WORDS]
    above = [candidate for rank, candidate in zip(ranks, known, strict=True) if rank > least]
    level = (candidate for rank, candidate in zip(ranks, known, strict=True) if rank == least)
    return [*above, *islice(level, _MAX_COMPARED_WORDS - len(above))]


def common_prefix_length(text: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    low, high = 0, min(len(text), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[low:middle] == other[low:middle] else (low, middle - 1)
    return low
