"""Translator of the expressions of SQL: names, casts, intervals, functions, operators and times.

An expression that AuroraQL accepts is kept as typed. The rest is rewritten with the same meaning, or blocks the
translation. Times keep the meaning that they have in SQL, where `'2021-01-01'` is midnight, not the whole day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from auroraql.diagnostics.errors import Span
from auroraql.language.printer import quote_name
from auroraql.language.syntax_errors.foreign_constructs import (
    CONSTRUCT_BY_NAME,
    CONSTRUCT_BY_WORD,
    ForeignConstruct,
)
from auroraql.language.syntax_errors.sql_tokens import (
    SqlToken,
    closing,
    leading_comments,
    span_of,
    split_at,
    word_set,
)
from auroraql.language.syntax_errors.sql_values import (
    CALLS,
    DATE_FORMATS,
    DAY,
    FUNCTIONS_OF_SQL,
    NOW,
    NUMBER_TYPES,
    PARTS,
    TEXT_TYPES,
    TIME_TYPES,
    TODAY,
    UNITS,
    WEEKDAYS,
    WHOLE_TYPES,
    plural,
    read_moment,
    write_interval,
)
from auroraql.schema import Type
from auroraql.schema.functions import AGGREGATES, FUNCTION_NAMES
from auroraql.schema.model import Kind


class UntranslatableError(Exception):
    """A part of a statement has no equivalent. `construct` says what to use, and `span` is the part."""

    def __init__(self, construct: ForeignConstruct, span: Span) -> None:
        self.construct, self.span = construct, span
        super().__init__(construct.fact)


def blocked(name: str, tokens: Sequence[SqlToken]) -> UntranslatableError:
    """Return the error for a named construct at some tokens."""
    return UntranslatableError(CONSTRUCT_BY_NAME[name], span_of(tokens))


TranslateQuery = Callable[[Sequence[SqlToken]], str]
"""Translates the tokens of a query in parentheses to a FIND."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Names of one SELECT: its kind, the names of its table, and the translator of queries inside it."""

    kind: Kind | None
    tables: frozenset[str]
    """Names and aliases of the table, in lower case. They are dropped before a dot."""
    translate_query: TranslateQuery
    aliases: frozenset[str] = frozenset()
    """Aliases of the columns, in lower case."""

    def is_name(self, name: str) -> bool:
        """Return whether a text in double quotes is a name, not a value."""
        lowered = name.lower()
        return lowered in self.aliases or (self.kind is not None and self.kind.field(name) is not None)

    def is_time(self, path: str) -> bool:
        """Return whether a path is a field whose values are times."""
        declared = self.kind.field(path) if self.kind is not None else None
        return declared is not None and declared.type is Type.TIME


@dataclass(slots=True)
class Node:
    """An operand, an operator or a keyword of the translated expression.

    `day` is the text of a date without a time of day. `part_of` is the part of a time
    that it is.
    """

    text: str
    gap: str
    is_operand: bool = False
    is_time: bool = False
    is_path: bool = False
    day: str = ""
    part_of: Literal["", "day", "year"] = ""
    span: Span = field(default_factory=lambda: Span(0, 0))

    @property
    def word(self) -> str:
        """The operator or keyword in upper case, or an empty string for an operand."""
        return "" if self.is_operand else self.text.strip().upper()


def join_nodes(nodes: Sequence[Node]) -> str:
    """Return the text of an expression."""
    parts = []
    for index, node in enumerate(nodes):
        gap = node.gap if index else leading_comments(node.gap)
        if index and not gap and node.text[:1].isalnum() and nodes[index - 1].text[-1:].isalnum():
            gap = " "
        parts.append(gap + node.text)
    return "".join(parts)


_KEYWORDS = word_set(
    "AND OR NOT IN BETWEEN LIKE ILIKE IS NULL TRUE FALSE CASE WHEN THEN ELSE DISTINCT AS ESCAPE ASC DESC "
    "NULLS FIRST LAST FROM ANY SOME ALL"
)
"""Words of expressions that are not names."""

_COMPARISONS = ("=", "==", "!=", "<>", "<", ">", "<=", ">=", "<=>")


