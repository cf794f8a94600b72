"""Groups of candidates that fit at the cursor: keywords the parser accepts, names and values by their grammar rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from auroraql.completion.fields import METADATA, PRECISION_ITEMS, FieldNames, names_of_results, unit_items
from auroraql.completion.groups import Group, is_plain, made
from auroraql.completion.keywords import FUNCTIONS, KEYWORDS, SQL
from auroraql.completion.known import Known
from auroraql.completion.matching import Item, Vocabulary
from auroraql.completion.survey import Scope, Survey, plain
from auroraql.completion.trail import END, Trail
from auroraql.forms.text.driver import get_tables
from auroraql.forms.text.lexeme import Token
from auroraql.listings import REFRESHABLE
from auroraql.resolver.windows import WINDOWS
from auroraql.schema import BLOCKS, CONJUNCTIONS, KINDS, Type
from auroraql.schema.conjunctions import PRECISION_UNIT, TRACES
from auroraql.schema.operators import OPERATORS

_WRITTEN_SMALL = frozenset(name.upper() for name in (*KINDS, *BLOCKS))
_OFTEN = ("FIND", "SHOW", "WHERE", "AND", "SELECT", "ON", "DURING", "IN", "LIMIT")
_INSIDE = frozenset(("AND", "OR", "NOT", "AS", "IN", "BY", "ASC", "DESC", "NULLS", "BEFORE", "PADDED", "OFFSET"))
"""Keywords that may occur several times in one scope."""
SETTING = ("=",)
"""Stands in for a path when the value of a setting is compared."""
_CONSTANTS = frozenset(("NOW", "TODAY", "TRUE", "FALSE"))
_FITTING = {
    Type.STRING: frozenset[str](),
    Type.NUMBER: frozenset[str](),
    Type.INTEGER: frozenset[str](),
    Type.TIME: frozenset(("NOW", "TODAY")),
    Type.BOOLEAN: frozenset(("TRUE", "FALSE")),
}
"""Constants that are values of a type. All constants fit the other types."""


def offers(trail: Trail, scope: Scope, found: Survey, known: Known) -> Iterator[Group]:
    """Yield the groups that fit after the words of the trail, most likely first.

    Arguments:
        trail: Parser state after the words before the cursor.
        scope: The search or block that contains the cursor.
        found: Names defined anywhere in the statement.
        known: Names of the catalogue and of the session.
    """
    accepts = trail.accepts()
    compared = _compared(trail)
    fields = FieldNames(scope, known, trail.words[0].lower() if trail.words else "", _listing(trail.words))
    if "STRING" in accepts and compared and compared != SETTING:
        yield from _values(fields, compared, trail)
    if "CMP" in accepts:
        yield Group(_operators(trail, fields), "operator")
    if "NAME" in accepts:
        yield from (Group(made(each)) for each in _names(trail, found, known, fields))
    if accepts & {"STRING", "NAME"} and trail.symbols:
        yield from _odd_places(trail, known, accepts)
    if "STAR" in accepts:
        yield Group(made([Item("*", "everything")]), "operator")
    if accepts & {"TIME_UNIT", "UNIT"}:
        yield Group(made(unit_items(fields, compared, trail, accepts)), "keyword")
    if "NUMBER" in accepts and trail.symbols[-1].name == "PRECISION":
        yield _numbers(PRECISION_ITEMS, PRECISION_UNIT)
    if "PARAM" in accepts:
        yield Group(made(dict.fromkeys((*known.parameters, *found.parameters))), "parameter")
    compared_type = fields.type_of(compared) if compared and compared != SETTING else Type.ANY
    yield Group(made(_keywords(trail, accepts, scope, compared_type)), "keyword")


# --- keywords and operators


def _keywords(trail: Trail, accepts: frozenset[str], scope: Scope, type: Type) -> Iterator[Item]:
    """Yield the keywords that may come next, each with the keywords that must follow it, such as BY after GROUP."""
    all_keywords = get_tables().keywords
    if not trail.words:
        yield Item("FIND", KEYWORDS["FIND"].doc)
        yield Item(SQL.word, SQL.doc)
    for word in sorted((accepts & all_keywords) - _senseless(trail, accepts, scope, type), key=_by_use):
        text = word.lower() if word in _WRITTEN_SMALL else word
        yield Item(" ".join((text, *_following(trail, word, all_keywords))), KEYWORDS[word].doc)


def _following(trail: Trail, word: str, all_keywords: frozenset[str]) -> Iterator[str]:
    """Yield the keywords that must follow a keyword."""
    state = Trail([*trail.states], [*trail.symbols])
    while state.shift(word):
        next_terminals = state.accepts()
        if len(next_terminals) != 1 or not next_terminals <= all_keywords:
            return
        (word,) = next_terminals
        yield word


def _by_use(word: str) -> tuple[int, str]:
    """Return the sort key of a keyword: frequent keywords first, then alphabetical order."""
    return (_OFTEN.index(word) if word in _OFTEN else len(_OFTEN)), word


def _senseless(trail: Trail, accepts: frozenset[str], scope: Scope, type: Type) -> frozenset[str]:
    """Return the keywords that the grammar accepts and the resolver rejects.

    These are clauses that are already present, and clauses of another kind of record.
    """
    if "STRING" in accepts:
        constants = _CONSTANTS - _FITTING.get(type, _CONSTANTS)
        return constants | {"NOW", "TODAY"} if trail.symbols and trail.symbols[0].name == "SET" else constants
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


def _operators(trail: Trail, fields: FieldNames) -> Vocabulary:
    if trail.symbols[0].name in ("LET", "SUBMIT", "SET", "FETCH"):
        return made([Item("=", "is")])
    ordered = fields.type_of(_path_at_end(trail)).is_ordered
    rows = (row for row in OPERATORS.values() if row.arity == 1 and not row.text[0].isalpha())
    return made(Item(row.text, row.doc) for row in rows if ordered or not row.ordering)


# --- values


def _compared(trail: Trail) -> tuple[str, ...]:
    """Return the path whose value comes next, SETTING for a setting, or an empty tuple elsewhere."""
    symbols, words = trail.symbols, trail.words
    for at in range(len(symbols) - 1, 0, -1):
        below, above = symbols[at - 1], symbols[at]
        if below.name in ("FIND", "SELECT", "SHOW", "WITHIN") or above.name in ("FIND", "SHOW"):
            return ()
        if below.name in ("path", "name") and above.name in ("CMP", "IN", "NOT", "LIKE", "BETWEEN"):
            return _parts(words[below.first : above.first])
        if below.name == "setting" and above.name == "CMP":
            return SETTING
    return ()


def _parts(words: Sequence[Token]) -> tuple[str, ...]:
    return tuple(plain(word) for word in words if word != ".")


def _path_at_end(trail: Trail) -> tuple[str, ...]:
    """Return the path at the end of the words."""
    first = len(trail.words)
    while first > 0 and trail.words[first - 1].type in ("NAME", "QNAME", "DOT"):
        first -= 1
    return _parts(trail.words[first:])


def _values(fields: FieldNames, path: tuple[str, ...], trail: Trail) -> Iterator[Group]:
    first_word = next((s.first for s in reversed(trail.symbols) if s.name == "path"), len(trail.words))
    present = frozenset(plain(word) for word in trail.words[first_word:] if word.type == "STRING")
    value_type, names = fields.values(path)
    if value_type is not Type.BOOLEAN:
        is_number = value_type in (Type.NUMBER, Type.INTEGER)
        yield _numbers(names.items, fields.unit_of(path)) if is_number else Group(names, "value", present)


def _numbers(items: Iterable[Item], unit: str) -> Group:
    """Return a group of known numbers, each with its unit."""
    return Group(made(Item(f"{item.text} {unit}".strip(), item.doc) for item in items), "number")


# --- names


def _names(trail: Trail, found: Survey, known: Known, fields: FieldNames) -> Iterator[Iterable[Item | str]]:
    """Yield a group of names for each grammar rule that a name could complete here."""
    roles, last = trail.roles(), trail.symbols[-1].name
    if last == "DOT" or "__path_star" in "".join(roles):
        yield from _members(trail, known, fields)
        return
    if "label" in roles or last in ("LET", "SUBMIT", "AS"):
        return
    if "trace" in roles:
        used = {word.lower() for word in trail.words[trail.symbols[-1].first :]} | _since(trail, "VIA")
        yield (Item(trace, "by what they are found") for trace in TRACES if trace not in used)
    if "block_name" in roles:
        used = {trail.words[-2].lower()} if last == "SIGN" and len(trail.words) > 1 else set()
        yield (Item(name, "block") for name in found.blocks if name.lower() not in used)
    if "setting" in roles:
        yield known.settings
    if "result" in roles:
        yield from (
            ([Item(name, "search") for name in known.searches],)
            if last in ("FETCH", "CANCEL")
            else (names_of_results(known),)
        )
    if "path" in roles:
        yield from _paths(trail, found, known, fields)
    if "function" in roles:
        yield ()


def _since(trail: Trail, keyword: str) -> set[str]:
    """Return the words after the last occurrence of a keyword, in lower case."""
    position = max((i for i, word in enumerate(trail.words) if word.type == keyword), default=len(trail.words))
    return {word.lower() for word in trail.words[position + 1 :]}


def _paths(trail: Trail, found: Survey, known: Known, fields: FieldNames) -> Iterator[Iterable[Item | str]]:
    last_symbol = trail.symbols[-1].name
    if last_symbol == "IN" or (last_symbol == "CMP" and len(trail.symbols) > 1):
        yield (Item(name, "result") for name in known.results if last_symbol == "IN")
        if last_symbol == "IN":
            return
    if last_symbol == "OF" and trail.symbols[0].name == "SHOW":
        yield fields.subjects(_listing(trail.words))
        return
    outer_path = _tree(trail)
    if outer_path:
        yield fields.members(outer_path)
        return
    if any(symbol.name == "USING" for symbol in trail.symbols):
        yield _used(trail, known, fields)
        return
    if trail.symbols and any(symbol.name in ("ORDER", "GROUP") for symbol in trail.symbols):
        yield (Item(label, "column of SELECT") for label in found.labels)
    yield fields.all()


def _used(trail: Trail, known: Known, fields: FieldNames) -> Iterator[Item]:
    """Yield the fields that USING may name: those that the result of DURING also has, where its columns are known."""
    using = next(i for i, symbol in enumerate(trail.symbols) if symbol.name == "USING")
    result_word = next((symbol.first for symbol in reversed(trail.symbols[:using]) if symbol.name == "result"), None)
    name = plain(trail.words[result_word]) if result_word is not None else ""
    columns = known.results.get(name, (METADATA,))
    present = {word.lower() for word in trail.words[trail.symbols[using].first :]}
    # Whole records have metadata keys that are not listed as columns. The SQL names include the members of objects.
    has_whole_records = METADATA in columns
    shared = {*known.tables.get(name, ()), *(column.rpartition(".")[2] for column in columns)}
    for item in fields.all():
        if item.text.lower() not in present and (has_whole_records or item.text in shared):
            yield item


def _members(trail: Trail, known: Known, fields: FieldNames) -> Iterator[Iterable[Item | str]]:
    path = _path_at_end(trail)
    if path and path[0] in known.results and not fields.members(path):
        yield (Item(column, f"column of {path[0]}") for column in known.results[path[0]])
        return
    yield fields.members((*_tree(trail), *path))


def _tree(trail: Trail) -> tuple[str, ...]:
    """Return the path of the open tree of SELECT."""
    path: tuple[str, ...] = ()
    for below, above in zip(trail.symbols, trail.symbols[1:], strict=False):
        if above.name == "LBRACE":
            path += _parts(trail.words[below.first : above.first])
    return path


def _odd_places(trail: Trail, known: Known, accepts: frozenset[str]) -> Iterator[Group]:
    """Yield the values after FOR and of settings, and the functions of SELECT.

    Values after FOR may be written with or without quotes.
    """
    symbols = [symbol.name for symbol in trail.symbols]
    if symbols[-1] == "FOR":
        names = [
            Item(value, name)
            for name in ("program", "platform", "instrument_type", "display_name")
            for value in known.archive.catalogue.values(name)
        ]
        yield Group(made(item for item in names if is_plain(item.text)))
        yield Group(made(item for item in names if not is_plain(item.text)), "value")
        numbers = (Item(str(source.identifier), source.display_name) for source in known.archive.catalogue.sources)
        yield Group(made(numbers), "number")
    elif symbols[:1] == ["SET"] and symbols[-1] == "CMP":
        yield Group(made(known.settings.get(plain(trail.words[1]).lower(), ())))
    elif "NAME" in accepts and "function" in trail.roles():
        yield Group(made(Item(f"{row.word}(", row.doc) for row in FUNCTIONS.values()), "keyword")


def _listing(words: Sequence[Token]) -> str:
    """Return the word after SHOW in lower case, or an empty text for another statement."""
    return words[1].lower() if len(words) > 1 and words[0].upper() == "SHOW" else ""
