"""Names: resolve the names of a statement to fields and metadata keys, and explain names in places where they mean nothing."""

from __future__ import annotations

from collections.abc import Mapping

from auroraql.diagnostics.errors import Diagnostic, Origin, Span
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.ir.query import Ref
from auroraql.ir.times import NAMED_TIMES, TimeError, read_literal
from auroraql.language import ast
from auroraql.language.ast import (
    Instant,
    NumberLiteral,
    Operand,
    Path,
    SelectAggregate,
    SelectColumn,
    SelectItem,
    TextLiteral,
    Timestamp,
)
from auroraql.resolver.values import SemanticError, ValueContext
from auroraql.schema import BLOCKS, CONJUNCTIONS, KINDS, Field, Kind, Type
from auroraql.schema.catalogue import Catalogue, is_time_key
from auroraql.schema.functions import FUNCTION_NAMES
from auroraql.schema.operators import Op
from auroraql.schema.synonyms import TIME_WORDS

METADATA = "metadata"


class NameResolver:
    """Resolver of the paths of one statement. It warns once about each unknown metadata key."""

    def __init__(self, kind: Kind, catalogue: Catalogue) -> None:
        self.kind, self.catalogue = kind, catalogue
        self.warnings: list[Diagnostic] = []
        self.labels: Mapping[str, SelectItem] = {}
        """The items of SELECT by their aliases."""
        self._warned: set[str] = set()

    def ref(self, path: Path, *, above: tuple[str, ...] = ()) -> Ref:
        """Return the field or metadata key that a path names.

        `above` is the path of the enclosing tree in SELECT. Raises SemanticError if the name is unknown.
        """
        parts = (*above, *path.parts)
        declared = self.kind.field(".".join(parts)) if "" not in parts else None
        if declared is not None:
            return Ref(declared.role, declared.name)
        if self.kind.metadata and parts[0].casefold() == METADATA and len(parts) == 2:
            return self._metadata_key(parts[1], path.origin, explicit=True)
        if self.kind.metadata and len(parts) == 1 and parts[0]:
            self._refuse_unjoined(path)
            return self._metadata_key(parts[0], path.origin, explicit=False)
        raise self._unknown_name(path, parts, above)

    def is_known(self, path: Path) -> bool:
        """Return whether a path names a field of the record or a known metadata key."""
        if self.kind.field(path.dotted) is not None or path.parts[0].casefold() == METADATA:
            return True
        return len(path.parts) == 1 and self.catalogue.key(self.kind.metadata, path.parts[0]) is not None

    def declared_field(self, ref: Ref) -> Field | None:
        """Return the schema's field, or None for a metadata key."""
        return None if ref.role == "metadata" else self.kind.field(ref.name)

    def block_field(self, path: Path) -> str:
        """Return the name of a field of all sources in the first criteria block, or an empty string."""
        declared = self.kind.field(path.dotted)
        if declared is None or declared.role != "source" or not self.kind.is_listed(declared.path):
            return ""
        members = (f for f in self.kind.fields if f.role == "block" and f.path[-1] == declared.path[-1])
        return next((f.bare for f in members), "")

    def value_context(self, ref: Ref, shown: str) -> ValueContext:
        """Return the type, unit and known values that a value compared with the field must match."""
        declared = self.declared_field(ref)
        if declared is not None:
            return ValueContext(
                shown,
                declared.type,
                declared.unit,
                known=self.catalogue.values(declared.path[-1] if declared.role == "block" else declared.bare)
                or declared.known,
            )
        key = self.catalogue.key(self.kind.metadata, ref.name)
        is_time = is_time_key(self.kind, ref.name)
        if key is None:
            return ValueContext(shown, Type.ANY, metadata=True, is_time=is_time)
        return ValueContext(shown, key.type, key.unit, metadata=True, known=key.values, is_time=is_time)

    def _metadata_key(self, name: str, origin: Origin, *, explicit: bool) -> Ref:
        if self.catalogue.key(self.kind.metadata, name) is None and not explicit:
            self._refuse_alias(name, origin)
        if self.catalogue.key(self.kind.metadata, name) is None and name not in self._warned:
            self._warned.add(name)
            self._warn_of_unknown_key(name, origin, explicit=explicit)
        return Ref("metadata", name)

    def _refuse_unjoined(self, path: Path) -> None:
        """Raise SemanticError for a field of the source list that the rows of a result do not have."""
        searched = KINDS.get(self.kind.metadata)
        declared = searched.field(path.dotted) if searched is not None and searched is not self.kind else None
        is_key = self.catalogue.key(self.kind.metadata, path.dotted) is not None
        if declared is not None and declared.role == "joined" and not is_key:
            message = f"{self.kind.title} have no field '{path.dotted}', which is in the archive's list of data sources"
            hint = f"select it in the search: FIND {self.kind.metadata} SELECT *, {declared.bare} …"
            raise SemanticError("AQL0201", message, path.origin, "not in these rows", hint)

    def _refuse_alias(self, name: str, origin: Origin) -> None:
        """Raise SemanticError for the alias of another column of SELECT in a place that takes fields only."""
        item = self.labels.get(name)
        if item is None or _contains(item.origin, origin) or (isinstance(item, SelectColumn) and not item.members):
            return
        message = f"'{name}' is an alias of SELECT, which only GROUP BY, HAVING and ORDER BY can use by its name"
        hint = f"repeat its expression, or write metadata.{name} for the metadata key"
        raise SemanticError("AQL0201", message, origin, "an alias of SELECT", hint)

    def _warn_of_unknown_key(self, name: str, origin: Origin, *, explicit: bool) -> None:
        keys = self.catalogue.keys(self.kind.metadata)
        fields = () if explicit else tuple(f.bare for f in (*self.kind.leaves(), *self.kind.joined))
        meant = find_misspelt(name, (*keys, *fields))
        near = [meant] if meant else find_closest(name, (*fields, *keys), 1, 0.7)
        owner = next((b.title for b in BLOCKS.values() if b is not self.kind and b.field(name) is not None), "")
        members = [] if explicit else [f.name for f in self.kind.leaves() if f.path[-1] == name]
        if owner and self.kind in BLOCKS.values():
            hint = f"{name} belongs to {owner}"
        elif members:
            hint = f"did you mean {' or '.join(members)}?"
        elif near:
            hint = f"did you mean {near[0]}?"
        else:
            hint = f"the keys known for {self.kind.title} are {', '.join(keys)}" if keys else ""
        message = f"no metadata key '{name}' is known for {self.kind.title}"
        fix = f"{METADATA}.{meant}" if meant and explicit else meant
        if owner or members:
            fix = None
        self.warnings.append(Diagnostic("AQL0601", message, origin, "unknown key", hint, fix, "warning"))

    def _unknown_name(self, path: Path, parts: tuple[str, ...], above: tuple[str, ...]) -> SemanticError:
        block = self.kind.field(parts[0]) if len(parts) > 1 else None
        if block is not None and block.role == "block":
            return self._unknown_member(path, parts[0], parts[1:], block)
        if not above and (call := _call_of_member(parts)) is not None:
            return self._member_call(path, call)
        fields = (f for f in (*self.kind.fields, *self.kind.leaves()) if not f.is_hidden)
        names = [f.bare if f.role == "block" else f.name for f in fields]
        dotted = ".".join(parts)
        every = (*names, *self.kind.names)
        near = find_closest(dotted, every, 1, 0.7) or find_closest(
            f"data_source.{parts[-1]}", [n for n in every if "." in n], 1, 0.8
        )
        hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(dict.fromkeys(names))}"
        message = f"{self.kind.title} have no field '{dotted}'"
        fix = near[0] if near and find_misspelt(dotted, every) == near[0] and not above else None
        return SemanticError("AQL0201", message, path.origin, "unknown field", hint, fix)

    def _member_call(self, path: Path, call: tuple[str, str]) -> SemanticError:
        """Return the error for `start.month`: a function after a dot."""
        function, argument = call
        written = f"{function}({argument})"
        message = f"'{argument}' has no member '{path.parts[-1]}': functions take it as an argument"
        fix = written if self.kind.field(argument) is not None else None
        return SemanticError("AQL0201", message, path.origin, "a function", f"write {written}", fix)

    def _unknown_member(self, path: Path, block: str, member: tuple[str, ...], display_name: Field) -> SemanticError:
        """Return the error for a name after the name of a criteria block, whose records have no metadata."""
        members = [f.path[-1] for f in self.kind.names.values() if f.path[:1] == display_name.path[:1]]
        members = list(dict.fromkeys(members))
        name = member[-1]
        near = find_closest(".".join(member), members, 1, 0.6)
        hint = f"the fields of a block are {', '.join(members)}"
        fix = None
        if member[0].casefold() == METADATA or self.catalogue.key("ephemeris", name) is not None:
            hint = (
                f"conjunctions do not have the metadata of their sources; filter by it in the block: OF … ({name} = …)"
            )
        elif near:
            hint, fix = f"did you mean {block}.{near[0]}?", f"{block}.{near[0]}"
        message = f"block '{block}' has no field '{'.'.join(member)}'"
        return SemanticError("AQL0201", message, path.origin, "unknown field", hint, fix)


