"""Tests of suggestions: the nearest word is the one that difflib finds among all known words."""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.diagnostics.suggestions import find_closest

SITES = [f"{name} {n:02}" for name in ("gillam", "fort smith", "rankin", "swarma", "toolik lake") for n in range(40)]
_WORDS = st.text("abcde ", max_size=8)


@given(_WORDS, st.lists(_WORDS, max_size=30), st.integers(1, 3), st.sampled_from((0.4, 0.6, 0.75)))
def test_few_words_use_difflib(word: str, known: list[str], most: int, cutoff: float) -> None:
    assert find_closest(word, known, most, cutoff) == get_close_matches(word, known, most, cutoff)


@given(st.sampled_from(SITES), st.integers(0, 9), st.sampled_from(("", "x", "~")))
def test_many_words_give_an_equally_near_word(site: str, at: int, slip: str) -> None:
    at = min(at, len(site) - 1)
    word = site[:at] + slip + site[at + 1 :]
    (closest,) = find_closest(word, SITES, 1)
    assert _similarity(closest, word) == max(_similarity(item, word) for item in SITES)


@pytest.mark.parametrize("word", ["", "x", "x" * 101, "1970-01-01"])
def test_no_word_is_near(word: str) -> None:
    assert find_closest(word, SITES) == []


def _similarity(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
