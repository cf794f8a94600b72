"""Keywords with a short description and an example, for menus and help. A test compares them with the grammar."""

from __future__ import annotations

from dataclasses import dataclass

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
_KEPT = (
    f"LET c = {_MEETING};\nFIND data_products WHERE program = 'trex' AND keogram_type = 'daily' "
    "DURING c PADDED BY 10 minutes USING (platform)"
)
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
        Keyword("AND", "both hold", _DAILY),
        Keyword("ANY", "at any distance, in WITHIN", _PAIRS),
        Keyword("AS", "gives a column or a block a name", _COUNTED),
        Keyword("ASC", "smallest first", f"{_DAILY} ORDER BY start ASC"),
        Keyword("AVAILABILITY", "how many records there are, day by day",
                "SHOW AVAILABILITY OF data_products WHERE program = 'trex' ON 2021-01-01"),
        Keyword("BEFORE", "the moment that LAST counts back from", _LATEST),
        Keyword("BETWEEN", "a time window, or a range of values; both ends included",
                "FIND data_products WHERE program = 'trex' BETWEEN 2021-01-01 AND 2021-01-03"),
        Keyword("BY", "follows GROUP, ORDER and PADDED", _COUNTED),
        Keyword("CANCEL", "stops a search that was submitted", f"SUBMIT s = {_DAILY};\nCANCEL s"),
        Keyword("COLUMNS", "the fields of a kind, or the columns of a result", "SHOW COLUMNS OF data_products"),
        Keyword("CONJUNCTIONS", "when sources, or their footprints, come near one another", _MEETING),
        Keyword("DATA_PRODUCTS", "keograms, movies and other files", _DAILY),
        Keyword("DEFAULT", "the value a setting had at the beginning", "SET format = DEFAULT"),
        Keyword("DESC", "greatest first", _COUNTED),
        Keyword("DESCRIBE", "the engine's sentence for a search, which is not run", f"DESCRIBE {_DAILY}"),
        Keyword("DISTINCT", "of equal rows one is kept",
                "FIND DISTINCT data_products SELECT platform WHERE program = 'trex' ON 2021-01-01"),
        Keyword("DURING", "a time window: a day, a month, a year, or the times of a result",
                "FIND data_products WHERE program = 'trex' DURING 2021-01"),
        Keyword("EPHEMERIS", "where spacecraft and instruments are, minute by minute",
                "FIND ephemeris WHERE platform = 'swarma' ON 2021-01-01 LIMIT 5"),
        Keyword("EVENTS", "a block of event lists, as substorm onsets", _EVENTS),
        Keyword("EXCLUDE", "leaves columns out of *", _TREE),
        Keyword("EXPLAIN", "what would be asked of the archive, and what is done after it", f"EXPLAIN {_DAILY}"),
        Keyword("FALSE", "the opposite of TRUE", "FIND ephemeris WHERE tii_on = FALSE ON 2021-01-01 LIMIT 5"),
        Keyword("FETCH", "waits for a search that was submitted, and shows its result", _SUBMITTED),
        Keyword("FIND", "searches", _DAILY),
        Keyword("FIRST", "missing values come first", _COUNTED),
        Keyword("FOR", "the program, platform, instrument type, display name or identifier that SHOW is about",
                "SHOW METADATA OF data_products FOR trex"),
        Keyword("GROUND", "a block of instruments on the ground", _MEETING),
        Keyword("GROUP", "one row for each value of the fields", _COUNTED),
        Keyword("IN", "one of several values", _LISTS),
        Keyword("INSTRUMENT_TYPES", "the kinds of instruments", "SHOW INSTRUMENT_TYPES"),
        Keyword("IS", "whether a value is missing", _NULLS),
        Keyword("LAST", "a time window that ends now, or before a moment; after NULLS: at the end", _LATEST),
        Keyword("LET", "keeps a result under a name", _KEPT),
        Keyword("LIKE", "like a pattern: % is anything, _ one character", _LISTS),
        Keyword("LIMIT", "no more rows than this", _COUNTED),
        Keyword("LOCATION", "a block of places, latitude before longitude", _PLACE),
        Keyword("METADATA", "the metadata keys: types, values, and who has them", "SHOW METADATA OF data_products"),
        Keyword("NOT", "the opposite", _LISTS),
        Keyword("NOW", "this moment", "FIND data_products WHERE program = 'trex' SINCE NOW - 7 days"),
        Keyword("NULL", "a missing value", _NULLS),
        Keyword("NULLS", "where missing values stand in the order", _COUNTED),
        Keyword("OF", "the blocks of conjunctions; after SHOW …: the kind, result or field", _MEETING),
        Keyword("OFFSET", "skips the first rows", _COUNTED),
        Keyword("ON", "a time window: one day", _DAILY),
        Keyword("OR", "one holds, or both", _NULLS),
        Keyword("ORDER", "sorts the rows", _COUNTED),
        Keyword("OVERLAPPING", "a time window: finds what shares a moment with it, fully inside or not",
                "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' "
                "OVERLAPPING 2021-01-01T06:00 AND 2021-01-01T09:00"),
        Keyword("PADDED", "makes the times of a result longer at both ends", _KEPT),
        Keyword("PLATFORMS", "sites and spacecraft", "SHOW PLATFORMS LIKE 'fort%'"),
        Keyword("PRECISION", "how fine the epochs of conjunctions are", _MEETING),
        Keyword("PROGRAMS", "who runs the instruments", "SHOW PROGRAMS"),
        Keyword("REFRESH", "updates the cached list of data sources", "SHOW SOURCES REFRESH"),
        Keyword("RESULTS", "the results kept under a name", "SHOW RESULTS"),
        Keyword("SEARCHES", "the searches that were submitted", _SUBMITTED),
        Keyword("SELECT", "which columns, and in which order", _COUNTED),
        Keyword("SET", "changes a setting", "SET timeout = 2 minutes"),
        Keyword("SETTINGS", "the settings and their values", "SHOW SETTINGS"),
        Keyword("SHOW", "lists what is known", "SHOW SOURCES WHERE program = 'trex'"),
        Keyword("SINCE", "a time window that is open at its end",
                "FIND data_products WHERE program = 'trex' SINCE 2021-01-01 LIMIT 5"),
        Keyword("SOURCES", "the data sources", "SHOW SOURCES WHERE program = 'trex'"),
        Keyword("SPACE", "a block of spacecraft", _MEETING),
        Keyword("SUBMIT", "starts a search and does not wait for it", _SUBMITTED),
        Keyword("TEMPLATE", "the whole response_format of a kind", "SHOW TEMPLATE OF data_products"),
        Keyword("TODAY", "this day, UTC", "FIND data_products WHERE program = 'trex' SINCE TODAY - 1 day"),
        Keyword("TRUE", "it holds", "FIND ephemeris WHERE tii_on = TRUE ON 2021-01-01 LIMIT 5"),
        Keyword("UNTIL", "a time window that is open at its beginning",
                "FIND data_products WHERE program = 'trex' UNTIL 2021-01-01 LIMIT 5"),
        Keyword("USING", "the fields in which a record equals a row of the result that it overlaps", _KEPT),
        Keyword("VALUES", "the known values of a field or metadata key", "SHOW VALUES OF keogram_type"),
        Keyword("VIA", "by what conjunctions are found", _MEETING),
        Keyword("WHERE", "what the records must be", _DAILY),
        Keyword("WITHIN", "how near the blocks come to one another", _MEETING),
    )
}  # fmt: skip
"""All keywords of the grammar, by their text."""

FUNCTIONS = {
    row.word: row
    for row in (
        Keyword("count", "how many", _COUNTED),
        Keyword("min", "the smallest", _EXTREMES),
        Keyword("max", "the greatest", _EXTREMES),
        Keyword("avg", "the mean", _MEAN),
        Keyword("sum", "all together", _MEAN),
    )
}
"""Functions of SELECT. The grammar reads them as names."""

SQL = Keyword("SQL", "asks the results kept under a name in SQL", f"LET k = {_DAILY};\nSQL SELECT count(*) FROM k")  # noqa: S608 - an example; values are never interpolated
"""The SQL statement, which the grammar does not read."""
