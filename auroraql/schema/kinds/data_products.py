"""Data products: keograms, montages, movies and summary plots (OpenAPI `DataProduct`, `DataProductQuery`)."""

from __future__ import annotations

from datetime import timedelta

from auroraql.schema.model import BoundPart, Field, FiltersPart, Kind, ListsPart, Type, WordsPart
from auroraql.schema.source_fields import JOINED_FIELDS, SOURCE
from auroraql.schema.wire import Protocol

MAX_PRODUCT_LENGTH = timedelta(days=1)
"""Maximum time that a data product of AuroraX spans."""

MIN_PRODUCT_LENGTHS = {"daily": timedelta(hours=23, minutes=59), "hourly": timedelta(minutes=59)}
"""Minimum length of a product, by a word in the value of a metadata key such as `keogram_type`."""

PRODUCT_TYPES = ("keogram", "montage", "movie", "summary_plot", "data_availability")

DATA_PRODUCTS = Kind(
    name="data_products",
    title="data products",
    doc="Summary products of a day or hour of an instrument, each a file at a URL.",
    fields=(
        Field(("start",), Type.TIME, "the first moment that the product covers, UTC", bound="start"),
        Field(("end",), Type.TIME, "the last moment that the product covers, UTC", bound="end"),
        SOURCE,
        Field(("url",), Type.STRING, "the address of the file"),
        Field(
            ("data_product_type",),
            Type.STRING,
            "the type of the product",
            criterion="data_product_type_filters",
            known=PRODUCT_TYPES,
            closed=True,
        ),
        Field(("metadata",), Type.OBJECT, "other properties of the product, such as keogram_type"),
    ),
    protocol=Protocol(
        "data_products", "data_product", "data_products", "data_product", timedelta(days=3653)
    ),  # ten years with three leap days
    filters="data_product_metadata_filters",
    marks=("data_product_type_filters", "data_product_metadata_filters"),
    joined=JOINED_FIELDS,
    schema_key="data_product_metadata_schema",
    wording=(
        WordsPart("Find data_products for (("),
        ListsPart(("program", "platform", "instrument_type")),
        WordsPart(" filtered by metadata ()) AND  data_product_metadata_filters ["),
        FiltersPart(),
        WordsPart("]) AND"),
        BoundPart("start", " data_product start >= ", " UTC AND"),
        BoundPart("end", " data_product end <= ", " UTC AND"),
        ListsPart(("data_product_type",), " "),
    ),
    longest_record=MAX_PRODUCT_LENGTH,
    time_keys=("imaging_start_time", "imaging_end_time"),
)
