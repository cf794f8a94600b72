"""The fields of a data source, which every record carries (OpenAPI `Data Source`, format basic_info)."""

from __future__ import annotations

from auroraql.schema.model import Field, Role, Type

SOURCE_TYPES = ("ground", "heo", "leo", "lunar", "event_list", "not_applicable")

PREFIX = "data_source"


def _field(name: str, doc: str, criterion: str = "", type: Type = Type.STRING, known: tuple[str, ...] = ()) -> Field:
    return Field((PREFIX, name), type, doc, "source", criterion=criterion, known=known)


SOURCE_FIELDS = (
    _field("identifier", "the number of the data source", type=Type.INTEGER),
    _field("program", "the program that runs it, as trex or themis-asi", "programs"),
    _field("platform", "the site or spacecraft, as gillam or swarma", "platforms"),
    _field("instrument_type", "the kind of instrument, as RGB ASI or footprint", "instrument_types"),
    _field("source_type", "where it is: on the ground or on which orbit", known=SOURCE_TYPES),
    _field("display_name", "the name shown to people, as TREx RGB GILL"),
)
"""In the order of AuroraX's basic_info format."""

SOURCE = Field((PREFIX,), Type.OBJECT, "the data source that made the record", members=SOURCE_FIELDS)


def source_fields(above: tuple[str, ...], role: Role) -> tuple[Field, ...]:
    """The same fields where another record keeps a source; AuroraX has no filter for them there."""
    return tuple(Field((*above, each.bare), each.type, each.doc, role, known=each.known) for each in SOURCE_FIELDS)
