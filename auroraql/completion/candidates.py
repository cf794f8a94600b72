"""Groups of candidates that fit at the cursor: keywords the parser accepts, names and values by their grammar rule.

In SQL, candidates are stored results, which are the tables, and their columns by their SQL names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from auroraql.completion.context import CompletionContext
from auroraql.completion.cursor import Cursor
from auroraql.completion.field_names import METADATA, PRECISION_ITEMS, FieldNames, result_names, unit_items
from auroraql.completion.keywords import FUNCTIONS, KEYWORDS, PERIODS, SQL
from auroraql.completion.matching import NamedItem, NameGroup, Vocabulary, is_plain, make_items
from auroraql.completion.parser_state import END, ParserState
from auroraql.completion.scope import Scope, ScopeReader, unquote
from auroraql.language.ast import Token
from auroraql.language.grammar import get_tables
from auroraql.resolver.windows import WINDOWS
from auroraql.schema import BLOCKS, CONJUNCTIONS, KINDS, Type
from auroraql.schema.functions import AGGREGATES
from auroraql.schema.functions import FUNCTIONS as SCHEMA_FUNCTIONS
from auroraql.schema.kinds.conjunctions import PRECISION_UNIT, TRACES
from auroraql.schema.operators import OPERATORS
from auroraql.session.show import REFRESHABLE

_WRITTEN_SMALL = frozenset(name.upper() for name in (*KINDS, *BLOCKS))
_OFTEN = ("FIND", "SHOW", "WHERE", "AND", "SELECT", "ON", "DURING", "IN", "LIMIT")
_INSIDE = frozenset(("AND", "OR", "NOT", "AS", "IN", "BY", "ASC", "DESC", "NULLS", "BEFORE", "PADDED", "OFFSET"))
"""Keywords that may occur several times in one scope."""
SETTING_VALUE = ("=",)
"""Stands for a path when the value of a setting is compared."""
_TIMES = frozenset(("NOW", "TODAY", "YESTERDAY", "TOMORROW"))
_CONSTANTS = _TIMES | {"TRUE", "FALSE"}
_FITTING = {
    Type.STRING: frozenset[str](),
    Type.NUMBER: frozenset[str](),
    Type.INTEGER: frozenset[str](),
    Type.TIME: _TIMES,
    Type.BOOLEAN: frozenset(("TRUE", "FALSE")),
}
"""Constants that are values of a type. All constants fit the other types."""


def find_candidates(
    trail: ParserState, scope: Scope, reader: ScopeReader, context: CompletionContext
) -> Iterator[NameGroup]:
    """Yield the groups that fit after the words of the trail, most likely first.

    Arguments:
        trail: Parser state after the words before the cursor.
        scope: The search or block that contains the cursor.
        reader: Names defined anywhere in the statement.
        context: Names of the catalogue and of the session.
    """
    accepts = trail.accepted_terminals()
    compared = _compared_path(trail)
    fields = FieldNames(
        scope, context, trail.words[0].lower() if trail.words else "", _show_listing(trail.words), reader.named_kinds
    )
    if "STRING" in accepts and compared and compared != SETTING_VALUE:
        yield from _value_groups(fields, compared, trail)
    if "CMP" in accepts:
        yield NameGroup(_fitting_operators(trail, fields), "operator")
    if "NAME" in accepts:
        yield from (NameGroup(make_items(names)) for names in _name_groups(trail, reader, context, fields))
    if accepts & {"STRING", "NAME"} and trail.symbols:
        yield from _special_groups(trail, context)
    if {"STAR", "NAME"} <= accepts:
        yield NameGroup(make_items([NamedItem("*", "everything")]), "operator")
    if accepts & {"TIME_UNIT", "UNIT"}:
        yield NameGroup(make_items(unit_items(fields, compared, trail, accepts)), "keyword")
    if "NUMBER" in accepts and trail.symbols[-1].name == "PRECISION":
        yield _number_items(PRECISION_ITEMS, PRECISION_UNIT)
    if "PARAM" in accepts:
        yield NameGroup(make_items(dict.fromkeys((*context.parameters, *reader.parameters))), "parameter")
    compared_type = fields.type_of(compared) if compared and compared != SETTING_VALUE else Type.ANY
    if "NAME" in accepts and "function" in trail.accepted_roles():
        functions = NameGroup(make_items(_function_items(trail, compared_type)), "keyword")
        keywords = NameGroup(make_items(_keyword_group(trail, accepts, scope, compared_type)), "keyword")
        yield from (keywords, functions) if compared else (functions, keywords)
        return
    yield NameGroup(make_items(_keyword_group(trail, accepts, scope, compared_type)), "keyword")


def _function_items(trail: ParserState, type: Type) -> Iterator[NamedItem]:
    """Yield the functions that may be called: aggregates first where they are allowed, and not at all elsewhere.

    `type` is the type of the field that the result is compared with, or ANY.
    """
    clause = next((s.name for s in reversed(trail.symbols) if s.name in _CLAUSES_OF_VALUES), "")
    rows = list(FUNCTIONS.values())
    if clause in ("SELECT", "HAVING", "ORDER"):
        yield from (NamedItem(f"{row.word}(", row.doc) for row in rows if row.word in AGGREGATES)
    fitting = _RESULTS.get(type)
    for row in rows:
        if row.word not in AGGREGATES and (fitting is None or SCHEMA_FUNCTIONS[row.word].result in fitting):
            yield NamedItem(f"{row.word}(", row.doc)


_RESULTS: dict[Type, tuple[Type | str, ...]] = {
    Type.STRING: (Type.STRING,),
    Type.NUMBER: (Type.NUMBER, Type.INTEGER, "argument"),
    Type.INTEGER: (Type.NUMBER, Type.INTEGER, "argument"),
    Type.TIME: (Type.TIME, Type.DATE),
    Type.BOOLEAN: (Type.BOOLEAN,),
}
"""Types of the functions that are offered as a value of a type."""


_CLAUSES_OF_VALUES = ("SELECT", "WHERE", "HAVING", "ORDER", "GROUP", "OF")


# --- keywords and operators


def _keyword_group(trail: ParserState, accepts: frozenset[str], scope: Scope, type: Type) -> Iterator[NamedItem]:
    """Yield the keywords that may come next, each with the keywords that must follow it, such as BY after GROUP."""
    all_keywords = get_tables().keywords
    if not trail.words:
        yield NamedItem("FIND", KEYWORDS["FIND"].doc)
        yield NamedItem(SQL.word, SQL.doc)
    for word in sorted((accepts & all_keywords) - _pointless_keywords(trail, accepts, scope, type), key=_usage_order):
        text = word.lower() if word in _WRITTEN_SMALL else word
        yield NamedItem(" ".join((text, *_following_keywords(trail, word, all_keywords))), KEYWORDS[word].doc)
    is_setting = bool(trail.symbols) and trail.symbols[0].name == "SET"
    if "PERIOD" in accepts and END not in accepts and type in (Type.TIME, Type.ANY) and not is_setting:
        yield from (NamedItem(period.word, period.doc) for period in PERIODS.values())


def _following_keywords(trail: ParserState, word: str, all_keywords: frozenset[str]) -> Iterator[str]:
    """Yield the keywords that must follow a keyword."""
    state = ParserState([*trail.states], [*trail.symbols])
    while state.shift(word):
        next_terminals = state.accepted_terminals()
        if len(next_terminals) != 1 or not next_terminals <= all_keywords:
            return
        (word,) = next_terminals
        yield word


def _usage_order(word: str) -> tuple[int, str]:
    """Return the sort key of a keyword: frequent keywords first, then alphabetical order."""
    return (_OFTEN.index(word) if word in _OFTEN else len(_OFTEN)), word


def _pointless_keywords(trail: ParserState, accepts: frozenset[str], scope: Scope, type: Type) -> frozenset[str]:
    """Return the keywords that the grammar accepts and the resolver rejects.

    These are clauses that are already present, and clauses of another kind of record.
    """
    if "STRING" in accepts:
        constants = _CONSTANTS - _FITTING.get(type, _CONSTANTS)
        return constants | _TIMES if trail.symbols and trail.symbols[0].name == "SET" else constants
    if END not in accepts:
        return frozenset()
    rejected = {*scope.clauses}
    if rejected & {*WINDOWS}:
        rejected |= {*WINDOWS} - ({"UNTIL"} if "SINCE" in rejected else {"SINCE"} if "UNTIL" in rejected else set())
    if trail.symbols[0].name == "SHOW":
        rejected |= set() if trail.words[1].lower() in REFRESHABLE else {"REFRESH"}
    elif scope.kind.lower() != CONJUNCTIONS.name:
        rejected |= {"OF", "WITHIN", "VIA", "PRECISION"}
    return frozenset(rejected - _INSIDE)


def _fitting_operators(trail: ParserState, fields: FieldNames) -> Vocabulary:
    if trail.symbols[0].name in ("LET", "SUBMIT", "SET", "FETCH"):
        return make_items([NamedItem("=", "is")])
    ordered = fields.type_of(_trailing_path(trail)).is_ordered
    rows = (row for row in OPERATORS.values() if row.arity == 1 and not row.text[0].isalpha())
    return make_items(NamedItem(row.text, row.doc) for row in rows if ordered or not row.ordering)


# --- values


def _compared_path(trail: ParserState) -> tuple[str, ...]:
    """Return the path whose value comes next, SETTING for a setting, or an empty tuple elsewhere."""
    symbols, words = trail.symbols, trail.words
    at = _comparison_start(trail)
    if at is None:
        return ()
    below, above = symbols[at], symbols[at + 1]
    if below.name == "setting":
        return SETTING_VALUE
    left = words[below.first : above.first]
    return _path_parts(left) if all(word.type in _PATH_WORDS for word in left) else ()


_PATH_WORDS = ("NAME", "QNAME", "DOT")

_VALUE_RULES = ("name", "path", "primary", "signed", "product", "sum")
"""Rules of the grammar to which a field before an operator is reduced."""


def _comparison_start(trail: ParserState) -> int | None:
    """Return the index of the symbol of the left side of the comparison that contains the cursor, or None."""
    symbols = trail.symbols
    for at in range(len(symbols) - 1, 0, -1):
        below, above = symbols[at - 1], symbols[at]
        if below.name in ("FIND", "SELECT", "SHOW", "WITHIN") or above.name in ("FIND", "SHOW"):
            return None
        is_operator = above.name in ("CMP", "IN", "NOT", "LIKE", "ILIKE", "BETWEEN")
        if (below.name in _VALUE_RULES and is_operator) or (below.name == "setting" and above.name == "CMP"):
            return at - 1
    return None


def _path_parts(words: Sequence[Token]) -> tuple[str, ...]:
    return tuple(unquote(word) for word in words if word != ".")


def _trailing_path(trail: ParserState) -> tuple[str, ...]:
    """Return the path at the end of the words."""
    first = len(trail.words)
    while first > 0 and trail.words[first - 1].type in ("NAME", "QNAME", "DOT"):
        first -= 1
    return _path_parts(trail.words[first:])


def _value_groups(fields: FieldNames, path: tuple[str, ...], trail: ParserState) -> Iterator[NameGroup]:
    at = _comparison_start(trail)
    first_word = len(trail.words) if at is None else trail.symbols[at].first
    present = frozenset(unquote(word) for word in trail.words[first_word:] if word.type == "STRING")
    value_type, names = fields.values(path)
    if value_type is not Type.BOOLEAN:
        is_number = value_type in (Type.NUMBER, Type.INTEGER)
        yield _number_items(names.items, fields.unit_of(path)) if is_number else NameGroup(names, "value", present)


def _number_items(items: Iterable[NamedItem], unit: str) -> NameGroup:
    """Return a group of known numbers, each with its unit."""
    return NameGroup(make_items(NamedItem(f"{item.text} {unit}".strip(), item.doc) for item in items), "number")


# --- names


def _name_groups(
    trail: ParserState, reader: ScopeReader, context: CompletionContext, fields: FieldNames
) -> Iterator[Iterable[NamedItem | str]]:
    """Yield a group of names for each grammar rule that a name could complete here."""
    roles, last = trail.accepted_roles(), trail.symbols[-1].name
    if last == "DOT" or "__path_star" in "".join(roles):
        yield from _member_groups(trail, context, fields)
        return
    if "label" in roles or last in ("LET", "SUBMIT", "AS"):
        return
    if "trace" in roles:
        used = {word.lower() for word in trail.words[trail.symbols[-1].first :]} | _words_since(trail, "VIA")
        yield (NamedItem(trace, "conjunction type") for trace in TRACES if trace not in used)
    if "block_name" in roles:
        used = {trail.words[-2].lower()} if last == "SIGN" and len(trail.words) > 1 else set()
        yield (NamedItem(name, "block") for name in reader.blocks if name.lower() not in used)
    if "setting" in roles:
        yield context.settings
    if "result" in roles:
        yield from (
            ([NamedItem(name, "search") for name in context.searches],)
            if last in ("FETCH", "CANCEL")
            else (result_names(context),)
        )
    if "path" in roles:
        yield from _path_groups(trail, reader, context, fields)
    if "function" in roles:
        yield ()


def _words_since(trail: ParserState, keyword: str) -> set[str]:
    """Return the words after the last occurrence of a keyword, in lower case."""
    position = max((i for i, word in enumerate(trail.words) if word.type == keyword), default=len(trail.words))
    return {word.lower() for word in trail.words[position + 1 :]}


def _path_groups(
    trail: ParserState, reader: ScopeReader, context: CompletionContext, fields: FieldNames
) -> Iterator[Iterable[NamedItem | str]]:
    last_symbol = trail.symbols[-1].name
    if last_symbol == "IN" or (last_symbol == "CMP" and len(trail.symbols) > 1):
        yield (NamedItem(name, "result") for name in context.results if last_symbol == "IN")
        if last_symbol == "IN":
            return
    if last_symbol == "OF" and trail.symbols[0].name == "SHOW":
        yield fields.subjects(_show_listing(trail.words))
        return
    outer_path = _open_tree(trail)
    if outer_path:
        yield fields.members(outer_path)
        return
    if any(symbol.name == "USING" for symbol in trail.symbols):
        yield _using_groups(trail, context, fields)
        return
    if trail.symbols and any(symbol.name in ("ORDER", "GROUP") for symbol in trail.symbols):
        yield (NamedItem(label, "column of SELECT") for label in reader.labels)
    yield fields.all_names()


def _using_groups(trail: ParserState, context: CompletionContext, fields: FieldNames) -> Iterator[NamedItem]:
    """Yield the fields that USING may name: those that the result of DURING also has, where its columns are known."""
    using = next(i for i, symbol in enumerate(trail.symbols) if symbol.name == "USING")
    result_word = next((symbol.first for symbol in reversed(trail.symbols[:using]) if symbol.name == "result"), None)
    name = unquote(trail.words[result_word]) if result_word is not None else ""
    columns = context.results.get(name, (METADATA,))
    present = {word.lower() for word in trail.words[trail.symbols[using].first :]}
    # Whole records have metadata keys that are not listed as columns. The SQL names include the members of objects.
    has_whole_records = METADATA in columns
    shared = {*context.tables.get(name, ()), *(column.rpartition(".")[2] for column in columns)}
    for item in fields.all_names():
        if item.text.lower() not in present and (has_whole_records or item.text in shared):
            yield item


def _member_groups(
    trail: ParserState, context: CompletionContext, fields: FieldNames
) -> Iterator[Iterable[NamedItem | str]]:
    path = _trailing_path(trail)
    if path and path[0] in context.results and not fields.members(path):
        yield (NamedItem(column, f"column of {path[0]}") for column in context.results[path[0]])
        return
    yield fields.members((*_open_tree(trail), *path))


def _open_tree(trail: ParserState) -> tuple[str, ...]:
    """Return the path of the open tree of SELECT."""
    path: tuple[str, ...] = ()
    for below, above in zip(trail.symbols, trail.symbols[1:], strict=False):
        if above.name == "LBRACE":
            path += _path_parts(trail.words[below.first : above.first])
    return path


def _special_groups(trail: ParserState, context: CompletionContext) -> Iterator[NameGroup]:
    """Yield the values after FOR and of settings.

    Values after FOR may be written with or without quotes.
    """
    symbols = [symbol.name for symbol in trail.symbols]
    if symbols[-1] == "FOR":
        names = [
            NamedItem(value, name)
            for name in ("program", "platform", "instrument_type", "display_name")
            for value in context.archive.catalogue.values(name)
        ]
        yield NameGroup(make_items(item for item in names if is_plain(item.text)))
        yield NameGroup(make_items(item for item in names if not is_plain(item.text)), "value")
        numbers = (
            NamedItem(str(source.identifier), source.display_name) for source in context.archive.catalogue.sources
        )
        yield NameGroup(make_items(numbers), "number")
    elif symbols[:1] == ["SET"] and symbols[-1] == "CMP":
        yield NameGroup(make_items(context.settings.get(unquote(trail.words[1]).lower(), ())))


def _show_listing(words: Sequence[Token]) -> str:
    """Return the word after SHOW in lower case, or an empty text for another statement."""
    return words[1].lower() if len(words) > 1 and words[0].upper() == "SHOW" else ""


_QUALIFIED = re.compile(r"(\w+)\.\Z")
_BEHIND_FROM = re.compile(r"\b(?:from|join)\s+\Z", re.IGNORECASE)


def sql_candidates(place: Cursor, context: CompletionContext) -> Iterator[NameGroup]:
    """Yield the groups that fit in SQL: after `c.` only the columns of that table, elsewhere tables and columns.

    Columns of tables that the statement names come before columns of other tables.
    """
    before, statement = place.text[place.begin : place.start], place.text[place.begin :]
    qualified = _QUALIFIED.search(before)
    if qualified is not None:
        table = _find_table(qualified[1], statement, context)
        yield _column_groups({table: context.tables[table]} if table else context.tables)
        return
    results = NameGroup(make_items(NamedItem(name, "result") for name in context.tables), "sql")
    if _BEHIND_FROM.search(before):
        yield results
        return
    here = {
        name: columns for name, columns in context.tables.items() if re.search(rf"\b{re.escape(name)}\b", statement)
    }
    yield _column_groups(here)
    yield results
    yield _column_groups(context.tables)


def _column_groups(tables: Mapping[str, Sequence[str]]) -> NameGroup:
    return NameGroup(
        make_items(NamedItem(column, name) for name, columns in tables.items() for column in columns), "sql"
    )


def _find_table(name: str, statement: str, context: CompletionContext) -> str:
    """Return the table with a name or an alias, or an empty text."""
    if name in context.tables:
        return name
    alias = rf"\s+(?:as\s+)?{re.escape(name)}\b"
    return next(
        (table for table in context.tables if re.search(rf"\b{re.escape(table)}{alias}", statement, re.IGNORECASE)), ""
    )
