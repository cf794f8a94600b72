-- The rule of the demonstration's ephemeris, version 4: a record a minute on the days of days.csv, which are January
-- and February 2020 and the days that AuroraX's published examples search; of the Swarm and THEMIS spacecraft all the
-- time, of the THEMIS, REGO and TREx RGB imagers while it is dark (the nights of rule.sql). On some of these days
-- (`every_orbit`) there are the other spacecraft too, as far as they were in orbit, and the radars, riometers and
-- observers. It follows from the orbits (orbits.csv) and the places of the sites (sites.csv). Nothing is random.
--
-- 1. An orbit is a circle: Kepler's period, and a node that stays among the stars while the earth turns below.
--    THEMIS B and C are as far away as the moon.
-- 2. The earth's field is a dipole along the geomagnetic poles of 2020. A field line that reaches no farther than
--    12 earth radii is closed and has two footprints, 100 km up; on an open one, a spacecraft near the earth has
--    the footprint of its own hemisphere, any other none. A location that is not there has two nulls.
-- 3. A ground site's nbtrace is the site itself if that is north of the equator, else the other end of its field
--    line; sbtrace the reverse. It has no location_gsm.
-- 4. Regions on the ground follow magnetic latitude and local time. The auroral oval is between 65 and 72 degrees
--    at midnight, 75 and 80 at noon, where it is the cusp, or within four hours of it the cleft; polewards is the
--    polar cap, below 30 degrees the low latitude. Regions in space follow a paraboloid magnetopause and bow shock.
-- 5. Swarm's ion imager (tii_*) works two hours of three, counted in blocks of two hours, and is switched on in a
--    block's sixth minute; its keys are absent while it does not.
-- 6. What the THEMIS imagers' models say holds for an hour, is drawn from a digest of site and hour, and its sky is
--    cloudy or clear for six hours. (The 3919 in the digest is one for which the published examples find something.)
--    Where nothing was classified, there is no confidence. The second version of a model says what the first says,
--    and is surer of it. Until 2019 the name of the first one for the sky was ml_cloud_v1, and both names are there.
-- 7. The list of substorm onsets has one an hour, in a minute drawn from a digest of the hour, at magnetic midnight
--    and, by the same digest, a magnetic latitude of 67 to 69 degrees. STEVE is seen at McGrath at ten o'clock on the
--    days with every product.

CREATE TEMP MACRO latitude(z) AS round(degrees(asin(greatest(-1, least(1, z)))), 3);
CREATE TEMP MACRO longitude(x, y) AS round(degrees(atan2(y, x)), 3);

-- The geomagnetic north pole, and directions turned from the geographic frame into that of the dipole and back.
CREATE TEMP MACRO tilt() AS radians(90 - 80.65);
CREATE TEMP MACRO meridian() AS radians(-72.68);
CREATE TEMP MACRO dipole_x(x, y, z) AS
    cos(tilt()) * (cos(meridian()) * x + sin(meridian()) * y) - sin(tilt()) * z;
CREATE TEMP MACRO dipole_y(x, y) AS cos(meridian()) * y - sin(meridian()) * x;
CREATE TEMP MACRO dipole_z(x, y, z) AS
    sin(tilt()) * (cos(meridian()) * x + sin(meridian()) * y) + cos(tilt()) * z;
CREATE TEMP MACRO earth_x(x, y, z) AS
    cos(meridian()) * (cos(tilt()) * x + sin(tilt()) * z) - sin(meridian()) * y;
CREATE TEMP MACRO earth_y(x, y, z) AS
    sin(meridian()) * (cos(tilt()) * x + sin(tilt()) * z) + cos(meridian()) * y;
CREATE TEMP MACRO earth_z(x, z) AS cos(tilt()) * z - sin(tilt()) * x;

