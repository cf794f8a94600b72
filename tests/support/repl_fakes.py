"""An archive that answers without searching, and a session with it, for the tests of the prompt."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from auroraql.diagnostics.errors import Diagnostic, Failed, Refused, Source, Span, StatementError
from auroraql.engines.base import OnProgress
from auroraql.frontends.repl.controller import run_input
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.repl.state import ReplState
from auroraql.ir.plan import Plan
from auroraql.ir.query import Column, Query, Ref
from auroraql.pictures.picture import Picture
from auroraql.pictures.registry import create_picture
from auroraql.results.result_set import FetchedData, ResultSet, Row
from auroraql.results.stored_results import StoredResult
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, load_shipped
from auroraql.session.analyzer import SessionContext
from auroraql.session.jobs import Search
from auroraql.session.settings import Settings

QUERY = Query(
    "data_products", select=(Column(Ref("record", "start")), Column(Ref("source", "data_source.program"), bare=True))
)


class FakeArchive:
    """An archive that answers any statement with one row.

    Some words in the statement make it fail, as their names say.
    """

    name = "demo"
    demonstration = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.given: dict[str, object] = {}
        self.settings = Settings(timeout=600)
        self.results: Mapping[str, ResultSet] = {}
        self.searches: tuple[str, ...] = ("morning",)
        self.submitted: Mapping[str, Search] = {}

    @property
    def catalogue(self) -> Catalogue:
        return load_shipped()

    @property
    def session_context(self) -> SessionContext:
        kind = KINDS["data_products"]
        stored = {name: StoredResult(name, kind, result.columns, result) for name, result in self.results.items()}
        return SessionContext(stored, {name: StoredResult(name, kind, ()) for name in self.searches})

    verbose = False

    def on_warning(self, act: Callable[[Sequence[Diagnostic], Source], object]) -> None:
        self.warn = act

    def run_script(self, source: Source, /, **parameters: object) -> Iterator[ResultSet]:
        text = source.text
        self.asked.append(text)
        self.given = parameters
        if "wrong" in text:
            at = text.index("wrong")
            raise StatementError([Diagnostic("AQL0001", "no such thing", Span(at, at + 5), "here")], source)
        if "refused" in text:
            raise Refused("no \x1b[2J", archive="demo")
        if "interrupted" in text:
            raise KeyboardInterrupt
        if "fault" in text:
            raise ZeroDivisionError
        if "endless" in text:
            yield answer(source).with_rows(Endless())
            return
        if "slow" in text:
            print("searching", flush=True)
            time.sleep(60)
        yield answer(source)

    def refresh_searches(self) -> None:
        """Do nothing: no service is used."""

    def keep(self, search: Search, /) -> str:
        return search.name

    def leave(self) -> list[Search]:
        return []

    def picture(self, result: ResultSet, name: str, /, **options: Any) -> Picture:
        return create_picture(result, name, **options)

    def on_progress(self, watch: OnProgress | None, /) -> None:
        """Do nothing: no statement takes long."""

    def on_interrupt(self, act: Callable[[Search], object], /) -> None:
        """Do nothing: no search is awaited."""

    def on_end(self, act: Callable[[Search], object], /) -> None:
        """Do nothing: no search ends."""


def answer(source: Source) -> ResultSet:
    warnings = (Diagnostic("AQL0900", "careful", Span(0, 4), severity="warning"),) if "careful" in source.text else ()
    rows = [(datetime(2021, 1, 1), "trex")]
    plan = Plan(QUERY, (), warnings=warnings)
    return ResultSet(plan, FetchedData(rows), archive="demo", elapsed=0.012, demonstration=True, source=source)


class Endless(list[Row]):
    """Rows whose second half never comes once they are written to a file."""

    def __init__(self) -> None:
        super().__init__([(datetime(2021, 1, 1), "trex")] * 5000)

    def __iter__(self) -> Iterator[Row]:
        yield from (self[n] for n in range(len(self) // 2))
        print("half of it is written", flush=True)
        time.sleep(60)


def state() -> ReplState:
    return ReplState(FakeArchive(), io.StringIO(), ReplOptions())


def printed(session: ReplState) -> str:
    assert isinstance(session.stream, io.StringIO)
    return session.stream.getvalue()


def take_all(*texts: str) -> str:
    session = state()
    for text in texts:
        run_input(session, text)
    return printed(session)


TABLE = """\
start             program
----------------  -------
2021-01-01 00:00  trex
1 row · 12 ms · demo (demonstration data)
"""


URL = "https://data.example/2021/01/01/keogram.jpg"


class Products(FakeArchive):
    """An archive that answers with one more product each time."""

    def run_script(self, source: Source, /, **parameters: object) -> Iterator[ResultSet]:
        self.asked.append(source.text)
        self.given = parameters
        if "fails" in source.text:
            raise Failed("the engine", archive="demo") from OSError("the disk")
        rows = [(datetime(2021, 1, n + 1), URL.replace("01.", f"{n}."), None) for n in range(len(self.asked))]
        query = Query("data_products", select=tuple(Column(Ref("record", name)) for name in ("start", "url", "end")))
        yield ResultSet(Plan(query, ()), FetchedData(rows), archive="demo", elapsed=0.012, source=source)


class NumberedProducts(Products):
    """An archive that answers with a fixed number of products."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.asked = [""] * (number - 1)


def products() -> ReplState:
    """Return a session with an archive of products."""
    return ReplState(Products(), io.StringIO())