class ExpressionTranslator:
    """Translator of the expressions of one SELECT."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def translate(self, tokens: Sequence[SqlToken]) -> str:
        """Return an expression in AuroraQL. Raises UntranslatableError."""
        return join_nodes(self.nodes(tokens))

    def nodes(self, tokens: Sequence[SqlToken]) -> list[Node]:
        """Return the operands and operators of an expression. Raises UntranslatableError."""
        nodes = _Reader(self, tokens).read()
        _replace_or_signs(nodes)
        _add_units_to_days(nodes)
        _compare_days(nodes)
        _compare_with_midnight(nodes)
        return nodes


class _Reader:
    """One pass over the tokens of an expression, which are not in brackets."""

    def __init__(self, translator: ExpressionTranslator, tokens: Sequence[SqlToken]) -> None:
        self.translator, self.scope, self.tokens = translator, translator.scope, list(tokens)
        self.at = 0
        self.nodes: list[Node] = []
        self.open_cases = 0
        self.pending: tuple[str, Node] | None = None
        """Template of an operator that becomes a function, and its left operand."""

    def read(self) -> list[Node]:
        while self.at < len(self.tokens):
            self._step(self.tokens[self.at])
        return self.nodes

    # --- helpers

    def _peek(self, by: int = 1) -> SqlToken | None:
        index = self.at + by
        return self.tokens[index] if index < len(self.tokens) else None

    def _last(self) -> Node | None:
        return self.nodes[-1] if self.nodes else None

    def _follows_operand(self) -> bool:
        last = self._last()
        return last is not None and (last.is_operand or last.word in ("END", "NULL", "TRUE", "FALSE"))

    def _add(self, text: str, token: SqlToken, by: int, **facts: object) -> None:
        """Add an operand and move on by some tokens."""
        node = Node(text, token.gap, is_operand=True, span=token.span)
        for name, value in facts.items():
            setattr(node, name, value)
        part = re.match(r"(day|year)\((\w+)\)", text, re.IGNORECASE)
        if part is not None and self.scope.is_time(part[2]):
            node.part_of = "day" if part[1].lower() == "day" else "year"
        self.at += by
        if self.pending is not None:
            template, left = self.pending
            self.pending = None
            node = Node(template.format(left.text, text), left.gap, is_operand=True, span=left.span)
        self.nodes.append(node)

    def _operator(self, text: str, token: SqlToken, by: int = 1) -> None:
        self.nodes.append(Node(text, token.gap, span=token.span))
        self.at += by

    def _function_of_last(self, template: str, token: SqlToken) -> None:
        """Turn a binary operator into a function of the operands at its sides."""
        if self._last_is("NOT") and len(self.nodes) > 1:
            self.nodes.pop()
            template = f"NOT {template}"
        left = self._last()
        if left is None or not left.is_operand:
            raise UntranslatableError(CONSTRUCT_BY_NAME["operator"], token.span)
        self.nodes.pop()
        self.pending = template, left
        self.at += 1

    # --- steps

    def _step(self, token: SqlToken) -> None:
        match token.kind:
            case "word":
                self._word(token)
            case "quoted":
                self._quoted(token)
            case "string":
                self._string(token)
            case "time":
                text = token.text.replace(" ", "T")
                self._add(text, token, 1, day=text if DAY.fullmatch(text) else "")
            case "number":
                self._number(token)
            case "parameter":
                self._add("$" + re.sub(r"\W|(?<=\))s", "", token.text), token, 1)
            case "sign":
                self._sign(token)

    def _number(self, token: SqlToken) -> None:
        following = self._peek()
        is_unit = following is not None and following.kind == "word" and UNITS.fullmatch(following.text) is not None
        if is_unit and following is not None and following.gap == "" and following.text.lower() == "d":
            self._add(token.text + " days", token, 2)
            return
        self._add(token.text, token, 1)

    def _string(self, token: SqlToken) -> None:
        text = token.text[1:] if token.text[0] in "nN" else token.text
        content = token.quoted_text
        self._add(text, token, 1, day=content if DAY.fullmatch(content) else "")

    def _quoted(self, token: SqlToken) -> None:
        following = self._peek()
        last = self._last()
        is_value = (
            token.text[0] == '"'
            and last is not None
            and last.word in (*_COMPARISONS, "LIKE", "ILIKE", "(", ",", "BETWEEN")
            and not (following is not None and following.is_sign("."))
            and not self.scope.is_name(token.quoted_text)
        )
        if is_value:
            content = token.quoted_text
            text = "'" + content.replace("'", "''") + "'"
            self._add(text, token, 1, day=content if DAY.fullmatch(content) else "")
            return
        self._path(token)

    def _word(self, token: SqlToken) -> None:  # noqa: C901, PLR0912 - one case for each form
        word, following = token.word, self._peek()
        after_dot = self.nodes and self.nodes[-1].text.endswith(".")
        if word == "CASE":
            self.open_cases += 1
            self._operator(token.text, token)
            return
        if word == "END" and self.open_cases:
            self.open_cases -= 1
            self._operator(token.text, token)
            return
        if word == "OVER" and self._follows_operand():
            raise blocked("window function", [token])
        if word in ("FILTER", "WITHIN") and self._follows_operand() and following is not None:
            raise blocked("filter" if word == "FILTER" else "ordered set", [token])
        if word in ("ISNULL", "NOTNULL") and self._follows_operand():
            self._operator("IS NULL" if word == "ISNULL" else "IS NOT NULL", token)
            return
        if word in ("REGEXP", "RLIKE", "REGEXP_LIKE") and self._follows_operand():
            self._function_of_last("regexp_matches({0}, {1})", token)
            return
        if word == "MOD" and self._follows_operand():
            self._operator("%", token)
            return
        if word == "AT" and following is not None and following.word == "TIME":
            self._time_zone(token)
            return
        if word == "EXISTS":
            raise blocked("EXISTS", [token])
        if word in ("ANY", "SOME") and self._last_is("=", "==") and following is not None and following.is_sign("("):
            self._any(token)
            return
        if word in _KEYWORDS and not after_dot and not (following is not None and following.is_sign(".")):
            self._operator(token.text, token)
            return
        if word == "INTERVAL" and following is not None:
            self._interval(token)
            return
        is_type = word in ("DATE", "TIMESTAMP", "TIMESTAMPTZ", "DATETIME", "TIME")
        if is_type and following is not None and following.kind == "string":
            self._literal_of_type(token, following, 2)
            return
        if following is not None and following.is_sign("("):
            self._call(token)
            return
        if word.lower() in NOW - {"now"} or word.lower() in TODAY - {"today"}:
            self._add("NOW" if word.lower() in NOW else "TODAY", token, 1)
            return
        if word in CONSTRUCT_BY_WORD and self._follows_operand():
            raise UntranslatableError(CONSTRUCT_BY_WORD[word], token.span)
        self._path(token)

    def _last_is(self, *words: str) -> bool:
        last = self._last()
        return last is not None and last.word in words

    # --- names

    def _path(self, token: SqlToken) -> None:
        """Add a path, without the name of the table."""
        parts, at = [token], self.at + 1
        while at + 1 < len(self.tokens) and self.tokens[at].is_sign(".") and _is_name(self.tokens[at + 1]):
            parts.append(self.tokens[at + 1])
            at += 2
        star = at + 1 < len(self.tokens) and self.tokens[at].is_sign(".") and self.tokens[at + 1].is_sign("*")
        while parts and (len(parts) > 1 or star) and _name_of(parts[0]).lower() in self.scope.tables:
            parts = parts[1:]
        if star:
            self._add("*" if not parts else ".".join(map(_write_name, parts)) + ".*", token, at + 2 - self.at)
            return
        path = ".".join(map(_write_name, parts))
        dotted = ".".join(map(_name_of, parts))
        self._add(path, token, at - self.at, is_time=self.scope.is_time(dotted), is_path=True)

    # --- signs

    def _sign(self, token: SqlToken) -> None:  # noqa: C901, PLR0912 - one case for each sign
        text = token.text
        match text:
            case "(":
                self._group(token)
            case "[":
                self._brackets(token)
            case "::":
                self._cast(token)
            case "->" | "->>":
                self._member(token)
            case "==":
                self._operator("=", token)
            case "<=>":
                self._operator("IS NOT DISTINCT FROM", token)
            case "&&":
                self._operator("AND", token)
            case "!":
                self._operator("NOT ", token)
            case "~" | "=~":
                self._function_of_last("regexp_matches({0}, {1})", token)
            case "!~":
                self._function_of_last("NOT regexp_matches({0}, {1})", token)
            case "**" | "^":
                self._function_of_last("power({0}, {1})", token)
            case "?":
                raise blocked("unnamed parameter", [token])
            case "//" | "~*" | "!~*" | "{" | "}" | "]" | ")" | "|" | "&" | "@" | "#" | "\\":
                raise blocked("operator", [token])
            case _:
                self._operator(text, token)

    def _group(self, token: SqlToken) -> None:
        """Add a value, a list or a query in parentheses."""
        end = closing(self.tokens, self.at)
        inner = self.tokens[self.at + 1 : end]
        if inner and inner[0].word in ("SELECT", "WITH"):
            if not self._last_is("IN"):
                raise blocked("scalar subquery", [inner[0]])
            self._add(f"({self.scope.translate_query(inner)})", token, end + 1 - self.at)
            return
        parts = split_at(inner, ",")
        if len(parts) > 1 and not self._last_is("IN"):
            if any(item.word == "OVERLAPS" for item in self.tokens):
                raise blocked("overlaps", self.tokens[self.at : end + 1])
            raise blocked("row of values", self.tokens[self.at : end + 1])
        nodes = [self.translator.nodes(part) for part in parts]
        text = ",".join((" " if index else "") + join_nodes(part) for index, part in enumerate(nodes))
        is_time = len(nodes) == 1 and any(node.is_time for node in nodes[0])
        days = [part[0].day if len(part) == 1 else "" for part in nodes]
        if self._last_is("IN") and self._compares_time():
            shown = [f"{day}T00:00" if day else join_nodes(part) for day, part in zip(days, nodes, strict=True)]
            text = ", ".join(shown)
        self._add(f"({text})", token, end + 1 - self.at, is_time=is_time)

    def _compares_time(self) -> bool:
        """Return whether the operand before IN or NOT IN is a time."""
        before = [node for node in self.nodes[-3:-1] if node.word != "NOT"]
        return bool(before) and before[-1].is_time

    def _brackets(self, token: SqlToken) -> None:
        """Add a list, a name in brackets, or a member of the last operand."""
        end = closing(self.tokens, self.at)
        inner = self.tokens[self.at + 1 : end]
        last = self._last()
        if self._last_is("IN"):
            items = ", ".join(self.translator.translate(part) for part in split_at(inner, ","))
            self._add(f"({items})", token, end + 1 - self.at)
        elif last is not None and last.is_path:
            if len(inner) != 1 or inner[0].kind not in ("string", "quoted"):
                raise blocked("index", self.tokens[self.at : end + 1])
            last.text = f"{last.text}.{_quote(inner[0].quoted_text)}"
            last.is_time = False
            self.at = end + 1
        elif len(inner) >= 1 and all(part.kind == "word" for part in inner):
            self.tokens[self.at : end + 1] = [_bracketed_name(self.tokens, self.at, end)]
            self._path(self.tokens[self.at])
        else:
            raise blocked("index", self.tokens[self.at : end + 1])

    def _member(self, token: SqlToken) -> None:
        last, key = self._last(), self._peek()
        if last is None or not last.is_path or key is None or key.kind not in ("string", "quoted"):
            raise blocked("index", [token])
        last.text = f"{last.text}.{_quote(key.quoted_text.removeprefix('$.'))}"
        last.is_time = False
        self.at += 2

    # --- types

    def _cast(self, token: SqlToken) -> None:
        name = self._peek()
        last = self._last()
        if name is None or last is None or not last.is_operand:
            raise blocked("cast", [token])
        self.at += 2
        if self.at < len(self.tokens) and self.tokens[self.at].is_sign("("):
            self.at = closing(self.tokens, self.at) + 1
        was_time = last.is_time
        last.text, last.is_time, last.day = self._convert(last, name)
        if was_time and last.text.startswith("day("):
            last.part_of = "day"

    def _convert(self, node: Node, type_name: SqlToken) -> tuple[str, bool, str]:
        """Return a value converted to a type of SQL, whether it is a time, and the date that it is."""
        name = type_name.text.lower()
        literal = read_moment(node.text)
        if name in ("date", *TIME_TYPES):
            if literal is not None:
                return literal[0][:10] if name == "date" else literal[0], False, literal[1] or ""
            if name != "date" and node.is_time:
                return node.text, True, ""
            if name == "date":
                return f"day({node.text})", False, ""
        if name in TEXT_TYPES:
            return f"text({node.text})", False, ""
        if name in NUMBER_TYPES:
            return f"number({node.text})", False, ""
        if name in WHOLE_TYPES:
            declared = self.scope.kind.field(node.text) if self.scope.kind is not None else None
            if declared is not None and declared.type is Type.INTEGER:
                return node.text, False, ""
        if name == "interval" and node.text[:1] == "'":
            return _duration(node.text[1:-1], [type_name]), False, ""
        raise blocked("cast", [type_name])

    def _literal_of_type(self, token: SqlToken, literal: SqlToken, by: int) -> None:
        moment = read_moment(literal.text)
        if moment is None:
            raise blocked("time literal", [token, literal])
        text, day = moment
        self._add(text, token, by, day=day)

    def _interval(self, token: SqlToken) -> None:
        """Add INTERVAL '7 days', INTERVAL '7' DAY or INTERVAL 7 DAY."""
        tokens = self.tokens[self.at + 1 :]
        if tokens and tokens[0].is_sign("("):
            end = closing(tokens, 0)
            tokens = [*tokens[1:end], *tokens[end + 1 :]]
            extra = 2
        else:
            extra = 0
        count = tokens[0]
        unit = tokens[1] if len(tokens) > 1 else None
        if count.kind == "string" and write_interval(count.quoted_text):
            self._add(_duration(count.quoted_text, [token, count]), token, 2 + extra)
        elif count.kind in ("string", "number") and unit is not None and UNITS.fullmatch(unit.text):
            number = count.quoted_text.strip() if count.kind == "string" else count.text
            self._add(_duration(f"{number} {unit.text}", [token, count, unit]), token, 3 + extra)
        else:
            raise blocked("interval", [token, count])

    def _time_zone(self, token: SqlToken) -> None:
        zone = self._peek(3)
        if self._peek(2) is None or zone is None or zone.quoted_text.upper() not in ("UTC", "GMT", "Z"):
            raise blocked("time zone", [token])
        self.at += 4

    def _any(self, token: SqlToken) -> None:
        """Add `= ANY (…)` as IN."""
        end = closing(self.tokens, self.at + 1)
        inner = [item for item in self.tokens[self.at + 2 : end] if item.word != "ARRAY"]
        if inner and inner[0].is_sign("["):
            inner = inner[1:-1]
        is_text = len(inner) == 1 and inner[0].kind == "string" and inner[0].quoted_text.startswith("{")
        if not inner or is_text or inner[0].word in ("SELECT", "WITH"):
            raise blocked("comparison with a subquery", [token])
        self.nodes[-1].text = "IN"
        items = ", ".join(self.translator.translate(part) for part in split_at(inner, ","))
        self._add(f"({items})", token, end + 1 - self.at)

    # --- functions

    def _call(self, token: SqlToken) -> None:
        end = closing(self.tokens, self.at + 1)
        inner = self.tokens[self.at + 2 : end]
        by = end + 1 - self.at
        name = token.text.lower()
        if name in ("cast", "try_cast", "safe_cast"):
            text, is_time, day = self._cast_call(inner, token)
        elif name == "extract":
            text, is_time, day = self._extract(inner, token), False, ""
        elif name in ("substring", "substr") and any(item.word == "FROM" for item in inner):
            text, is_time, day = self._substring(inner, token), False, ""
        elif name == "trim" and any(item.word == "FROM" for item in inner):
            text, is_time, day = self._trim(inner), False, ""
        else:
            text, is_time, day = self._named_call(name, inner, token)
        self._add(text, token, by, is_time=is_time, day=day)

    def _cast_call(self, inner: Sequence[SqlToken], token: SqlToken) -> tuple[str, bool, str]:
        at = next((index for index in range(len(inner) - 1, 0, -1) if inner[index].word == "AS"), 0)
        if not at or at + 1 >= len(inner):
            raise blocked("cast", [token])
        return self._convert(_one_node(self.translator.nodes(inner[:at])), inner[at + 1])

    def _extract(self, inner: Sequence[SqlToken], token: SqlToken) -> str:
        if len(inner) < 3 or inner[1].word != "FROM":
            raise blocked("part of a time", [token])
        name = inner[0].quoted_text if inner[0].kind == "string" else inner[0].text
        return self._part(name, inner[2:], token)

    def _substring(self, inner: Sequence[SqlToken], token: SqlToken) -> str:
        """Return `substring(text FROM first FOR count)` with commas."""
        parts: list[list[SqlToken]] = [[]]
        for item in inner:
            if item.word in ("FROM", "FOR"):
                parts.append([])
            else:
                parts[-1].append(item)
        return f"{token.text}({', '.join(self.translator.translate(part) for part in parts)})"

    def _trim(self, inner: Sequence[SqlToken]) -> str:
        at = next(index for index, item in enumerate(inner) if item.word == "FROM")
        words = [item.text.upper() for item in inner[:at]]
        if words not in ([], ["BOTH"], ["' '"], ["BOTH", "' '"]):
            raise blocked("operator", inner[:at])
        return f"trim({self.translator.translate(inner[at + 1 :])})"

    def _part(self, name: str, value: Sequence[SqlToken], token: SqlToken) -> str:
        node = _one_node(self.translator.nodes(value))
        if name.lower() == "epoch":
            is_moment = node.is_time and node.is_path
            return f"({node.text} - 1970-01-01T00:00) / 1 second" if is_moment else f"({_bare(node.text)}) / 1 second"
        template = PARTS.get(name.lower())
        if template is None:
            raise blocked("part of a time", [token])
        return template.format(node.text)

    def _named_call(self, name: str, inner: Sequence[SqlToken], token: SqlToken) -> tuple[str, bool, str]:
        if not inner and (name in NOW or name in TODAY):
            return "NOW" if name in NOW else "TODAY", False, ""
        if name == "count" and len(inner) == 1 and inner[0].kind == "number":
            return "count(*)", False, ""
        is_distinct = bool(inner) and inner[0].word == "DISTINCT"
        parts = [self.translator.nodes(part) for part in split_at(inner[1:] if is_distinct else inner, ",")]
        if not is_distinct:
            rewritten = self._rewritten_call(name, parts, inner, token)
            if rewritten is not None:
                return rewritten
        prefix = "DISTINCT " if is_distinct else ""
        text = prefix + ", ".join(map(join_nodes, parts))
        keeps_time = name in ("min", "max", "first", "last", "coalesce", "greatest", "least", "date_trunc")
        if name in FUNCTIONS_OF_SQL:
            raise blocked("unknown function", [token])
        is_time = keeps_time and bool(parts) and any(node.is_time for node in parts[-1])
        return f"{token.text}({text})", is_time, ""

    def _rewritten_call(
        self, name: str, parts: list[list[Node]], inner: Sequence[SqlToken], token: SqlToken
    ) -> tuple[str, bool, str] | None:
        """Return a function with another name or meaning as AuroraQL writes it, or None for other functions."""
        texts = [join_nodes(part) for part in parts]
        if name in ("date", "timestamp", "datetime", "to_date", "to_timestamp") and parts:
            return _time_of_call(name, texts, token)
        if name in WEEKDAYS:
            raise blocked("day of the week", [token])
        if name in ("strftime", "date_format", "to_char", "format") and len(parts) == 2:
            template = next(filter(None, (DATE_FORMATS.get(text.strip("'")) for text in texts)), None)
            if template is None:
                raise blocked("format of a time", [token])
            return template.format(texts[0] if DATE_FORMATS.get(texts[1].strip("'")) else texts[1]), False, ""
        template = CALLS.get((name, len(parts)))
        if template is not None:
            return template.format(*texts), False, ""
        text = self._call_with_part(name, parts, split_at(inner, ","), token) or _sum_of_call(name, texts)
        return (text, False, "") if text else None

    def _call_with_part(
        self, name: str, parts: list[list[Node]], arguments: list[list[SqlToken]], token: SqlToken
    ) -> str | None:
        """Return a function one of whose arguments names a part: of a time, or of a JSON document."""
        if len(parts) != 2:
            return None
        if name in ("date_part", "datepart"):
            first = arguments[0][0]
            return self._part(first.quoted_text if first.kind == "string" else first.text, arguments[1], token)
        key = arguments[1][0]
        is_member = name in ("json_extract", "json_extract_string", "json_value", "json_extract_scalar")
        if is_member and parts[0][0].is_path and key.kind == "string":
            return f"{parts[0][0].text}.{_quote(key.quoted_text.removeprefix('$.'))}"
        return None


def _time_of_call(name: str, texts: Sequence[str], token: SqlToken) -> tuple[str, bool, str]:
    """Return DATE('2021-01-01') and similar calls as a literal, and DATE(start) as the day of a time."""
    moment = read_moment(texts[0])
    if moment is not None and (len(texts) == 1 or name in ("to_date", "to_timestamp")):
        return moment[0], False, moment[1]
    if name == "date" and len(texts) == 1:
        return f"day({texts[0]})", False, ""
    raise blocked("time function", [token])


def _sum_of_call(name: str, texts: Sequence[str]) -> str | None:
    """Return DATE_ADD, DATE_SUB and DATEADD as a sum."""
    if name in ("date_add", "date_sub", "adddate", "subdate") and len(texts) == 2:
        return f"{texts[0]} {'-' if name in ('date_sub', 'subdate') else '+'} {texts[1]}"
    if name in ("dateadd", "timestampadd") and len(texts) == 3:
        sign, number = ("-", texts[1][1:].strip()) if texts[1].startswith("-") else ("+", texts[1])
        duration = write_interval(f"{number} {texts[0]}") if number.isdecimal() else None
        return f"{texts[2]} {sign} {duration}" if duration else None
    return None


def _duration(text: str, tokens: Sequence[SqlToken]) -> str:
    duration = write_interval(text)
    if duration is None:
        raise blocked("interval", tokens)
    return duration


def _is_name(token: SqlToken) -> bool:
    return token.kind in ("word", "quoted")


def _name_of(token: SqlToken) -> str:
    return token.quoted_text if token.kind in ("quoted", "string") else token.text


def _write_name(token: SqlToken) -> str:
    return token.text if token.kind == "word" else _quote(token.quoted_text)


def _quote(name: str) -> str:
    is_plain = re.fullmatch(r"[^\W\d]\w*", name) is not None and name.upper() not in _KEYWORDS
    return name if is_plain else quote_name(name)


def write_alias(token: SqlToken) -> str:
    """Return the name of an alias, which SQL may write in quotes."""
    return _quote(_name_of(token))


def _bracketed_name(tokens: Sequence[SqlToken], at: int, end: int) -> SqlToken:
    """Return the token of a name in brackets: `[start]`."""
    name = "".join((token.gap if index else "") + token.text for index, token in enumerate(tokens[at + 1 : end]))
    return SqlToken("quoted", quote_name(name), tokens[at].gap, tokens[at].start)


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _one_node(nodes: list[Node]) -> Node:
    """Return an expression as one operand, in parentheses if it has operators."""
    if len(nodes) == 1:
        return nodes[0]
    return Node(f"({join_nodes(nodes)})", "", is_operand=True)


def _replace_or_signs(nodes: list[Node]) -> None:
    """Replace `||` between two predicates by OR. Between texts it joins them."""
    begins = [0, *(index + 1 for index, node in enumerate(nodes) if node.word in ("AND", "OR", "||")), len(nodes) + 1]
    segments = [nodes[start : end - 1] for start, end in pairwise(begins)]
    is_predicate = [any(_is_predicate_operator(node) for node in segment) for segment in segments]
    for index, start in enumerate(begins[1:-1]):
        if nodes[start - 1].text == "||" and is_predicate[index] and is_predicate[index + 1]:
            nodes[start - 1].text = "OR"


def _is_predicate_operator(node: Node) -> bool:
    if not node.is_operand:
        return node.word in (*_COMPARISONS, "LIKE", "ILIKE", "IN", "IS", "BETWEEN")
    return node.text.startswith("(") and re.search(r"[=<>]|\b(?:like|in|is)\b", node.text, re.IGNORECASE) is not None


_WITH_MIDNIGHT = ("=", "!=", "<>", ">", "<=")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _compare_with_midnight(nodes: list[Node]) -> None:
    """Write the time of day of a date that is compared with a time, where a date would mean the whole day."""
    for index, node in enumerate(nodes):
        left = nodes[index - 1] if index else None
        right = nodes[index + 1] if index + 1 < len(nodes) else None
        if left is None or right is None:
            continue
        if node.word in _COMPARISONS and left.is_time and right.day and node.word in _WITH_MIDNIGHT:
            _set_midnight(right)
        elif node.word in _COMPARISONS and right.is_time and left.day:
            if _FLIPPED.get(node.word, node.word) in _WITH_MIDNIGHT:
                _set_midnight(left)
        elif node.word == "BETWEEN" and (
            left.is_time or (left.word == "NOT" and index > 1 and nodes[index - 2].is_time)
        ):
            upper = nodes[index + 3] if index + 3 < len(nodes) and nodes[index + 2].word == "AND" else None
            if upper is not None and upper.day:
                _set_midnight(upper)


def _add_units_to_days(nodes: list[Node]) -> None:
    """Write the unit of a number of days that is added to a date: `CURRENT_DATE - 7`."""
    for node, sign, count in zip(nodes, nodes[1:], nodes[2:], strict=False):
        if (node.text == "TODAY" or node.day) and sign.word in ("+", "-") and re.fullmatch(r"\d+", count.text):
            count.text = f"{count.text} {plural('day', count.text)}"


def _compare_days(nodes: list[Node]) -> None:
    """Compare a time with a day or year instead of its day or year, so that the comparison narrows the search."""
    for index, node in enumerate(nodes[:-2]):
        path, value = re.fullmatch(r"(?:day|year)\((\w+)\)", node.text, re.IGNORECASE), nodes[index + 2]
        if path is None or not node.part_of or not node.is_operand:
            continue
        word = nodes[index + 1].word
        first, last = (value.day, value.day)
        if node.part_of == "year":
            is_year = re.fullmatch(r"[12]\d{3}", value.text) is not None
            first, last = (f"{value.text}-01-01", f"{value.text}-12-31") if is_year else ("", "")
        follower = nodes[index + 3].word if index + 3 < len(nodes) else "AND"
        if not first or follower not in ("AND", "OR", ")"):
            continue
        if word in ("=", "!=", "<>"):
            nodes[index + 1].text = "BETWEEN" if word == "=" else "NOT BETWEEN"
            node.text, value.text = path[1], f"{first} AND {last}"
        elif word == "BETWEEN" and node.part_of == "day" and nodes[index + 4 : index + 5] and nodes[index + 4].day:
            node.text = path[1]
        elif word in (">=", "<"):
            node.text, value.text = path[1], first
        elif word == "<=":
            node.text, value.text = path[1], last
        value.day = ""


def _set_midnight(node: Node) -> None:
    node.text, node.day = f"{node.day}T00:00", ""


def is_aggregate(tokens: Sequence[SqlToken]) -> bool:
    """Return whether an expression has an aggregate function."""
    names = {name for name, function in FUNCTION_NAMES.items() if function.name in AGGREGATES}
    return any(
        token.kind == "word"
        and token.text.lower() in names
        and tokens[index + 1 : index + 2]
        and tokens[index + 1].is_sign("(")
        for index, token in enumerate(tokens)
    )