-- Where a magnetic latitude is; `noon` is 1 at magnetic noon and -1 at midnight.
CREATE TEMP MACRO region(hemisphere, degrees_north, noon) AS CASE
    WHEN abs(degrees_north) < 30 THEN 'low latitude'
    WHEN abs(degrees_north) < 70 + 5 * noon THEN hemisphere || ' mid-latitude'
    WHEN abs(degrees_north) >= 76 + 4 * noon THEN hemisphere || ' polar cap'
    WHEN noon > 0.966 THEN hemisphere || ' cusp'
    WHEN noon > 0.5 THEN hemisphere || ' cleft'
    ELSE hemisphere || ' auroral oval'
END;

-- In space, in earth radii: `sunward` along the line to the sun, `away` from that line, `north` of the tail's middle.
CREATE TEMP MACRO space_region(sunward, away, north, shell) AS CASE
    WHEN away * away > 43 * (14.5 - sunward) THEN 'interplanetary medium'
    WHEN away * away > 20.5 * (11 - sunward) OR away > 25
        THEN if(sunward > 0, 'dayside magnetosheath', 'nightside magnetosheath')
    WHEN sunward < -8 THEN if(abs(north) < 3, 'plasma sheet', 'tail lobe')
    WHEN shell <= 5 THEN if(sunward > 0, 'dayside plasmasphere', 'nightside plasmasphere')
    ELSE if(sunward > 0, 'dayside magnetosphere', 'nightside magnetosphere')
END;

-- Per minute: the angle the earth has turned, and the directions, on the turning earth, of the three GSM axes:
-- x to the sun, y across sun and dipole, z northward.
CREATE TEMP TABLE minutes AS
WITH every AS (
    SELECT
        unnest(generate_series(first_day, last_day + INTERVAL 1439 MINUTE, INTERVAL 1 MINUTE)) AS epoch,
        every_orbit
    FROM (FROM days ORDER BY first_day)
), suns AS (
    SELECT
        datediff('minute', TIMESTAMP '2020-01-01', epoch) AS "minute",
        epoch,
        every_orbit,
        radians(-23.44 * cos(2 * pi() * (dayofyear(epoch) + 10) / 365.24)) AS declination,
        2 * pi() * (dayofyear(epoch) - 81) / 365 AS b,
        radians(180 - "minute" % 1440 / 4 - (9.87 * sin(2 * b) - 7.53 * cos(b) - 1.5 * sin(b)) / 4) AS below
    FROM every
), axes AS (
    SELECT
        "minute",
        epoch,
        every_orbit,
        cos(declination) * cos(below) AS xx,
        cos(declination) * sin(below) AS xy,
        sin(declination) AS xz,
        earth_x(0, 0, 1) AS mx,
        earth_y(0, 0, 1) AS my,
        earth_z(0, 1) AS mz
    FROM suns
), across AS (
    SELECT
        *,
        my * xz - mz * xy AS ax,
        mz * xx - mx * xz AS ay,
        mx * xy - my * xx AS az,
        sqrt(ax * ax + ay * ay + az * az) AS long
    FROM axes
)
SELECT
    "minute",
    epoch,
    every_orbit,
    "minute" * radians(360.98564736629 / 1440) AS turned,
    xx, xy, xz,
    ax / long AS yx, ay / long AS yy, az / long AS yz,
    xy * yz - xz * yy AS zx, xz * yx - xx * yz AS zy, xx * yy - xy * yx AS zz
FROM across;

