"""Tests of candidate matching: by prefix, by subsequence and with typing errors, the best match first."""

from __future__ import annotations

import pytest

from auroraql.completion import NamedItem, Vocabulary


@pytest.mark.parametrize(
    ("typed", "matches"),
    [
        ("fo", ["fort smith", "fort yukon"]),
        ("smi", ["fort smith"]),
        ("mit", ["fort smith"]),
        ("frtsm", ["fort smith"]),
        ("fotr", ["fort smith", "fort yukon"]),
        ("forr", ["fort smith", "fort yukon"]),
        ("fot s", ["fort smith"]),
        ("foort", ["fort smith", "fort yukon"]),
        ("gkllam", ["gillam"]),
        ("GILLAM", ["gillam"]),
        ("zzz", []),
        ("fort smith and more", []),
        ("a" * 500, []),
        ("[(*", []),
    ],
)
def test_names_match_what_is_typed(typed: str, matches: list[str]) -> None:
    names = Vocabulary(map(NamedItem, ("fort smith", "fort yukon", "gillam", "pinawa\n2")))
    assert [item.text for _, item in names.matches(typed, 10)] == matches


def test_prefix_matches_come_first() -> None:
    names = Vocabulary(map(NamedItem, ("x_type", "atype", "type")))
    assert [item.text for _, item in names.matches("ty", 10)] == ["type", "x_type", "atype"]
