"""Which of many names is found by what is typed of one: its beginning, its letters, a slip; the likeliest first."""

from __future__ import annotations

import pytest

from auroraql.completion import NamedItem, Vocabulary


@pytest.mark.parametrize(
    ("typed", "found"),
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
def test_how_names_are_found(typed: str, found: list[str]) -> None:
    names = Vocabulary(map(NamedItem, ("fort smith", "fort yukon", "gillam", "pinawa\n2")))
    assert [item.text for _, item in names.matches(typed, 10)] == found


def test_beginnings_come_before_the_rest() -> None:
    names = Vocabulary(map(NamedItem, ("x_type", "atype", "type")))
    assert [item.text for _, item in names.matches("ty", 10)] == ["type", "x_type", "atype"]
