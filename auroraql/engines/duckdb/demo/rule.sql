-- The rule of the demonstration's data products, version 4. Everything follows from tables of facts: the data sources,
-- where each site is (sites), which imager stood there and when (imagers), what each instrument makes
-- (products). Nothing is random, so every build on every machine gives the same catalogue.
--
-- 1. A night of an imager belongs to the UT day in which its solar midnight falls. It lasts while the sun is
--    more than 12 degrees below the horizon, in whole minutes: at most 22.5 hours, so that no hour belongs to
--    two nights, and a night of less than an hour is not imaged. (The real TREx RGB FSMI imaged the night of
--    2020-01-01 from 00:27 to 14:38; this rule says from 00:25 to 14:37.)
-- 2. A daily product exists for every imaged night; it covers its UT day, 00:00:00 to 23:59:00.
-- 3. An hourly product exists for every UT hour that a night touches; it covers HH:00:00 to HH:59:00.
--    There are products of the years 2019 to 2021 and the day after them, and of the days that AuroraX's published
--    examples search besides (days.csv, `every_product`); of REGO, the riometers, radars and observers on these days
--    only.
--    (With 2 hourly and 6 daily products, the TREx RGBs have 820 from 2020-02-01 to 2020-02-05, as the real ones.)
-- 4. Its URL is BASE/<folder>/YYYY/MM/DD/<site>_<device>[/utHH]/YYYYMMDD_[HH]_<site>_<device>_<file>.
-- 5. Its metadata holds what kind of keogram, montage or movie it is, of a daily keogram also when imaging began
--    and ended, of a keogram in one emission line its wavelength. Other products have an empty object.

-- Solar midnight and half the length of the dark, in hours of the UT day. Declination and equation of time are
-- the usual formulas in the day of the year, good to about three minutes.
CREATE TEMP TABLE nights AS
WITH every AS (
    SELECT unnest(generate_series(TIMESTAMP '2019-01-01', TIMESTAMP '2022-01-02', INTERVAL 1 DAY)) AS "day"
    -- A night may belong to the day after the one in whose evening it begins.
    UNION SELECT unnest(generate_series(first_day, last_day + INTERVAL 1 DAY, INTERVAL 1 DAY)) FROM days
), sun AS (
    SELECT
        "day",
        radians(-23.44 * cos(2 * pi() * (dayofyear("day") + 10) / 365.24)) AS declination,
        2 * pi() * (dayofyear("day") - 81) / 365 AS b
    FROM every
), midnights AS (
    SELECT
        "day",
        identifier,
        (48 - longitude / 15 - (9.87 * sin(2 * b) - 7.53 * cos(b) - 1.5 * sin(b)) / 60) % 24 AS midnight,
        (sin(radians(-12)) - sin(radians(latitude)) * sin(declination))
            / (cos(radians(latitude)) * cos(declination)) AS cosine
    FROM sun CROSS JOIN (imagers JOIN data_sources USING (identifier) JOIN sites USING (platform))
    WHERE "day" BETWEEN first_day AND last_day
), dark AS (
    SELECT
        *, least(12 - degrees(acos(greatest(-1, least(1, cosine)))) / 15, 11.25) AS half
    FROM midnights
)
SELECT
    "day",
    identifier,
    date_trunc('minute', "day" + to_seconds(3600 * (midnight - half))) AS dusk,
    date_trunc('minute', "day" + to_seconds(3600 * (midnight + half))) AS dawn
FROM dark
WHERE half >= 0.5;

-- The folder of an imager's day, and the name its files share.
CREATE TEMP TABLE places AS
SELECT
    identifier,
    product,
    rhythm,
    data_product_type,
    value,
    wavelength,
    "days",
    'https://data.phys.ucalgary.ca/sort_by_project/' || folder || '/' AS above,
    '/' || code || '_' || device AS below,
    '_' || code || '_' || device || '_' || file AS file
FROM products
JOIN data_sources USING (program, instrument_type)
JOIN imagers USING (identifier)
JOIN sites USING (platform);

INSERT INTO data_products
WITH searched AS (
    SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY)) AS "day" FROM days WHERE every_product
), periods AS (
    SELECT 'daily' AS rhythm, identifier, "day" AS "start", dusk, dawn FROM nights
    UNION ALL
    SELECT 'hourly', identifier, unnest(generate_series(date_trunc('hour', dusk), dawn, INTERVAL 1 HOUR)), dusk, dawn
    FROM nights
), made AS (
    SELECT identifier, product, "start", dusk, dawn
    FROM periods
    JOIN places USING (identifier, rhythm)
    LEFT JOIN searched ON "day" = date_trunc('day', "start")
    WHERE "day" IS NOT NULL
        OR ("days" = 'all' AND "start" >= TIMESTAMP '2019-01-01' AND "start" < TIMESTAMP '2022-01-02')
    ORDER BY "start", identifier, product
), described AS (
    SELECT
        *,
        strftime("start", '%Y/%m/%d') AS folder,
        strftime("start", '%Y%m%d') AS stamp,
        strftime("start", '%H') AS "hour",
        strftime(dusk, '%Y-%m-%dT%H:%M:%S.000000') AS began,
        strftime(dawn, '%Y-%m-%dT%H:%M:%S.000000') AS ended
    FROM made JOIN places USING (identifier, product)
)
SELECT
    identifier,
    "start",
    "start" + CASE rhythm WHEN 'daily' THEN INTERVAL 1439 MINUTE ELSE INTERVAL 59 MINUTE END,
    data_product_type,
    CASE rhythm
        WHEN 'daily' THEN above || folder || below || '/' || stamp || '_' || file
        ELSE above || folder || below || '/ut' || "hour" || '/' || stamp || '_' || "hour" || file
    END,
    CASE
        WHEN data_product_type = 'montage' THEN {'montage_type': value}::VARIANT
        WHEN data_product_type = 'movie' THEN {'movie_type': value}::VARIANT
        WHEN data_product_type != 'keogram' THEN '{}'::JSON::VARIANT
        WHEN rhythm = 'hourly' AND wavelength IS NULL THEN {'keogram_type': value}::VARIANT
        WHEN rhythm = 'hourly' THEN {'keogram_type': value, 'wavelength': wavelength}::VARIANT
        WHEN wavelength IS NULL
            THEN {'keogram_type': value, 'imaging_start_time': began, 'imaging_end_time': ended}::VARIANT
        ELSE {
            'keogram_type': value, 'imaging_start_time': began, 'imaging_end_time': ended, 'wavelength': wavelength
        }::VARIANT
    END
FROM described;