CREATE TEMP TABLE passes AS
WITH spacecraft AS (
    SELECT list({
        'identifier': identifier,
        'first_day': first_day,
        'end': last_day + INTERVAL 1 DAY,
        'program': program,
        'radius': 6371.2 + altitude,
        'cosine': cos(radians(inclination)),
        'sine': sin(radians(inclination)),
        'node': radians(node),
        'phase': radians(phase),
        'motion': 60 * sqrt(398600.4418 / power(6371.2 + altitude, 3))
    } ORDER BY "days", identifier) AS every, count(*) FILTER ("days" = 'all') AS usual
    FROM orbits JOIN data_sources USING (identifier)
), moments AS (
    SELECT *, unnest(if(every_orbit, every, every[:usual])) AS craft FROM minutes, spacecraft
), places AS (
    -- On the turning earth.
    SELECT
        *,
        craft.identifier AS identifier,
        craft.radius AS radius,
        craft.phase + craft.motion * "minute" AS along,
        craft.node - turned AS ascending,
        cos(ascending) * cos(along) - sin(ascending) * craft.cosine * sin(along) AS x,
        sin(ascending) * cos(along) + cos(ascending) * craft.cosine * sin(along) AS y,
        craft.sine * sin(along) AS z
    FROM moments
    WHERE epoch >= craft.first_day AND epoch < craft."end"
), magnetic AS (
    -- A field line keeps its meridian; `narrow` is how much nearer to the axis it is at its foot.
    SELECT
        *,
        dipole_x(x, y, z) AS dx,
        dipole_y(x, y) AS dy,
        dipole_z(x, y, z) AS dz,
        greatest(dx * dx + dy * dy, 1e-9) AS wide,
        radius / (6371.2 * wide) AS shell,
        sqrt(6471.2 / radius) AS narrow,
        sqrt(1 - narrow * narrow * wide) AS high,
        shell <= 12 OR (radius < 12742 AND dz >= 0) AS has_north,
        shell <= 12 OR (radius < 12742 AND dz < 0) AS has_south,
        (dx * dipole_x(xx, xy, xz) + dy * dipole_y(xx, xy))
            / sqrt(wide * (1 - power(dipole_z(xx, xy, xz), 2))) AS noon,
        x * xx + y * xy + z * xz AS sunward,
        x * yx + y * yy + z * yz AS duskward,
        x * zx + y * zy + z * zz AS northward
    FROM places
)
SELECT
    identifier,
    epoch,
    latitude(z) AS geo_lat,
    longitude(x, y) AS geo_lon,
    latitude(northward) AS gsm_lat,
    longitude(sunward, duskward) AS gsm_lon,
    if(has_north, latitude(earth_z(narrow * dx, high)), NULL) AS north_lat,
    if(has_north, longitude(earth_x(narrow * dx, narrow * dy, high), earth_y(narrow * dx, narrow * dy, high)), NULL)
        AS north_lon,
    if(has_south, latitude(earth_z(narrow * dx, -high)), NULL) AS south_lat,
    if(has_south, longitude(earth_x(narrow * dx, narrow * dy, -high), earth_y(narrow * dx, narrow * dy, -high)), NULL)
        AS south_lon,
    region('north', degrees(asin(high)), noon) AS north_region,
    region('south', degrees(asin(high)), noon) AS south_region,
    region(if(dz >= 0, 'north', 'south'), degrees(asin(dz)), noon) AS radial_region,
    space_region(
        radius / 6371.2 * sunward, radius / 6371.2 * sqrt(1 - sunward * sunward), radius / 6371.2 * northward, shell
    ) AS space_region,
    datediff('minute', TIMESTAMP '2008-01-01', epoch) // 120 AS block,
    hour(epoch) % 2 = 1 OR minute(epoch) >= 5 AS is_switched_on,
    if(craft.program = 'swarm' AND (block + identifier) % 3 != 0, is_switched_on::INTEGER, NULL) AS tii,
    -- Everything the metadata depend on.
    concat_ws(
        '|', radius, has_north, has_south, north_region, radial_region, space_region, tii, if(tii IS NULL, 0, block % 4)
    ) AS state
FROM magnetic;

-- The metadata of each state, made once; what is null in them is left out.
CREATE TEMP TABLE states AS
SELECT
    state,
    row_number() OVER (ORDER BY state) AS number,
    json_merge_patch('{}', {
        'state': 'definitive',
        'radial_distance': round(6371.2 + any_value(altitude), 1),
        'nbtrace_region': any_value(if(north_lat IS NULL, NULL, north_region)),
        'sbtrace_region': any_value(if(south_lat IS NULL, NULL, south_region)),
        'radial_trace_region': any_value(radial_region),
        'spacecraft_region': any_value(space_region),
        'tii_on': any_value(tii = 1),
        'tii_quality_vixh': any_value(if(tii IS NULL, NULL, 0)),
        'tii_quality_vixv': any_value(if(tii IS NULL, NULL, (block % 4 = 1)::INTEGER)),
        'tii_quality_viy': any_value(if(tii IS NULL, NULL, 0)),
        'tii_quality_viz': any_value(if(tii IS NULL, NULL, (block % 4 = 3)::INTEGER))
    }::JSON)::VARIANT AS metadata
