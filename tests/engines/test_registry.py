"""Tests of the engine registry: which engine an archive name selects, and that every row is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from auroraql.engines.registry import ENGINES, archive_forms, find_engine


@pytest.mark.parametrize(
    ("archive", "form", "address"),
    [
        ("demo", "demo", "demo"),
        (Path("demo"), "a catalogue file", None),
        ("./demo", "a catalogue file", "./demo"),
        ("DEMO", "a catalogue file", "DEMO"),
        ("aurorax", "aurorax", "https://api.aurorax.space"),
        ("http://localhost:8080", "a URL", "http://localhost:8080"),
        ("HTTPS://example.org/x", "a URL", "HTTPS://example.org/x"),
        ("ftp://example.org", "a URL", "ftp://example.org"),
        ("://", "a URL", "://"),
        ("my.duckdb", "a catalogue file", "my.duckdb"),
    ],
)
def test_a_name_selects_one_engine(archive: str | Path, form: str, address: str | None) -> None:
    definition = find_engine(archive)
    assert definition.form == form
    if isinstance(archive, str):
        assert definition.address(archive) == address


def test_every_function_of_a_row_can_be_loaded() -> None:
    for definition in ENGINES:
        for reference in (definition.opener, definition.lazy_opener, definition.catalogue, definition.check):
            assert not reference or callable(definition.load(reference))


def test_names_and_schemes_are_unique() -> None:
    names = [definition.name for definition in ENGINES if definition.name]
    schemes = [scheme for definition in ENGINES for scheme in definition.schemes]
    assert len(names) == len(set(names))
    assert len(schemes) == len(set(schemes))
    assert archive_forms() == "demo, a catalogue file, aurorax or a URL"


def test_only_services_may_receive_a_key() -> None:
    assert all(definition.is_remote for definition in ENGINES if definition.takes_api_key)
    assert not any(definition.is_remote for definition in ENGINES if definition.is_servable)