_ACCESSORS = ("dt", "str", "date")
"""Members by which pandas reaches its functions."""


def _call_of_member(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the function and the argument of `start.month` or `start.dt.month`. Return None for other paths."""
    function = FUNCTION_NAMES.get(parts[-1].casefold())
    fields = parts[:-2] if len(parts) > 2 and parts[-2].casefold() in _ACCESSORS else parts[:-1]
    if function is None or function.is_aggregate or len(function.arguments) != 1 or not fields:
        return None
    return function.name, ".".join(fields)


def _contains(outer: Origin, inner: Origin) -> bool:
    """Return whether a span of the text contains another."""
    return isinstance(outer, Span) and isinstance(inner, Span) and outer.start <= inner.start and inner.end <= outer.end


def check_misused_name(names: NameResolver, comparison: ast.ComparisonExpression) -> None:
    """Raise SemanticError if an unknown bare name is an alias of SELECT, or a word for time compared with times."""
    name = comparison.path.dotted
    item = names.labels.get(name)
    if item is not None:
        _refuse_label(name, item, comparison)
    if name.lower() in TIME_WORDS and names.kind.span:
        _refuse_time(names, name, comparison)


def _refuse_label(name: str, item: ast.SelectItem, comparison: ast.ComparisonExpression) -> None:
    if isinstance(item, SelectAggregate):
        message = f"'{name}' is counted after WHERE, which filters single records"
        if item.function != "count":
            message = f"'{name}' is calculated after WHERE, which filters single records"
        hint = f"write HAVING {name} … after GROUP BY to filter the groups"
        raise SemanticError("AQL0201", message, comparison.path.origin, "an alias of SELECT", hint)
    if isinstance(item, ast.SelectColumn) and not item.members:
        message = f"'{name}' is an alias of SELECT, which WHERE cannot use"
        written = item.path.dotted
        raise SemanticError(
            "AQL0201", message, comparison.path.origin, "an alias of SELECT", f"write {written}", written
        )


def _refuse_time(names: NameResolver, name: str, comparison: ast.ComparisonExpression) -> None:
    operator = comparison.operator
    literals = [_operand_literals(operand, name) for operand in comparison.operands]
    if not literals or not all(literals):
        return
    low, high = literals[0] or ("", ""), literals[-1] or ("", "")
    message = f"{names.kind.title} have no field '{name}'"
    windows = {
        Op.EQ: _on_literal(low),
        Op.IN: _on_literal(low) if len(literals) == 1 else "",
        Op.GE: f"SINCE {low[0]}",
        Op.LE: f"UNTIL {high[1]}",
        Op.BETWEEN: f"BETWEEN {low[0]} AND {high[1]}",
    }
    window = windows.get(operator, "")
    times = tuple(dict.fromkeys(field.bare for field in names.kind.span))
    fields = f"the times are {' and '.join(times)}" if len(times) > 1 else f"the time is {times[0]}"
    rewritten = _rewrite_comparison(names, operator, low, high, len(literals))
    hint = fields
    if window:
        hint = f"write the time window after WHERE: {window}; {fields}"
    elif rewritten:  # > and < have no equivalent window: SINCE and UNTIL include their time
        hint = f"write {rewritten}; {fields}"
    fix = None if names.kind.name == CONJUNCTIONS.name else rewritten
    raise SemanticError("AQL0201", message, comparison.origin, "not a field", hint, fix)


def _on_literal(literal: tuple[str, str]) -> str:
    return f"ON {literal[0]}" if literal[0] == literal[1] else f"BETWEEN {literal[0]} AND {literal[1]}"


def _rewrite_comparison(
    names: NameResolver, operator: Op, low: tuple[str, str], high: tuple[str, str], count: int
) -> str | None:
    """Return the comparison as text, rewritten to the kind's time fields. Return None for other operators."""
    first, last = (field.bare for field in names.kind.span)
    match operator:
        case Op.EQ | Op.BETWEEN if first == last:
            return f"{first} BETWEEN {low[0]} AND {high[1]}"
        case Op.EQ | Op.BETWEEN:
            return f"({first} >= {low[0]} AND {last} <= {high[1]})"
        case Op.IN if count == 1:
            return _rewrite_comparison(names, Op.EQ, low, high, count)
        case Op.GE:
            return f"{first} >= {low[0]}"
        case Op.LE:
            return f"{last} <= {high[1]}"
        case Op.GT:
            return f"{first} > {high[1]}"
        case Op.LT:
            return f"{last} < {low[0]}"
        case _:
            return None


def _operand_literals(operand: Operand, name: str) -> tuple[str, str] | None:
    """Return the literals of an operand's first and last time. Return None if the operand is not a time."""
    match operand:
        case Instant(Timestamp(text), ()) if text not in NAMED_TIMES:
            written = text
        case TextLiteral(value):
            written = value.strip()
        case NumberLiteral(text, "") if name.lower() == "year" and len(text) == 4 and text.isdigit():
            return f"{text}-01-01", f"{text}-12-31"
        case _:
            return None
    try:
        read_literal(written)
    except TimeError:
        return None
    return (f"{written}-01-01", f"{written}-12-31") if len(written) == 4 else (written, written)
