"""The fields of a data source, which every record carries (OpenAPI `Data Source`, format basic_info)."""

from __future__ import annotations

from auroraql.schema.model import Field, Role, Type

SOURCE_TYPES = ("ground", "heo", "leo", "lunar", "event_list", "not_applicable")

PREFIX = "data_source"


def _field(name: str, doc: str, criterion: str = "", type: Type = Type.STRING, known: tuple[str, ...] = ()) -> Field:
    return Field((PREFIX, name), type, doc, "source", criterion=criterion, known=known)


SOURCE_FIELDS = (
    _field("identifier", "the number of the data source", type=Type.INTEGER),
    _field("program", "the program that runs it, such as trex or themis-asi", "programs"),
    _field("platform", "the site or spacecraft, such as gillam or swarma", "platforms"),
    _field("instrument_type", "the kind of instrument, such as RGB ASI or footprint", "instrument_types"),
    _field("source_type", "where it is: on the ground, or on which kind of orbit", known=SOURCE_TYPES),
    _field("display_name", "the name shown to people, such as TREx RGB GILL"),
)
"""In the order of AuroraX's basic_info format."""

SOURCE = Field((PREFIX,), Type.OBJECT, "the data source that made the record", members=SOURCE_FIELDS)


def _schema_field(name: str, doc: str) -> Field:
    """A metadata schema of a source, a list of OpenAPI `MetadataSchema` objects."""
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
    Field(("metadata",), Type.OBJECT, "what else the archive has of the source"),
)
"""What AuroraX's level full_record has of a source besides SOURCE_FIELDS."""

SOURCE_STATISTICS = Field(
    ("stats",),
    Type.OBJECT,
    "how many records of the source are loaded, and from when to when",
    members=tuple(
        Field(("stats", name.format(kind)), held, doc)
        for kind in ("ephemeris", "data_product")
        for name, held, doc in (
            ("earliest_{}_loaded", Type.TIME, "the first moment of a record, UTC"),
            ("latest_{}_loaded", Type.TIME, "the last moment of a record, UTC"),
            ("{}_count", Type.INTEGER, "the number of records"),
        )
    ),
)
"""OpenAPI `DataSourceStats`."""


def source_fields(above: tuple[str, ...], role: Role) -> tuple[Field, ...]:
    """The same fields where another record keeps a source; AuroraX has no filter for them there."""
    return tuple(Field((*above, each.bare), each.type, each.doc, role, known=each.known) for each in SOURCE_FIELDS)