FROM passes JOIN orbits USING (identifier)
GROUP BY state;

INSERT INTO ephemeris
SELECT
    identifier, epoch, geo_lat, geo_lon, gsm_lat, gsm_lon, north_lat, north_lon, south_lat, south_lon, number
FROM passes JOIN states USING (state);

-- A site's two footprints.
CREATE TEMP TABLE feet AS
WITH directions AS (
    SELECT
        platform,
        latitude,
        longitude,
        cos(radians(latitude)) * cos(radians(longitude)) AS x,
        cos(radians(latitude)) * sin(radians(longitude)) AS y,
        sin(radians(latitude)) AS z,
        dipole_x(x, y, z) AS dx,
        dipole_y(x, y) AS dy,
        -dipole_z(x, y, z) AS dz
    FROM sites
), conjugates AS (
    SELECT
        *,
        latitude(earth_z(dx, dz)) AS other_latitude,
        longitude(earth_x(dx, dy, dz), earth_y(dx, dy, dz)) AS other_longitude
    FROM directions
)
SELECT
    platform,
    latitude,
    longitude,
    if(latitude >= 0, latitude, other_latitude) AS north_lat,
    if(latitude >= 0, longitude, other_longitude) AS north_lon,
    if(latitude >= 0, other_latitude, latitude) AS south_lat,
    if(latitude >= 0, other_longitude, longitude) AS south_lon
FROM conjugates;

