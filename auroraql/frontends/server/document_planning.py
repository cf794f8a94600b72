"""Checked query documents, planned and described: what AuroraX lets pass and the language does not is taken out before."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from auroraql.codecs import query_json, sentence
from auroraql.engines.duckdb.engine import EmbeddedEngine
from auroraql.frontends.server.http_types import Document, HttpError, read_moment, statement_errors_to_http
from auroraql.frontends.server.query_documents import QueryDocument, read_query
from auroraql.ir.plan import Plan
from auroraql.planner import plan_query as make_plan
from auroraql.resolver import resolve


def plan_document(document: Document, kind: str, engine: EmbeddedEngine) -> Plan:
    """The plan of a query document. Raises Problem for what is wrong with it."""
    return plan_checked_query(read_query(document, kind, to_run=True), engine)


def plan_checked_query(query: QueryDocument, engine: EmbeddedEngine) -> Plan:
    """The plan of a checked query, whole and uncut. Raises Problem for what is wrong with it."""
    document = query.to_plan
    second = _second_before_gap(document)
    if second is not None:
        document |= dict.fromkeys(("start", "end"), second.isoformat())
    with statement_errors_to_http():
        resolved = resolve(query_json.read_document(document, query.request.kind), engine.catalogue())
        plan = make_plan(resolved.query, engine.catalogue(), (), engine.sources, cut=False)
    return plan if second is None else replace(plan, requests=(), unsayable=())


def describe_query(query: QueryDocument, *, older: bool = False) -> str:
    """The engine's sentence of a query, in its newest wording or in an older one."""
    return sentence.write_sentence(query.request, readable=False, older=older)


def _second_before_gap(document: Document) -> datetime | None:
    """The second before a window that lies between two, where no record can; None for any other window.

    The published client describes such a query in its own tests, so it is no mistake.
    """
    with suppress(HttpError):
        start, end = (read_moment(document.get(name), name) for name in ("start", "end"))
        second = end.replace(microsecond=0)
        if second < start <= end < second + timedelta(seconds=1):
            return second
    return None
