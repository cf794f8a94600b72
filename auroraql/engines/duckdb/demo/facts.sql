-- The facts that the rule works on; each table is filled from the CSV file of its name, in its column order.

-- Where each site is, and how its name is shortened in file names.
CREATE TEMP TABLE sites (platform VARCHAR, code VARCHAR, latitude DOUBLE, longitude DOUBLE);

-- Which imager a data source is, and its first and last day of imaging.
CREATE TEMP TABLE imagers (identifier BIGINT, device VARCHAR, first_day TIMESTAMP, last_day TIMESTAMP);

-- The days of which there is ephemeris, from a first to a last one; on some of them also that of the orbits, and the
-- products, which are of some days only.
CREATE TEMP TABLE days (first_day TIMESTAMP, last_day TIMESTAMP, every_orbit BOOLEAN, every_product BOOLEAN);

-- The circle on which a spacecraft goes from its first to its last day, on `all` days or on `some`, as it is
-- 2020-01-01T00:00: `altitude` in km, angles in degrees. `node` is where it crosses the equator northward, as a
-- geographic longitude; `phase` how far along from there it is.
CREATE TEMP TABLE orbits (
    identifier BIGINT, first_day TIMESTAMP, last_day TIMESTAMP, "days" VARCHAR, altitude DOUBLE, inclination DOUBLE,
    node DOUBLE, phase DOUBLE
);

-- What each instrument type of a program makes: under which metadata key (none for some), how often, into
-- which file. `wavelength` in nm, where the product shows one emission line.
CREATE TEMP TABLE products (
    product BIGINT, program VARCHAR, instrument_type VARCHAR, folder VARCHAR, data_product_type VARCHAR,
    "key" VARCHAR, "value" VARCHAR, rhythm VARCHAR, wavelength DOUBLE, "days" VARCHAR, "file" VARCHAR
);
