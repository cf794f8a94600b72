"""Binding of script parameters: given values, read by their declared types, and default values.

All missing and invalid values are reported together, before anything runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auroraql.diagnostics.errors import Diagnostic, Source, StatementError, UsageError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.queries.front_matter import FrontMatter, ParameterDeclaration, read_front_matter
from auroraql.queries.parameter_usage import ParameterUses, find_uses
from auroraql.resolver import unused_parameter_warning

Given = Mapping[str, Sequence[str]]
"""Values as typed, by parameter name. Several texts for one name form a list."""


@dataclass(slots=True)
class _ParameterBinder:
    """Parameter values of one script, with all diagnostics."""

    source: Source
    given: Given
    header: FrontMatter = field(init=False)
    uses: ParameterUses = field(init=False)
    values: dict[str, object] = field(default_factory=dict)
    wrong: list[Diagnostic] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.header, self.uses = read_front_matter(self.source), find_uses(self.source)
        self.wrong += self.header.wrong
        for parameter in self.header.parameters:
            self._bind_declared(parameter, used=parameter.name in self.uses.names)
        for name in self.uses.names:
            if name in self.given and self.header.get_declaration(name) is None:
                texts = self.given[name]
                self.values[name] = texts[0] if len(texts) == 1 else list(texts)

    def _bind_declared(self, parameter: ParameterDeclaration, *, used: bool) -> None:
        texts = self.given.get(parameter.name, [] if parameter.default is None else [parameter.default])
        if not texts:
            return
        try:
            value = parameter.read(list(texts))
            if used:
                self.values[parameter.name] = value
        except ValueError as error:
            quoted_texts = ", ".join(f"'{text}'" for text in texts)
            reason = f"{error}; " if str(error) else ""
            hint = f"{reason}for example: --param {parameter.name}={parameter.type.example}"
            message = f"${parameter.name} takes {parameter.describe_type}, not {quoted_texts}"
            self.wrong.append(
                Diagnostic("AQL0211", message, parameter.origin, f"declared as {parameter.type_name}", hint)
            )

    @property
    def names(self) -> dict[str, None]:
        """Parameters that the script uses or declares."""
        return dict.fromkeys((*self.uses.names, *(parameter.name for parameter in self.header.parameters)))

    def missing_parameters(self) -> Iterator[Diagnostic]:
        """Yield a diagnostic for each parameter that has neither a value nor a default."""
        for name in self.uses.names:
            if name in self.values or name in self.given or name in self.header.mistaken:
                continue
            parameter = self.header.get_declaration(name)
            example = parameter.type.example if parameter is not None else "…"
            hint = f"give it as --param {name}={example}, or {name}={example} after \\run"
            origin = parameter.origin if parameter is not None else self.uses.first(name).origin
            description = f": {parameter.doc}" if parameter is not None and parameter.doc else ""
            yield Diagnostic(
                "AQL0206", f"the parameter ${name} has no value{description}", origin, "needs a value", hint
            )


def bind_parameters(sources: Sequence[Source], given: Given) -> dict[str, object]:
    """Return the parameter values of scripts that run together and share them.

    Raises StatementError with every missing, unknown and invalid value of the first script that has one. Raises
    UsageError when two scripts read different values for one parameter.

    A missing value is not reported here for a script without declarations, or when a script cannot be parsed. Running
    that script reports it with more detail.
    """
    if not given and not any(read_front_matter(source).has_parameters for source in sources):
        return {}  # most scripts have no parameters, and need not be parsed twice
    bindings = [_ParameterBinder(source, given) for source in sources]
    names = dict.fromkeys(name for binding in bindings for name in binding.names)
    all_parsed = all(binding.uses.is_complete for binding in bindings)
    unknown = [_unknown_parameter(name, names) for name in given if name not in names] if all_parsed else []
    for binding in bindings:
        missing = binding.missing_parameters() if all_parsed and binding.header.has_parameters else ()
        wrong = [*binding.wrong, *missing, *unknown]
        if wrong:
            raise StatementError(wrong, binding.source)
    return _merge_values(bindings)


def known_values(source: Source, given: Given) -> tuple[dict[str, object], tuple[Diagnostic, ...]]:
    """Return the values of a script that is only checked, and the diagnostics of its front matter.

    A missing value is not an error here.
    """
    binding = _ParameterBinder(source, given)
    unused = [
        _note_unused(parameter)
        for parameter in binding.header.parameters
        if binding.uses.is_complete and parameter.name not in binding.uses.names
    ]
    return binding.values, (*binding.wrong, *unused)


def _merge_values(bindings: Sequence[_ParameterBinder]) -> dict[str, object]:
    values: dict[str, object] = {}
    for binding in bindings:
        for name, value in binding.values.items():
            if name in values and values[name] != value:
                message = f"${name} differs between these files"
                raise UsageError(message, f"give it as --param {name}=…, or run the files one by one")
            values[name] = value
    return values


def _unknown_parameter(name: str, known: Collection[str]) -> Diagnostic:
    """Return the diagnostic for a value whose name no script uses or declares, usually a typo."""
    matches = find_closest(name, known, 1, 0.5)
    diagnostic = unused_parameter_warning(name, frozenset(known))
    return replace(diagnostic, hint=f"did you mean ${matches[0]}?") if matches else diagnostic


def _note_unused(parameter: ParameterDeclaration) -> Diagnostic:
    message = f"the parameter ${parameter.name} is declared but not used"
    hint = f"write ${parameter.name} in a statement, or delete the line"
    return Diagnostic("AQL0610", message, parameter.origin, "not used", hint, severity="warning")
