"""Values for the parameters of scripts: those given, read as their head declares them, and the defaults of the others.

All that is missing or of the wrong type is said at once, and before anything runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auroraql.errors import Diagnostic, Source, StatementError, UsageError
from auroraql.resolver import unused_parameter
from auroraql.saved.header import Declared, Header, header_of
from auroraql.saved.uses import Uses, uses_of
from auroraql.spelling import closest

Given = Mapping[str, Sequence[str]]
"""What was given for each name, as it was typed; several texts for one name are a list."""


@dataclass(slots=True)
class _Binding:
    """The values for one script, and everything that is wrong with them."""

    source: Source
    given: Given
    header: Header = field(init=False)
    uses: Uses = field(init=False)
    values: dict[str, object] = field(default_factory=dict)
    wrong: list[Diagnostic] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.header, self.uses = header_of(self.source), uses_of(self.source)
        self.wrong += self.header.wrong
        for each in self.header.parameters:
            self._declared(each, used=each.name in self.uses.names)
        for name in self.uses.names:
            if name in self.given and self.header.declared(name) is None:
                texts = self.given[name]
                self.values[name] = texts[0] if len(texts) == 1 else list(texts)

    def _declared(self, each: Declared, *, used: bool) -> None:
        texts = self.given.get(each.name, [] if each.default is None else [each.default])
        if not texts:
            return
        try:
            value = each.read(list(texts))
            if used:
                self.values[each.name] = value
        except ValueError as error:
            shown = ", ".join(f"'{text}'" for text in texts)
            reason = f"{error}; " if str(error) else ""
            hint = f"{reason}as in: --param {each.name}={each.type.example}"
            message = f"${each.name} takes {each.takes}, not {shown}"
            self.wrong.append(Diagnostic("AQL0211", message, each.origin, f"declared as {each.called}", hint))

    @property
    def names(self) -> dict[str, None]:
        """The parameters it uses or declares."""
        return dict.fromkeys((*self.uses.names, *(each.name for each in self.header.parameters)))

    def missing(self) -> Iterator[Diagnostic]:
        """What was given no value, and has no default."""
        for name in self.uses.names:
            if name in self.values or name in self.given or name in self.header.mistaken:
                continue
            each = self.header.declared(name)
            example = each.type.example if each is not None else "…"
            hint = f"give it as --param {name}={example}, or {name}={example} behind \\run"
            origin = each.origin if each is not None else self.uses.first(name).origin
            said = f": {each.doc}" if each is not None and each.doc else ""
            yield Diagnostic("AQL0206", f"the parameter ${name} has no value{said}", origin, "needs a value", hint)


def bind(sources: Sequence[Source], given: Given) -> dict[str, object]:
    """The values of the parameters of scripts that are run together, which share them.

    Raises StatementError with all that is missing, unknown or of the wrong type in the first script that is wrong,
    UsageError where two of them make different values of the same. A script that has no head, or cannot be read, is
    left to those who run it, who say more.
    """
    if not given and not any(header_of(source).has_parameters for source in sources):
        return {}  # most scripts, which are not read twice for nothing
    made = [_Binding(source, given) for source in sources]
    names = dict.fromkeys(name for each in made for name in each.names)
    whole = all(each.uses.whole for each in made)
    unknown = [_unknown(name, names) for name in given if name not in names] if whole else []
    for each in made:
        missing = each.missing() if whole and each.header.has_parameters else ()
        wrong = [*each.wrong, *missing, *unknown]
        if wrong:
            raise StatementError(wrong, each.source)
    return _shared(made)


def known_values(source: Source, given: Given) -> tuple[dict[str, object], tuple[Diagnostic, ...]]:
    """The values of a script that is only checked, and what is to be said of its head: what is missing is no fault."""
    made = _Binding(source, given)
    idle = [_idle(each) for each in made.header.parameters if made.uses.whole and each.name not in made.uses.names]
    return made.values, (*made.wrong, *idle)


def _shared(made: Sequence[_Binding]) -> dict[str, object]:
    values: dict[str, object] = {}
    for each in made:
        for name, value in each.values.items():
            if name in values and values[name] != value:
                message = f"${name} is not the same in all these files"
                raise UsageError(message, f"give it as --param {name}=…, or run the files one by one")
            values[name] = value
    return values


def _unknown(name: str, known: Collection[str]) -> Diagnostic:
    """What is given and no script uses or declares: most often a slip."""
    near = closest(name, known, 1, 0.5)
    said = unused_parameter(name, frozenset(known))
    return replace(said, hint=f"did you mean ${near[0]}?") if near else said


def _idle(each: Declared) -> Diagnostic:
    message = f"the parameter ${each.name} is declared, and nothing uses it"
    hint = f"write ${each.name} in a statement, or delete the line"
    return Diagnostic("AQL0610", message, each.origin, "not used", hint, severity="warning")
