"""Keywords of the grammar with a short description and an example, for completion menus and help."""

from __future__ import annotations

from dataclasses import dataclass

from auroraql.schema import functions as schema

_DAILY = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
_COUNTED = (
    "FIND data_products SELECT platform, count(*) AS n WHERE program = 'trex' ON 2021-01-01 GROUP BY platform "
    "ORDER BY n DESC NULLS FIRST LIMIT 5 OFFSET 1"
)
_LATEST = "FIND data_products WHERE program = 'trex' LAST 7 days BEFORE 2021-01-08"
_TREE = "FIND data_products SELECT * EXCLUDE (metadata) WHERE program = 'trex' ON 2021-01-01"
_LISTS = "FIND data_products WHERE program IN ('trex', 'rego') AND NOT platform LIKE 'fort%' ON 2021-01-01"
_NULLS = "FIND data_products WHERE keogram_type IS NOT NULL OR movie_type IS NULL ON 2021-01-01"
_MEETING = (
    "FIND conjunctions OF ground AS asi (program = 'trex'), space (program = 'swarm') "
    "WITHIN 500 km VIA nbtrace PRECISION 60 s ON 2021-01-01"
)
_PLACE = "FIND conjunctions OF location (56.4, -94.7), space (program = 'swarm') WITHIN 500 km ON 2021-01-01"
_EVENTS = "FIND conjunctions OF events, ground (program = 'trex') WITHIN 500 km ON 2021-01-01"
_PAIRS = (
    "FIND conjunctions OF ground (program = 'rego'), ground (program = 'trex'), space (program = 'swarm') "
    "WITHIN 500 km, ground1-ground2 ANY ON 2021-01-01"
)
_EXTREMES = (
    "FIND data_products SELECT platform, min(start), max(end) WHERE program = 'trex' ON 2021-01-01 GROUP BY platform"
)
_MEAN = (
    "FIND ephemeris SELECT platform, avg(radial_distance), sum(radial_distance) WHERE program = 'swarm' "
    "ON 2020-01-01 GROUP BY platform"
)
_STORED_MEETING = (
    f"LET c = {_MEETING};\nFIND data_products WHERE program = 'trex' AND keogram_type = 'daily' "
    "DURING c PADDED BY 10 minutes USING (platform)"
)
_CASE = (
    "FIND data_products SELECT CASE WHEN platform = 'gillam' THEN 'home' ELSE 'away' END AS place, count(*) "
    "WHERE program = 'trex' ON 2021-01-01 GROUP BY place"
)
_HAVING = (
    "FIND data_products SELECT day(start) AS day, count(*) AS n WHERE program = 'trex' DURING 2021-01 "
    "GROUP BY day(start) HAVING n > 280"
)
_ESCAPED = "FIND data_products WHERE program = 'trex' AND url LIKE '%full!_keogram%' ESCAPE '!' ON 2021-01-01"
_DISTINCT = "FIND data_products WHERE program = 'trex' AND keogram_type IS DISTINCT FROM 'daily' ON 2021-01-01"
_SUBMITTED = f"SUBMIT s = {_DAILY};\nSHOW SEARCHES;\nFETCH s"


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword, its short description, and an example script that runs unchanged."""

    word: str
    doc: str
    example: str


KEYWORDS = {
    row.word: row
    for row in (
        Keyword("AGO", "a time before now: 5 days ago is a day, 2 hours ago is an instant",
                "FIND data_products WHERE program = 'trex' SINCE 5 days ago"),
        Keyword("AND", "both conditions are true", _DAILY),
        Keyword("ANY", "any distance, in WITHIN", _PAIRS),
        Keyword("AS", "name a column or a block", _COUNTED),
        Keyword("ASC", "ascending order, the default", f"{_DAILY} ORDER BY start ASC"),
        Keyword("AVAILABILITY", "number of records per day",
                "SHOW AVAILABILITY OF data_products WHERE program = 'trex' ON 2021-01-01"),
        Keyword("BEFORE", "end of the LAST window", _LATEST),
        Keyword("BETWEEN", "a time window or a range of values, both ends included",
                "FIND data_products WHERE program = 'trex' BETWEEN 2021-01-01 AND 2021-01-03"),
        Keyword("BY", "part of GROUP BY, ORDER BY and PADDED BY", _COUNTED),
        Keyword("CANCEL", "cancel a submitted search", f"SUBMIT s = {_DAILY};\nCANCEL s"),
        Keyword("CASE", "a value that depends on conditions", _CASE),
        Keyword("COLUMNS", "fields of a kind, or columns of a result", "SHOW COLUMNS OF data_products"),
        Keyword("CONJUNCTIONS", "times at which sources or their footprints are near one another", _MEETING),
        Keyword("DATA_PRODUCTS", "keograms, movies and other files", _DAILY),
        Keyword("DEFAULT", "the initial value of a setting", "SET format = DEFAULT"),
        Keyword("DESC", "descending order", _COUNTED),
        Keyword("DESCRIBE", "describe a search in words, without running it", f"DESCRIBE {_DAILY}"),
        Keyword("DISTINCT", "remove duplicate rows",
                "FIND DISTINCT data_products SELECT platform WHERE program = 'trex' ON 2021-01-01"),
        Keyword("DURING", "a time window: a day, a month, a year, or the times of a result",
                "FIND data_products WHERE program = 'trex' DURING 2021-01"),
        Keyword("ELSE", "with CASE: the value when no condition is true", _CASE),
        Keyword("END", "end of CASE", _CASE),
        Keyword("EPHEMERIS", "positions of spacecraft and instruments, one per minute",
                "FIND ephemeris WHERE platform = 'swarma' ON 2021-01-01 LIMIT 5"),
        Keyword("ESCAPE", "character that makes the next % or _ of a pattern literal", _ESCAPED),
        Keyword("EVENTS", "a block of event lists, such as substorm onsets", _EVENTS),
        Keyword("EXCLUDE", "omit columns from *", _TREE),
        Keyword("EXPLAIN", "show the plan: requests and post-processing", f"EXPLAIN {_DAILY}"),
        Keyword("FALSE", "the value false", "FIND ephemeris WHERE tii_on = FALSE ON 2021-01-01 LIMIT 5"),
        Keyword("FETCH", "wait for a submitted search and show its result", _SUBMITTED),
        Keyword("FIND", "search for records", _DAILY),
        Keyword("FIRST", "with NULLS: missing values first", _COUNTED),
        Keyword("FOR", "restrict SHOW to a program, platform, instrument type, display name or identifier",
                "SHOW METADATA OF data_products FOR trex"),
        Keyword("FROM", "part of IS DISTINCT FROM, a comparison that treats missing values as equal", _DISTINCT),
        Keyword("GROUND", "a block of ground instruments", _MEETING),
        Keyword("GROUP", "group rows by the values of fields", _COUNTED),
        Keyword("HAVING", "conditions on groups", _HAVING),
        Keyword("ILIKE", "the same as LIKE, which ignores case", _LISTS.replace("LIKE", "ILIKE")),
        Keyword("IN", "equal to one of several values", _LISTS),
        Keyword("INSTRUMENT_TYPES", "list of instrument types", "SHOW INSTRUMENT_TYPES"),
        Keyword("IS", "test for a missing value: IS NULL", _NULLS),
        Keyword("LAST", "a time window that ends now or at BEFORE; with NULLS: missing values last", _LATEST),
        Keyword("LET", "store a result under a name", _STORED_MEETING),
        Keyword("LIKE", "match a pattern: % is any text, _ is one character", _LISTS),
        Keyword("LIMIT", "maximum number of rows", _COUNTED),
        Keyword("LOCATION", "a block of locations: (latitude, longitude)", _PLACE),
        Keyword("METADATA", "metadata keys with types, values and programs", "SHOW METADATA OF data_products"),
        Keyword("NOT", "the condition is not true", _LISTS),
        Keyword("NOW", "the current time, UTC", "FIND data_products WHERE program = 'trex' SINCE NOW - 7 days"),
        Keyword("NULL", "a missing value", _NULLS),
        Keyword("NULLS", "position of missing values: NULLS FIRST or NULLS LAST", _COUNTED),
        Keyword("OF", "blocks of conjunctions; after SHOW: the kind, result or field", _MEETING),
        Keyword("OFFSET", "number of rows to skip", _COUNTED),
        Keyword("ON", "a time window: one day, or another date literal", _DAILY),
        Keyword("OR", "at least one condition is true", _NULLS),
        Keyword("ORDER", "sort the rows", _COUNTED),
        Keyword("OVERLAPPING", "a time window: records that overlap it",
                "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' "
                "OVERLAPPING 2021-01-01T06:00 AND 2021-01-01T09:00"),
        Keyword("PADDED", "extend the times of a result at both ends", _STORED_MEETING),
        Keyword("PLATFORMS", "list of sites and spacecraft", "SHOW PLATFORMS LIKE 'fort%'"),
        Keyword("PRECISION", "precision of conjunction epochs", _MEETING),
        Keyword("PROGRAMS", "list of programs, which run the instruments", "SHOW PROGRAMS"),
        Keyword("REFRESH", "update the cached list of data sources", "SHOW SOURCES REFRESH"),
        Keyword("RESULTS", "list of stored results", "SHOW RESULTS"),
        Keyword("SEARCHES", "list of submitted searches", _SUBMITTED),
        Keyword("SELECT", "columns of the result", _COUNTED),
        Keyword("SET", "change a setting", "SET timeout = 2 minutes"),
        Keyword("SETTINGS", "list of settings and their values", "SHOW SETTINGS"),
        Keyword("SHOW", "list sources, fields, values and more", "SHOW SOURCES WHERE program = 'trex'"),
        Keyword("SINCE", "a time window without an end",
                "FIND data_products WHERE program = 'trex' SINCE 2021-01-01 LIMIT 5"),
        Keyword("SOURCES", "list of data sources", "SHOW SOURCES WHERE program = 'trex'"),
        Keyword("SPACE", "a block of spacecraft", _MEETING),
        Keyword("SUBMIT", "start a search in the background", _SUBMITTED),
        Keyword("SYNC", "what a mirror has of its archive", "SHOW SYNC"),
        Keyword("TEMPLATE", "complete response_format of a kind", "SHOW TEMPLATE OF data_products"),
        Keyword("THEN", "with CASE: the value when the condition is true", _CASE),
        Keyword("TODAY", "the current day, UTC", "FIND data_products WHERE program = 'trex' SINCE TODAY - 1 day"),
        Keyword("TOMORROW", "the day after the current day, UTC",
                "FIND data_products WHERE program = 'trex' BETWEEN TODAY AND TOMORROW"),
        Keyword("TRUE", "the value true", "FIND ephemeris WHERE tii_on = TRUE ON 2021-01-01 LIMIT 5"),
        Keyword("UNTIL", "a time window without a start",
                "FIND data_products WHERE program = 'trex' UNTIL 2021-01-01 LIMIT 5"),
        Keyword("USING", "fields that must be equal in a record and in the result row that it overlaps", _STORED_MEETING),
        Keyword("VALUES", "known values of a field or metadata key", "SHOW VALUES OF keogram_type"),
        Keyword("VIA", "conjunction types: nbtrace, sbtrace, geographic", _MEETING),
        Keyword("WHEN", "with CASE: a condition", _CASE),
        Keyword("WHERE", "conditions on the records", _DAILY),
        Keyword("WITHIN", "maximum distance between blocks", _MEETING),
        Keyword("YESTERDAY", "the day before the current day, UTC",
                "FIND data_products WHERE program = 'trex' ON YESTERDAY"),
    )
}  # fmt: skip
"""All keywords of the grammar, by their text."""


def _example_of(function: schema.Function) -> str:
    """Return a statement that uses the example of a function."""
    if function.is_aggregate and function.name in schema.SIMPLE_AGGREGATES:
        return {"count": _COUNTED, "avg": _MEAN, "sum": _MEAN}.get(function.name, _EXTREMES)
    return _STATEMENTS[function.kind].format(function.example)


_STATEMENTS = {
    "data_products": "FIND data_products SELECT {} AS x WHERE program = 'trex' ON 2021-01-01 LIMIT 5",
    "ephemeris": "FIND ephemeris SELECT {} AS x WHERE platform = 'swarma' ON 2021-01-01 LIMIT 5",
    "conjunctions": "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km "
    "SELECT {} AS x ON 2021-01-01 LIMIT 5",
}

PERIODS = {
    keyword.word: keyword
    for keyword in (
        Keyword("THIS WEEK", "the calendar week, from Monday, UTC",
                "FIND data_products WHERE program = 'trex' DURING THIS WEEK"),
        Keyword("THIS MONTH", "the calendar month, UTC", "FIND data_products WHERE program = 'trex' DURING THIS MONTH"),
        Keyword("THIS YEAR", "the calendar year, UTC", "FIND data_products WHERE program = 'trex' DURING THIS YEAR"),
        Keyword("LAST WEEK", "the calendar week before this one, from Monday to Sunday, UTC",
                "FIND data_products WHERE program = 'trex' DURING LAST WEEK"),
        Keyword("LAST MONTH", "the calendar month before this one, UTC",
                "FIND data_products WHERE program = 'trex' DURING LAST MONTH"),
        Keyword("LAST YEAR", "the calendar year before this one, UTC",
                "FIND data_products WHERE program = 'trex' DURING LAST YEAR"),
    )
}  # fmt: skip
"""Calendar periods relative to now. In the grammar they are one terminal, not keywords."""

FUNCTIONS = {
    function.name: Keyword(function.name, f"{function.signature}: {function.doc}", _example_of(function))
    for function in schema.FUNCTIONS.values()
}
"""Functions of expressions. In the grammar they are names, not keywords."""

SQL = Keyword("SQL", "query stored results in SQL", f"LET k = {_DAILY};\nSQL SELECT count(*) FROM k")  # noqa: S608 - an example; values are never interpolated
"""The SQL statement, which is not part of the grammar."""
