"""Fields of a data source, which are part of every record (OpenAPI `Data Source`, format basic_info)."""

from __future__ import annotations

from dataclasses import replace

from auroraql.schema.model import Field, Role, Type

SOURCE_TYPES = ("ground", "heo", "leo", "lunar", "event_list", "not_applicable")

MAX_LENGTHS = {"program": 200, "platform": 50, "instrument_type": 200, "display_name": 50}
"""Maximum lengths of the texts of a source in characters, as in AuroraX."""

PREFIX = "data_source"

IDENTIFIER = (PREFIX, "identifier")
"""Path of the identifier of a record's source."""


def _field(name: str, doc: str, criterion: str = "", type: Type = Type.STRING, known: tuple[str, ...] = ()) -> Field:
    return Field((PREFIX, name), type, doc, "source", criterion=criterion, known=known)


SOURCE_FIELDS = (
    _field("identifier", "the number of the data source", type=Type.INTEGER),
    _field("program", "the program that runs it, such as trex or themis-asi", "programs"),
    _field("platform", "the site or spacecraft, such as gillam or swarma", "platforms"),
    _field("instrument_type", "the kind of instrument, such as RGB ASI or footprint", "instrument_types"),
    _field("source_type", "the type of location: ground, or a type of orbit", known=SOURCE_TYPES),
    _field("display_name", "the full name, such as TREx RGB GILL"),
)
"""Fields in the order of AuroraX's basic_info format."""

SOURCE = Field((PREFIX,), Type.OBJECT, "the data source that made the record", members=SOURCE_FIELDS)


def _schema_field(name: str, doc: str) -> Field:
    """Return the field of a metadata schema of a source, a list of OpenAPI `MetadataSchema` objects."""
    members = tuple(
        Field((name, member), Type.STRING, about, many=member == "allowed_values")
        for member, about in (
            ("field_name", "the key"),
            ("description", "what the key is"),
            ("data_type", "string, double, int or bool"),
            ("allowed_values", "the values known for the key; records may have others"),
            ("additional_description", "more about the key"),
        )
    )
    return Field((name,), Type.OBJECT, doc, members=members, many=True)


SOURCE_DETAILS = (
    _schema_field("ephemeris_metadata_schema", "the metadata keys of the source's ephemeris"),
    _schema_field("data_product_metadata_schema", "the metadata keys of the source's data products"),
    Field(("owner",), Type.STRING, "who owns the record of the source"),
    Field(("maintainers",), Type.STRING, "who maintains the record of the source", many=True),
    Field(("metadata",), Type.OBJECT, "other properties of the source"),
)
"""Fields of AuroraX's format full_record in addition to SOURCE_FIELDS."""

SOURCE_STATISTICS = Field(
    ("stats",),
    Type.OBJECT,
    "the number and time range of the source's loaded records",
    members=tuple(
        Field(("stats", name.format(kind)), value_type, doc)
        for kind in ("ephemeris", "data_product")
        for name, value_type, doc in (
            ("earliest_{}_loaded", Type.TIME, "the first moment of a record, UTC"),
            ("latest_{}_loaded", Type.TIME, "the last moment of a record, UTC"),
            ("{}_count", Type.INTEGER, "the number of records"),
        )
    ),
)
"""Statistics of a source (OpenAPI `DataSourceStats`)."""


def _joined(field: Field) -> Field:
    members = tuple(map(_joined, field.members))
    return replace(field, path=(PREFIX, *field.path), role="joined", members=members)


JOINED_FIELDS = tuple(map(_joined, (*SOURCE_DETAILS, SOURCE_STATISTICS)))
"""Details and statistics of the source of a record, which AuroraX's records do not contain."""


def source_fields(above: tuple[str, ...], role: Role) -> tuple[Field, ...]:
    """Return the source fields under another path of a record. AuroraX cannot filter by them there."""
    return tuple(Field((*above, f.bare), f.type, f.doc, role, known=f.known) for f in SOURCE_FIELDS)
