"""Tests of names: fields and kinds in any case; metadata keys exactly, with a suggestion for a near match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.diagnostics.errors import Source
from auroraql.diagnostics.suggestions import find_misspelt
from auroraql.schema import KINDS
from auroraql.session.archive import connect
from auroraql.session.translation import translate_source

_FIELDS = [(kind.name, name) for kind in KINDS.values() for name in kind.names]


@given(st.sampled_from(_FIELDS), st.randoms())
def test_a_field_is_found_in_any_case(field: tuple[str, str], random: object) -> None:
    kind, name = field
    mixed = "".join(c.upper() if random.random() < 0.5 else c for c in name)  # type: ignore[attr-defined]
    assert KINDS[kind].field(mixed) is KINDS[kind].field(name)


def test_a_statement_in_upper_case_finds_the_same() -> None:
    written = "find data_products select data_source.platform, url where program = 'trex' on 2021-01-01 order by url"
    capitals = written.upper().replace("'TREX'", "'trex'")
    with connect() as archive:
        plain, other = archive.run(written), archive.run(capitals)
        assert len(plain) > 0
        assert [list(row) for row in plain] == [list(row) for row in other]
        assert plain.columns == other.columns


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("Keogram_Type", "keogram_type"),
        ("keogramtype", "keogram_type"),
        ("kegoram_type", "keogram_type"),
        ("metadata.KEOGRAM_TYPE", "metadata.keogram_type"),
        ("progrm", "program"),
        ("Progam", "program"),
        ("calibration_level", None),
    ],
)
def test_a_metadata_key_near_a_known_name_gets_a_suggestion(key: str, fix: str | None) -> None:
    statement = f"FIND data_products WHERE {key} = 'daily' ON 2021-01-01"
    (warning,) = translate_source(Source(statement), "aql").warnings
    assert (warning.code, warning.fix) == ("AQL0601", fix)
    if fix is not None:
        assert fix.removeprefix("metadata.") in warning.hint
        fixed = statement.replace(key, fix)
        assert "AQL0601" not in {item.code for item in translate_source(Source(fixed), "aql").warnings}


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("PROGRAM", ["program"], "program"),
        ("wehre", ["WHERE", "WITHIN"], "WHERE"),
        ("beteween", ["BETWEEN"], "BETWEEN"),
        ("not", ["NOW", "NOT_THIS"], "NOW"),
        ("n", ["ON"], None),
        ("JOIN", ["ON", "IN"], None),
        ("cat", ["bat", "hat"], None),
        ("tables", ["VALUES"], None),
        ("x" * 200, ["x" * 201], None),
    ],
)
def test_a_near_match_differs_by_one_or_two_letters(word: str, known: list[str], meant: str | None) -> None:
    assert find_misspelt(word, known) == meant
