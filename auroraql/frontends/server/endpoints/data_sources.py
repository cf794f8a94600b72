"""Data sources, to look up: the list, one by its identifier, a search by lists, statistics."""

from __future__ import annotations

from auroraql.frontends.server.service import Service
from auroraql.frontends.server.sources import LEVELS
from auroraql.frontends.server.wire import Call, Problem, Reply, Route, json_reply
from auroraql.schema.sources import SOURCE_TYPES

FILTERS = ("program", "platform", "instrument_type", "source_type", "owner")
"""The parameters by which sources are chosen."""

_LISTS = {"programs": "program", "platforms": "platform", "instrument_types": "instrument_type"}


def chosen(call: Call) -> dict[str, str]:
    """What a call says of the sources it is about. Raises Problem."""
    call.choice("source_type", SOURCE_TYPES)
    return {name: call.asked.get(name, "") for name in FILTERS}


def listed(service: Service, call: Call) -> Reply:
    """The sources that fit the parameters."""
    level, stats = call.choice("format", LEVELS), bool(call.flag("include_stats"))
    found = service.sources.matching(chosen(call))
    return json_reply([service.sources.document(each, level, stats=stats) for each in found])


def identified(service: Service, call: Call) -> Reply:
    """One source."""
    level, stats = call.choice("format", LEVELS), bool(call.flag("include_stats"))
    found = service.source(call.identifier())
    return json_reply(service.sources.document(found, level, stats=stats))


def searched(service: Service, call: Call) -> Reply:
    """The sources that have, in each list that is not empty, one of its values."""
    level, stats = call.choice("format", LEVELS), bool(call.flag("include_stats"))
    wanted = _wanted(call)
    found = [
        each
        for each in service.sources.all()
        if all(getattr(each, name) in values for name, values in wanted.items() if values)
    ]
    return json_reply([service.sources.document(each, level, stats=stats) for each in found])


def _wanted(call: Call) -> dict[str, list[str]]:
    document = call.document()
    unknown = sorted(set(document) - set(_LISTS))
    if unknown:
        raise Problem(400, f"'{unknown[0]}' is no field of a search for sources: the fields are {', '.join(_LISTS)}")
    for name, values in document.items():
        if values is not None and not (isinstance(values, list) and all(isinstance(each, str) for each in values)):
            raise Problem(400, f"'{name}' takes an array of strings")
    return {_LISTS[name]: values for name, values in document.items() if values}


def statistics(service: Service, call: Call) -> Reply:
    """How many records one source has, and from when to when."""
    level = call.choice("format", LEVELS)
    call.flag("slow")
    found = service.source(call.identifier())
    shown = {"data_source": service.sources.document(found, level)}
    return json_reply({**shown, **service.sources.stats(found.identifier)})


ROUTES = (
    Route("GET", "/api/v1/data_sources", listed),
    Route("GET", "/api/v1/data_sources/{identifier}", identified),
    Route("GET", "/api/v1/data_sources/{identifier}/stats", statistics),
    Route("POST", "/api/v1/data_sources/search", searched),
)
