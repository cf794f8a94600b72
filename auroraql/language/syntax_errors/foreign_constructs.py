"""Constructs of SQL and other languages that AuroraQL does not have, and what to use instead.

Each entry states the fact, the construct that works, and an example script, which a test runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from auroraql.diagnostics.errors import Diagnostic, Span


@dataclass(frozen=True, slots=True)
class ForeignConstruct:
    """A construct that AuroraQL does not have.

    `words` are its keywords, `fact` is the message, `hint` the way out, and `example` a script that shows the hint.
    """

    words: tuple[str, ...]
    fact: str
    hint: str
    example: str = ""
    before: str = ""
    """Statements that the example needs before it."""
    name: str = ""
    """The name by which the translator of SQL refers to the construct."""


_RECORDS = "LET r = FIND data_products WHERE program = 'trex' ON 2021-01-01; "

FUNCTIONS_OF_FIELDS = ForeignConstruct(
    (),
    "a function is not allowed here",
    "call functions in SELECT, WHERE, GROUP BY, HAVING or ORDER BY",
    "FIND data_products SELECT day(start) AS day, count(*) AS n WHERE program = 'trex' DURING 2021-01 GROUP BY day",
)
ARITHMETIC = ForeignConstruct(
    (),
    "a calculation is not allowed here",
    "write the result of the calculation; SELECT, WHERE, GROUP BY, HAVING and ORDER BY compute values",
    "FIND data_products SELECT end - start AS length WHERE program = 'trex' ON 2021-01-01",
)

FOREIGN_CONSTRUCTS = (
    ForeignConstruct(
        ("JOIN", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL", "ASOF", "LATERAL"),
        "FIND searches one kind of record and has no JOIN",
        "keep each search with LET, then join the results: SQL SELECT … FROM a JOIN b ON …",
        "LET a = FIND data_products WHERE program = 'trex' ON 2021-01-01; "
        "LET b = FIND data_products WHERE program = 'rego' ON 2021-01-01; SQL SELECT * FROM a JOIN b ON a.start = b.start",
    ),
    ForeignConstruct(
        ("HAVING", "QUALIFY"),
        "conditions on groups follow GROUP BY, after HAVING",
        "write FIND … SELECT platform, count(*) AS n … GROUP BY platform HAVING n > 100",
        "FIND data_products SELECT platform, count(*) AS n DURING 2021 GROUP BY platform HAVING n > 100",
    ),
    ForeignConstruct(
        ("UNION", "INTERSECT", "EXCEPT", "MINUS"),
        "one FIND cannot be combined with another",
        "join the conditions with AND, OR and NOT in one WHERE, or keep each search with LET and combine them in SQL",
        "SQL SELECT url FROM r UNION SELECT url FROM r",
        _RECORDS,
    ),
    ForeignConstruct(
        ("OVER", "PARTITION", "WINDOW", "PIVOT", "UNPIVOT", "ROLLUP", "CUBE", "GROUPING"),
        "FIND has no window functions and no pivots",
        "keep the records with LET name = FIND …, then use them in SQL: SQL SELECT … FROM name",
        "SQL SELECT url, row_number() OVER (ORDER BY start) AS n FROM r",
        _RECORDS,
    ),
    ForeignConstruct(
        ("CAST", "EXTRACT", "INTERVAL"),
        "AuroraQL has no CAST, EXTRACT or INTERVAL",
        "text(x) and number(x) convert, year(start) takes a part, and a duration is written 36 hours",
        "FIND data_products SELECT text(identifier), year(start), end - start AS length ON 2021-01-01",
    ),
    ForeignConstruct(
        ("XOR",),
        "AuroraQL has no XOR",
        "write (a AND NOT b) OR (b AND NOT a)",
        "FIND data_products WHERE (program = 'trex' AND NOT platform = 'gillam') "
        "OR (platform = 'gillam' AND NOT program = 'trex') ON 2021-01-01",
    ),
    ForeignConstruct(
        (
            "REGEXP",
            "RLIKE",
            "SIMILAR",
            "GLOB",
            "MATCHES",
            "MATCH",
            "CONTAINS",
            "STARTSWITH",
            "ENDSWITH",
            "STARTS",
            "ENDS",
        ),
        "the operator for patterns is LIKE; others are functions",
        "write display_name LIKE 'TREx RGB %', contains(url, 'gill') or regexp_matches(url, 'rgb-0[1-4]')",
        "FIND data_products WHERE display_name LIKE 'TREx RGB %' AND regexp_matches(url, 'rgb-0[1-4]') ON 2021-01-01",
    ),
    ForeignConstruct(
        ("EXISTS",),
        "FIND has no EXISTS",
        "write field IS NOT NULL, or field IN (FIND … SELECT field …)",
        "FIND data_products WHERE keogram_type IS NOT NULL "
        "AND platform IN (FIND data_products SELECT platform WHERE program = 'rego' ON 2021-01-01) ON 2021-01-01",
    ),
    ForeignConstruct(
        ("INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "TRUNCATE", "GRANT", "REPLACE", "MERGE", "COPY"),
        "AuroraQL is read-only",
        "FIND finds records, LET keeps them under a name, and --output FILE or .save writes them to a file",
        "FIND r",
        _RECORDS,
    ),
)
"""Constructs that are recognized by one of their words, anywhere in a statement."""

CONSTRUCT_BY_WORD = {word: habit for habit in FOREIGN_CONSTRUCTS for word in habit.words}


def _sql(name: str, fact: str, hint: str, example: str, before: str = "") -> ForeignConstruct:
    return ForeignConstruct((), fact, hint, example, before, name)


_DAY = "WHERE program = 'trex' ON 2021-01-01"

SQL_CONSTRUCTS = (
    _sql(
        "filter",
        "aggregate functions take no FILTER",
        "count the records that match with sum(CASE WHEN program = 'trex' THEN 1 ELSE 0 END)",
        "FIND data_products SELECT platform, sum(CASE WHEN program = 'trex' THEN 1 ELSE 0 END) AS n ON 2021-01-01 "
        "GROUP BY platform",
    ),
    _sql(
        "ordered set",
        "aggregate functions take no WITHIN GROUP",
        "median(x) is the middle value; for other quantiles, keep the records with LET r = FIND …, then SQL SELECT "
        "quantile_cont(x, 0.9) FROM r",
        "SQL SELECT quantile_cont(epoch_us(start), 0.9) AS late FROM r",
        _RECORDS,
    ),
    _sql(
        "unnamed parameter",
        "parameters have names",
        "write $program, and give its value as program=trex",
        f"FIND data_products {_DAY}",
    ),
    _sql(
        "scalar subquery",
        "a search in parentheses is a list of values, not one value",
        "use it after IN, or keep it with LET last = FIND …, then query both in SQL",
        "SQL SELECT url FROM r WHERE start = (SELECT max(start) FROM r)",
        _RECORDS,
    ),
    _sql(
        "comparison with a subquery",
        "a search in parentheses is compared with IN only",
        "write platform IN (FIND … SELECT platform …)",
        "FIND data_products WHERE platform IN (FIND data_products SELECT platform WHERE program = 'rego' ON 2021-01-01) "
        "ON 2021-01-01",
    ),
    _sql(
        "row of values",
        "values are compared one by one, not in rows",
        "write program = 'trex' AND platform = 'gillam', and join several such pairs with OR",
        "FIND data_products WHERE (program = 'trex' AND platform = 'gillam') OR (program = 'rego' AND platform = 'gillam') "
        "ON 2021-01-01",
    ),
    _sql(
        "overlaps",
        "periods that overlap have a time window of their own",
        "write OVERLAPPING 2021-01-01T06:00 AND 2021-01-01T09:00 after WHERE",
        "FIND data_products OVERLAPPING 2021-01-01T06:00 AND 2021-01-01T09:00",
    ),
    _sql(
        "index",
        "elements of a list or text cannot be selected by index",
        "a list matches when any element does, and substring(platform, 1, 4) takes a part of a text",
        f"FIND data_products SELECT substring(platform, 1, 4) AS short {_DAY}",
    ),
    _sql(
        "cast",
        "this conversion has no equivalent",
        "text(x), number(x), round(number(x)) and day(x) convert values",
        f"FIND data_products SELECT text(identifier), round(number(wavelength)), day(start) {_DAY}",
    ),
    _sql(
        "time literal",
        "this is not a date or time",
        "write year-month-day, for example 2021-01-01 or 2021-01-01T06:00",
        "FIND data_products WHERE start >= 2021-01-01T06:00 UNTIL 2021-01-01",
    ),
    _sql(
        "time function",
        "a time is written without a function",
        "write 2021-01-01 for the day, 2021-01-01T06:00 for an instant, NOW - 7 days for the past week",
        "FIND data_products WHERE start >= 2021-01-01T06:00 AND start > NOW - 50 years UNTIL 2021-01-01",
    ),
    _sql(
        "time zone",
        "times are in UTC",
        "write an offset after a time, for example 2021-01-01T06:00-07:00",
        "FIND data_products WHERE start >= 2021-01-01T06:00-07:00 UNTIL 2021-01-01",
    ),
    _sql(
        "interval",
        "a duration is a number with a unit",
        "write 36 hours or 7 days, and add several: (1 day + 2 hours)",
        "FIND data_products WHERE end - start < (1 day + 2 hours) ON 2021-01-01",
    ),
    _sql(
        "part of a time",
        "this part of a time has no function",
        "the functions are year, month, day_of_month, day_of_year, day_of_week, hour, minute, second and date_trunc",
        "FIND data_products SELECT day_of_year(start) AS d, date_trunc('week', start) AS w ON 2021-01-01",
    ),
    _sql(
        "day of the week",
        "SQL's dialects count the days of the week differently",
        "day_of_week(start) is 1 on Monday and 7 on Sunday",
        "FIND data_products SELECT day_of_week(start) AS d, count(*) AS n ON 2021-01-01 GROUP BY d",
    ),
    _sql(
        "format of a time",
        "AuroraQL has no function that formats times",
        "group by date_trunc('month', start), year(start) or day(start)",
        "FIND data_products SELECT date_trunc('month', start) AS month, count(*) AS n DURING 2021-01 GROUP BY month",
    ),
    _sql(
        "operator",
        "this operator has no equivalent",
        "the operators are = != < <= > >= IN BETWEEN LIKE IS NULL, AND OR NOT, + - * / % and ||",
        f"FIND data_products SELECT identifier % 10 AS last, program || '-' || platform AS site {_DAY}",
    ),
    _sql(
        "DISTINCT ON",
        "DISTINCT compares whole rows",
        "group the records: SELECT platform, first(start) AS start … GROUP BY platform",
        "FIND data_products SELECT platform, first(start) AS start ON 2021-01-01 GROUP BY platform",
    ),
    _sql(
        "limit",
        "LIMIT takes a number of rows",
        "write LIMIT 10, or LIMIT 10 OFFSET 20",
        "FIND data_products ON 2021-01-01 LIMIT 10 OFFSET 20",
    ),
    _sql(
        "offset",
        "OFFSET follows LIMIT",
        "write LIMIT 100 OFFSET 20",
        "FIND data_products ON 2021-01-01 LIMIT 100 OFFSET 20",
    ),
    _sql(
        "sample",
        "FIND takes no random sample",
        "keep the records with LET r = FIND …, then SQL SELECT * FROM r USING SAMPLE 10",
        "SQL SELECT * FROM r USING SAMPLE 10",
        _RECORDS,
    ),
    _sql(
        "grouping",
        "GROUP BY takes columns and expressions",
        "write GROUP BY program, platform, one statement for each level of totals",
        "FIND data_products SELECT program, platform, count(*) AS n ON 2021-01-01 GROUP BY program, platform",
    ),
    _sql(
        "unknown function",
        "AuroraQL does not have this function",
        "\\h functions lists the functions; keep the records with LET r = FIND …, and SQL SELECT … FROM r has those of DuckDB",
        "SQL SELECT platform, string_agg(url, ', ') AS urls FROM r GROUP BY platform",
        _RECORDS,
    ),
    _sql(
        "position",
        "SELECT has no column at this position",
        "write the name of a column",
        "FIND data_products SELECT platform, start ON 2021-01-01 ORDER BY start",
    ),
    _sql(
        "lock",
        "a search has no such clause",
        "leave it out",
        f"FIND data_products {_DAY}",
    ),
    _sql(
        "file",
        "a search reads an archive, not a file",
        "open a catalogue file with --archive FILE, or with \\connect FILE at the prompt",
        f"FIND data_products {_DAY}",
    ),
    _sql(
        "table function",
        "a search reads a kind of record, not a function",
        "the kinds are data_products, ephemeris and conjunctions; SQL SELECT … FROM result has the functions of DuckDB",
        "SQL SELECT * FROM range(3)",
    ),
    _sql(
        "recursion",
        "AuroraQL has no recursive queries",
        "keep a search with LET r = FIND …, then use SQL WITH … SELECT … FROM r",
        "SQL WITH t AS (SELECT url FROM r) SELECT count(*) AS n FROM t",
        _RECORDS,
    ),
    _sql(
        "metadata tables",
        "the archive has no tables of names",
        "SHOW COLUMNS OF data_products lists fields, SHOW METADATA keys, SHOW SOURCES data sources, SHOW RESULTS results",
        "SHOW COLUMNS OF data_products; SHOW METADATA; SHOW SOURCES; SHOW RESULTS",
    ),
    _sql(
        "conjunctions",
        "conjunctions are found between blocks",
        "write FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km …",
        "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2020-01-01",
    ),
)
"""Constructs that the translator of SQL recognizes, each by its name."""

CONSTRUCT_BY_NAME = {
    **{construct.name: construct for construct in SQL_CONSTRUCTS},
    "window function": CONSTRUCT_BY_WORD["OVER"],
    "EXISTS": CONSTRUCT_BY_WORD["EXISTS"],
    "join": CONSTRUCT_BY_WORD["JOIN"],
    "set operation": CONSTRUCT_BY_WORD["UNION"],
}

FOREIGN_WORDS = frozenset(
    {
        *CONSTRUCT_BY_WORD,
        *(
            "ALL",
            "ANALYZE",
            "ASCENDING",
            "DATABASE",
            "DATABASES",
            "DESCENDING",
            "DO",
            "ELSE",
            "END",
            "FETCH",
            "FROM",
            "GO",
        ),
        *(
            "HELP",
            "IF",
            "ILIKE",
            "INDEX",
            "INTO",
            "ISNULL",
            "NAND",
            "NEXT",
            "NOR",
            "NOTNULL",
            "ONLY",
            "QUIT",
            "ROW",
            "ROWS",
        ),
        *("SCHEMA", "SCHEMAS", "SORT", "TABLE", "TABLES", "THEN", "THIS", "TO", "TOP", "TRUNC", "USE", "WITH", "YEAR"),
        *(
            "MONTH",
            "DAY",
            "DATE",
            "TIME",
            "TIMESTAMP",
            "NULLIF",
            "NAN",
            "NONE",
            "AFTER",
            "BEFORE",
            "FILTER",
            "DISTINCT",
        ),
    }
)
"""Words that are never taken for a misspelt keyword."""


def diagnose_construct(construct: ForeignConstruct, span: Span, label: str = "") -> Diagnostic:
    """Return the diagnostic of a foreign construct."""
    return Diagnostic("AQL0118", construct.fact, span, label or "not in AuroraQL", construct.hint)
