"""Query documents as clients send them, planned: what AuroraX lets pass and the language does not is taken out before."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from auroraql.archives.embedded import EmbeddedEngine
from auroraql.errors import StatementError
from auroraql.forms import query_json, sentence
from auroraql.frontends.server.wire import Document, Problem, read_moment, statement_problems
from auroraql.plan import Plan
from auroraql.planner import plan as make_plan
from auroraql.resolver import resolve

_BLOCK = re.compile(r"(ground|space|events|adhoc)([1-9][0-9]{0,3})", re.ASCII)


def plan_document(document: Document, kind: str, engine: EmbeddedEngine) -> Plan:
    """The plan of a query document, whole and uncut. Raises Problem for what is wrong with it."""
    plan = read_plan(document, kind, engine)
    return plan if _second_before(document) is None else replace(plan, requests=(), unsayable=())


def describe_document(document: Document, kind: str, engine: EmbeddedEngine) -> str:
    """The engine's sentence of a query document. Raises Problem for what is wrong with it, and where no sentence says it."""
    return describe(read_plan(document, kind, engine))


def describe(plan: Plan) -> str:
    """The engine's sentence of a plan. Raises Problem where no sentence says it."""
    with statement_problems():
        if not plan.requests:
            raise StatementError(plan.unsayable or plan.warnings)
        return sentence.write(plan.requests[0])


def read_plan(document: Document, kind: str, engine: EmbeddedEngine) -> Plan:
    """As `plan_document`, but with its requests even where nothing can be found. Raises Problem."""
    query = {name: value for name, value in document.items() if name != "request_id"}
    second = _second_before(document)
    if second is not None:
        query |= dict.fromkeys(("start", "end"), second.isoformat())
    if isinstance(query.get("max_distances"), dict):
        query["max_distances"] = _of_blocks(query["max_distances"], document)
    with statement_problems():
        resolved = resolve(query_json.lift(query, kind), engine.catalogue())
        return make_plan(resolved.query, engine.catalogue(), (), engine.sources, cut=False)


def _second_before(document: Document) -> datetime | None:
    """The second before a window that lies between two, where no record can; None for any other window.

    The published client describes such a query in its own tests, so it is no mistake.
    """
    with suppress(Problem):
        start, end = (read_moment(document.get(name), name) for name in ("start", "end"))
        second = end.replace(microsecond=0)
        if second < start <= end < second + timedelta(seconds=1):
            return second
    return None


def _of_blocks(distances: Document, document: Document) -> Document:
    """The distances but those of blocks that are not there, as the published client's own template has them."""
    return {
        pair: distance
        for pair, distance in distances.items()
        if not any(_is_absent(name.strip(), document) for name in pair.split("-"))
    }


def _is_absent(name: str, document: Document) -> bool:
    found = _BLOCK.fullmatch(name)
    if found is None:
        return False
    blocks = document.get(found[1])
    return int(found[2]) > (len(blocks) if isinstance(blocks, list) else 0)