-- The dark part of each hour of a site, and what was made of its images. `chance` and `sky` are below 10,000.
CREATE TEMP TABLE hours AS
WITH dark AS (
    SELECT "day", identifier, platform, program, dusk, dawn, first_day, last_day + INTERVAL 1 DAY AS "end"
    FROM nights
    JOIN data_sources USING (identifier)
    JOIN days ON "day" BETWEEN first_day AND last_day + INTERVAL 1 DAY
    WHERE program IN ('themis-asi', 'rego') OR (program = 'trex' AND instrument_type = 'RGB ASI')
        OR (every_orbit AND program IN ('amisr', 'campaigns', 'go-canada'))
), dark_hours AS (
    SELECT *, unnest(generate_series(date_trunc('hour', dusk), dawn, INTERVAL 1 HOUR)) AS "hour"
    FROM dark
), drawn AS (
    SELECT
        *,
        concat_ws('|', 3919, identifier, strftime("hour", '%Y%m%d')) AS seed,
        md5_number_lower(concat_ws('|', seed, 'sky', hour("hour") // 6)) % 10_000 AS sky,
        md5_number_lower(concat_ws('|', seed, 'hour', hour("hour"))) % 10_000 AS chance,
        chance >= 300 AS is_classified,
        sky < 5500 AS cloudy,
        NOT cloudy AND chance % 8 = 0 AS pulsating,
        CASE
            WHEN NOT is_classified THEN 'not classified'
            WHEN cloudy THEN 'classified as cloudy'
            ELSE 'classified as not cloudy'
        END AS cloud,
        CASE
            WHEN NOT is_classified THEN 'not classified'
            WHEN pulsating THEN 'classified as APA'
            ELSE 'classified as not APA'
        END AS apa
    FROM dark_hours
    WHERE "hour" >= first_day AND "hour" < "end"
)
SELECT
    "day",
    identifier,
    platform,
    greatest("hour", dusk) AS dusk,
    least("hour" + INTERVAL 59 MINUTE, dawn) AS dawn,
    if(program = 'themis-asi', 1_000_000 + row_number() OVER (ORDER BY "day", identifier, "hour"), NULL) AS number,
    json_merge_patch('{}', {
        'ml_cloud_v1': CASE
            WHEN is_classified AND "hour" < TIMESTAMP '2020-01-01'
                THEN if(cloudy, 'classified as cloud', 'not classified as cloud')
        END,
        'calgary_cloud_ml_v1': cloud,
        'calgary_cloud_ml_v1_confidence': if(is_classified, 100 - (chance % 4000) / 100, NULL),
        'calgary_apa_ml_v1': apa,
        'calgary_apa_ml_v1_confidence':
            CASE WHEN is_classified THEN if(pulsating, 100 - (sky % 2500) / 100, 100.0) END,
        'ucalgary_themis_cloud_ml_v2': cloud,
        'ucalgary_themis_cloud_ml_v2_confidence': if(is_classified, 100 - (chance % 4000) / 400, NULL),
        'ucalgary_themis_apa_ml_v2': apa,
        'ucalgary_themis_apa_ml_v2_confidence':
            CASE WHEN is_classified THEN if(pulsating, 100 - (sky % 2500) / 500, 100.0) END,
        'clausen_ml_oath': CASE
            WHEN NOT is_classified THEN 'not classified'
            WHEN cloudy THEN 'classified as cloudy'
            WHEN chance % 5 = 0 THEN 'classified as arc'
            WHEN chance % 5 = 1 THEN 'classified as diffuse'
            WHEN chance % 5 = 2 THEN 'classified as discrete'
            WHEN chance % 5 = 3 THEN 'classified as moon'
            ELSE 'classified as no aurora'
        END
    }::JSON)::VARIANT AS metadata
FROM drawn;

-- Night by night and site by site, which takes far less room than minute by minute.
INSERT INTO ephemeris
WITH ordered AS (
    SELECT * FROM hours JOIN feet USING (platform) ORDER BY "day", identifier, dusk
)
SELECT
    identifier,
    unnest(generate_series(dusk, dawn, INTERVAL 1 MINUTE)),
    latitude, longitude, NULL, NULL, north_lat, north_lon, south_lat, south_lon, number
FROM ordered;

INSERT INTO ephemeris
WITH hourly AS (
    SELECT
        unnest(generate_series(first_day, last_day + INTERVAL 23 HOUR, INTERVAL 1 HOUR)) AS "hour",
        md5_number_lower(strftime("hour", '%Y%m%d%H')) AS digest,
        "hour" + to_minutes((digest % 60)::BIGINT) AS epoch,
        radians(67 + digest // 60 % 21 / 10) AS latitude
    FROM (FROM days ORDER BY first_day)
), onsets AS (
    -- Away from the sun, in the frame of the dipole.
    SELECT
        epoch,
        sqrt(1 - power(dipole_z(xx, xy, xz), 2)) AS flat,
        -cos(latitude) * dipole_x(xx, xy, xz) / flat AS dx,
        -cos(latitude) * dipole_y(xx, xy) / flat AS dy,
        sin(latitude) AS dz
    FROM hourly JOIN minutes USING (epoch)
), placed AS (
    SELECT
        epoch,
        latitude(earth_z(dx, dz)) AS lat,
        longitude(earth_x(dx, dy, dz), earth_y(dx, dy, dz)) AS lon,
        latitude(earth_z(dx, -dz)) AS south_lat,
        longitude(earth_x(dx, dy, -dz), earth_y(dx, dy, -dz)) AS south_lon
    FROM onsets
)
SELECT identifier, epoch, lat, lon, NULL, NULL, lat, lon, south_lat, south_lon, NULL
FROM placed CROSS JOIN data_sources
WHERE program = 'events' AND instrument_type = 'substorm onset'
ORDER BY epoch;

INSERT INTO ephemeris
SELECT
    identifier, unnest(generate_series(first_day, last_day, INTERVAL 1 DAY)) + INTERVAL 10 HOUR,
    latitude, longitude, NULL, NULL, north_lat, north_lon, south_lat, south_lon, NULL
FROM days, data_sources JOIN feet USING (platform)
WHERE every_product AND program = 'events' AND instrument_type = 'STEVE'
ORDER BY 2;

INSERT INTO ephemeris_metadata
SELECT number, metadata FROM states
UNION ALL SELECT number, metadata FROM hours WHERE number IS NOT NULL
ORDER BY number;
