-- A catalogue file, schema version 3: what `--archive PATH.duckdb` opens. Anyone may make one:
-- run these statements in DuckDB 2.0 or later, fill the tables, and keep `schema_version` as it is.

-- One row that says what the file is. `demonstration`: its records are made up, and every front end says so.
-- `rule` is free text that names how the records were made, and their version.
CREATE TABLE catalogue (
    schema_version INTEGER NOT NULL,
    demonstration  BOOLEAN NOT NULL,
    description    VARCHAR NOT NULL,
    rule           VARCHAR NOT NULL
);

-- The data sources, as AuroraX describes them at its level basic_info. Identifiers are unique.
CREATE TABLE data_sources (
    identifier      BIGINT  NOT NULL,
    program         VARCHAR NOT NULL,
    platform        VARCHAR NOT NULL,
    instrument_type VARCHAR NOT NULL,
    source_type     VARCHAR NOT NULL,
    display_name    VARCHAR NOT NULL
);

-- The fields of AuroraX's level full_record of sources that have them: an object with `owner`, `maintainers`, `metadata`,
-- `ephemeris_metadata_schema` and `data_product_metadata_schema`, each optional. The table may be empty.
CREATE TABLE source_records (
    identifier BIGINT  NOT NULL,
    document   VARCHAR NOT NULL
);

-- The metadata keys that records may carry, for completion and warnings; the table may be empty.
-- `kind` is data_products or ephemeris; `type` is string, double, int or bool; `known_values` are not
-- exhaustive; an empty `programs` means any; `unit` is km, deg, % or empty.
CREATE TABLE metadata_keys (
    kind         VARCHAR   NOT NULL,
    name         VARCHAR   NOT NULL,
    type         VARCHAR   NOT NULL,
    known_values VARCHAR[] NOT NULL,
    doc          VARCHAR   NOT NULL,
    programs     VARCHAR[] NOT NULL,
    unit         VARCHAR   NOT NULL
);

-- The data products, each once (source, start, end, type and URL tell them apart). `data_source` is an
-- identifier of data_sources; times are UTC; `metadata` is an object of keys and plain values, a key
-- that does not apply is left out. Rows in the order of month, source and `start` take
-- the least room and make searches of a window fast.
CREATE TABLE data_products (
    data_source       BIGINT    NOT NULL,
    "start"           TIMESTAMP NOT NULL,
    "end"             TIMESTAMP NOT NULL,
    data_product_type VARCHAR   NOT NULL,
    url               VARCHAR   NOT NULL,
    metadata          VARIANT
);

-- Where each source is at each moment, once a source and epoch (UTC). Locations are in degrees; both members
-- of one are there, or both are NULL. Rows in the order of month, source and `epoch` take the least room and make
-- searches of a window fast. Many minutes have the same metadata, so each is kept once: `metadata` is an identifier of
-- ephemeris_metadata, or NULL for none.
CREATE TABLE ephemeris (
    data_source      BIGINT    NOT NULL,
    epoch            TIMESTAMP NOT NULL,
    location_geo_lat DOUBLE,
    location_geo_lon DOUBLE,
    location_gsm_lat DOUBLE,
    location_gsm_lon DOUBLE,
    nbtrace_lat      DOUBLE,
    nbtrace_lon      DOUBLE,
    sbtrace_lat      DOUBLE,
    sbtrace_lon      DOUBLE,
    metadata         BIGINT
);

-- Like the metadata of data products. Identifiers are unique. Rows in the order of their first use take the least room.
CREATE TABLE ephemeris_metadata (
    identifier BIGINT NOT NULL,
    metadata   VARIANT
);
