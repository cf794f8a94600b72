"""Names of files: safe on every system, inside the folder, different for different URLs, and as short as possible."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.diagnostics.errors import UsageError
from auroraql.downloads.file_names import clean_component
from auroraql.downloads.targets import NameTemplate, Product, name_by_url
from tests.downloads.conftest import CONTENT_SMALL, Download
from tests.support.file_server import FileServer

HOST = "https://data.example.org"


def names(*paths: str, taken: tuple[str, ...] = ()) -> list[str]:
    """Return the names of URLs with these paths."""
    urls = [path if "://" in path else f"{HOST}{path}" for path in paths]
    return [str(path) for path in name_by_url(urls, map(PurePosixPath, taken)).values()]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/2021/gill/a.jpg", "/2021/fsmi/b.jpg"], ["a.jpg", "b.jpg"]),
        (["/2021/gill/a.jpg", "/2021/fsmi/a.jpg"], ["gill/a.jpg", "fsmi/a.jpg"]),
        (["/2021/gill/a.jpg", "/2022/gill/a.jpg", "/2022/gill/b.jpg"], ["2021/gill/a.jpg", "2022/gill/a.jpg", "2022/gill/b.jpg"]),
        (["/a/KEO.jpg", "/b/keo.jpg"], ["a/KEO.jpg", "b/keo.jpg"]),
        (["/a%20b.jpg"], ["a b.jpg"]),
        (["/x/..%2f..%2fetc%2fpasswd"], ["_._.._etc_passwd"]),
        (["/x/%2e%2e"], ["_"]),
        (["/x/con.jpg", "/x/LPT1", "/x/.bashrc", "/x/-rf", "/x/a."], ["_con.jpg", "_LPT1", "_bashrc", "_rf", "a"]),
        (["/manifest.jsonl", "/a.part", "/a.part.json"], ["_manifest.jsonl_", "_a.part_", "_a.part.json_"]),
        (["/"], ["data.example.org"]),
        (["/x/"], ["x"]),
    ],
)  # fmt: skip
def test_names_are_the_shortest_that_differ(paths: list[str], expected: list[str]) -> None:
    assert names(*paths) == expected


def test_a_name_differs_from_the_files_of_the_folder() -> None:
    assert names("/2021/gill/a.jpg", taken=("A.JPG",)) == ["gill/a.jpg"]
    (name,) = names("/gill/a.jpg", taken=("a.jpg", "gill", "data.example.org"))
    assert name.startswith("a~")


def test_urls_that_differ_in_host_or_query_only_get_different_names() -> None:
    assert names(f"{HOST}/a.jpg", "https://b.example.org/a.jpg") == ["data.example.org/a.jpg", "b.example.org/a.jpg"]
    first, second = names("/get?id=1", "/get?id=2")
    assert first != second
    assert names("/get?id=1", "/get?id=2") == [first, second]


PARTS = st.text(st.characters(codec=None), max_size=300) | st.sampled_from(
    ["..", ".", "", "con", "NUL.jpg", "a/b", "a\\b", "C:", "~", "x" * 400, "é" * 200, "\u202egpj.exe", "a\0b", "\ud800"]
)


@given(PARTS)
def test_a_component_is_one_harmless_name(text: str) -> None:
    name = clean_component(text)
    assert name
    assert name.isprintable()
    assert name not in (".", "..")
    assert not set('<>:"/\\|?*') & set(name)
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "
    assert len(name.encode()) <= 200
    assert not PureWindowsPath(name).is_reserved()
    assert unicodedata.is_normalized("NFC", name)


URLS = st.lists(
    st.builds(
        lambda host, parts, query: f"https://{host}/{'/'.join(parts)}{query}",
        st.sampled_from(["a.org", "b.org"]),
        st.lists(st.sampled_from(["a", "A", "b.jpg", "B.JPG", "..", "%2e%2e", "con", "_", "a%2fb", "x" * 250]), max_size=5),
        st.sampled_from(["", "?1", "?2"]),
    ),
    max_size=12,
    unique=True,
)  # fmt: skip


@given(URLS, st.lists(st.sampled_from(["a", "A/b.jpg", "b.jpg", "a.org", "a.org/a", "a.org/a/b.jpg"]), unique=True))
def test_no_two_files_share_a_name_and_none_is_a_folder(urls: list[str], taken: list[str]) -> None:
    given_names = name_by_url(urls, [PurePosixPath(path) for path in taken])
    assert list(given_names) == urls
    lowered = [str(path).casefold() for path in given_names.values()]
    others = {path.casefold() for path in taken}
    assert len(set(lowered)) == len(lowered)
    for path in lowered:
        assert path not in others
        for other in {*lowered, *others} - {path}:
            assert not path.startswith(f"{other}/")
    for name in given_names.values():
        assert not name.is_absolute()
        assert ".." not in name.parts


def product(url: str = f"{HOST}/x/keo.jpg", **values: object) -> Product:
    """Return a product of 2021-02-03."""
    return Product(url, {"start": datetime(2021, 2, 3, 4, 5), "program": "trex", "wavelength": 557.7, **values})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{program}/{start:%Y/%m/%d}/{file}", "trex/2021/02/03/keo.jpg"),
        ("{start:%Y%m%d}_{file}", "20210203_keo.jpg"),
        ("{wavelength:.0f}/{file}", "558/keo.jpg"),
        ("{start}/{file}", "2021-02-03T040500/keo.jpg"),
        ("{nothing}/{file}", "unknown/keo.jpg"),
        ("a/../{file}", None),
        ("/abs/{file}", None),
        ("C:/{file}", None),
        ("~/{file}", None),
        ("{prgram}/{file}", None),
        ("{program.__class__}", None),
        ("{program[0]}", None),
        ("{program!r}", None),
        ("{program:{wavelength}}", None),
        ("{program:>1000000000}", None),
        ("{start:%Y", None),
        ("{}", None),
        ("fixed.jpg", None),
        ("", None),
    ],
)
def test_a_template_gives_names_in_the_folder_or_an_error(template: str, expected: str | None) -> None:
    columns = ["start", "program", "wavelength", "nothing", "url"]
    if expected is None:
        with pytest.raises(UsageError):
            NameTemplate(template, columns).names([product()], {})
    else:
        (name,) = NameTemplate(template, columns).names([product()], {}).values()
        assert str(name) == expected


@pytest.mark.parametrize("value", ["../../etc", "/etc/passwd", "a/b", "..", "C:\\x", "con", "\u202e", "x" * 1000])
def test_values_never_leave_their_folder(value: str) -> None:
    (name,) = NameTemplate("{program}/{file}", ["program"]).names([product(program=value)], {}).values()
    assert len(name.parts) == 2
    assert ".." not in name.parts
    assert len(name.parts[0].encode()) <= 200


def test_a_template_that_gives_one_name_to_two_files_is_an_error() -> None:
    products = [product(f"{HOST}/a/k.jpg"), product(f"{HOST}/b/k.jpg")]
    with pytest.raises(UsageError, match=r"to several files"):
        NameTemplate("{program}/{file}", ["program"]).names(products, {})
    with pytest.raises(UsageError) as raised:
        NameTemplate("{program}", ["program"]).names(products, {})
    assert raised.value.hint == "end the template with {file}"


def test_hostile_urls_write_nothing_outside_the_folder(files: FileServer, download: Download, tmp_path: Path) -> None:
    paths = ["/..%2f..%2fevil", "/%2e%2e/%2e%2e/evil", "/x/..", "/a%00b", "/%5c..%5cevil", "/CON", "/manifest.jsonl", "/a.part",
             "/%E2%80%AEgpj.exe", "/" + "x" * 600, "/a%0ab", "/~root", "/C:evil", "//evil", "/a|b", "/evil."]  # fmt: skip
    outside = set(tmp_path.iterdir())
    files.default = CONTENT_SMALL
    report = download(*(files.url + path for path in paths))
    assert set(tmp_path.iterdir()) - outside == {tmp_path / "data"}
    folder = (tmp_path / "data").resolve()
    for file in report.files:
        assert file.path.resolve().is_relative_to(folder)
        assert file.path.read_bytes() == CONTENT_SMALL
    assert len(report.files) + len(report.failed) == len(paths)
    assert len(report.files) == len(paths), report.failed
