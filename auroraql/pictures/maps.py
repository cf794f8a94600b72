"""Map: sites with their fields of view, tracks of footprints, and the closest approaches of conjunctions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite, radians, tan
from typing import Any

import numpy as np

from auroraql.diagnostics.errors import UsageError
from auroraql.pictures.distances import format_distance
from auroraql.pictures.geography import Projection, great_circle_distances, mean_place
from auroraql.pictures.row_reader import SOURCE_NAMES, source_name
from auroraql.pictures.timeline import format_moment, format_period
from auroraql.results.result_set import ResultColumn, ResultSet, Row
from auroraql.schema import Type
from auroraql.schema.kinds.conjunctions import TRACES

EMISSION_HEIGHT_KM, MIN_ELEVATION_DEGREES = 110, 10
FIELD_OF_VIEW_KM = EMISSION_HEIGHT_KM / tan(radians(MIN_ELEVATION_DEGREES))
"""Radius of an all-sky imager's field of view: where aurora at 110 km is 10 degrees above the horizon."""

LOCATIONS = {"nbtrace": "nbtrace", "sbtrace": "sbtrace", "geographic": "location_geo"}
"""Field of an ephemeris record with the place that each conjunction type compares."""

_MIN_RADIUS_KM = 700
_MARGIN = 1.12
_GAP = 3
"""A track ends where the time to the next point is longer than this many usual steps."""
_MAX_JUMP_KM = 4000
_MAX_TRACK_POINTS = 1500
_DESCRIBED = 12

Place = tuple[float, float]
"""Latitude and longitude in degrees."""


@dataclass(frozen=True, slots=True)
class Site:
    """A source on the ground. `has_view` is whether it is an imager with a field of view."""

    name: str
    place: Place
    has_view: bool


@dataclass(frozen=True, slots=True)
class Track:
    """Footprints of a source without a gap, in order of time."""

    name: str
    first: datetime
    last: datetime
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class ClosestApproach:
    """Line between two sources at the time of their smallest distance, in km. `row` is the index of the conjunction."""

    names: tuple[str, str]
    ends: tuple[Place, Place]
    when: datetime
    distance: float
    row: int

    @property
    def text(self) -> str:
        """The approach as text."""
        return f"{' – '.join(self.names)}: {format_distance(self.distance)}, {format_moment(self.when)}"


@dataclass(frozen=True, slots=True)
class Map:
    """Model of a map: `projection` is around its center, and `radius` the distance in km that it shows around it."""

    title: str
    projection: Projection
    radius: float
    sites: tuple[Site, ...]
    tracks: tuple[Track, ...]
    approaches: tuple[ClosestApproach, ...]

    @property
    def moving(self) -> tuple[str, ...]:
        """Names of the sources that have tracks."""
        return tuple(dict.fromkeys(track.name for track in self.tracks))

    @property
    def description(self) -> str:
        """Summary of the map, for readers who do not see it."""
        sites = [f"{site.name} at {_format_place(site.place)}" for site in self.sites[:_DESCRIBED]]
        approaches = [approach.text for approach in self.approaches[:_DESCRIBED]]
        parts = (
            f"Sites: {', '.join(sites)}." if sites else "",
            f"Footprints of {', '.join(self.moving[:_DESCRIBED])}." if self.moving else "",
            f"Closest approaches: {'; '.join(approaches)}." if approaches else "",
        )
        return " ".join(filter(None, parts))


def _format_place(place: Place) -> str:
    lat, lon = place
    return f"{abs(lat):.1f}°{'S' if lat < 0 else 'N'} {abs(lon):.1f}°{'W' if lon < 0 else 'E'}"


@dataclass(frozen=True, slots=True)
class Passage:
    """A conjunction on a map: the names of a pair, the time and km of its smallest distance, and its row."""

    names: tuple[str, str]
    when: datetime
    distance: float
    row: int


@dataclass(slots=True)
class _Positions:
    """Positions of one source while the rows are read."""

    is_site: bool | None
    has_view: bool
    points: dict[datetime, Place] = field(default_factory=dict)


def create_map(
    positions: ResultSet, trace: str | None = None, passages: Sequence[Passage] = (), title: str = ""
) -> Map:
    """Return the model of a map of ephemeris records.

    `trace` is nbtrace, sbtrace or geographic, by default the first one with positions. Raises UsageError for a result
    without positions, and for another trace.
    """
    if trace is not None and trace not in LOCATIONS:
        raise UsageError(f"'{trace}' is not a trace", f"the traces are {', '.join(LOCATIONS)}")
    chosen, sources, missing = _read_positions(positions, trace)
    sites, tracks = _split_sources(sources)
    approaches = tuple(_place_passages(passages, sources))
    moments = [moment for source in sources.values() for moment in source.points]
    if not title:
        title = f"Positions of {len(sources):,} {'source' if len(sources) == 1 else 'sources'} by {LOCATIONS[chosen]}"
    notes = f"; {missing:,} records without a position" if missing else ""
    projection, radius = _choose_extent(sites, tracks, approaches)
    period = format_period(min(moments), max(moments))
    return Map(f"{title}, {period}, UTC{notes}", projection, radius, tuple(sites), tuple(tracks), approaches)


def _read_positions(positions: ResultSet, trace: str | None) -> tuple[str, dict[str, _Positions], int]:
    """Return the trace, the positions by source, and the number of records without one."""
    epoch = next((i for i, c in enumerate(positions.columns) if c.path == ("epoch",)), None)
    readers = {name: reader for name in TRACES if (reader := _place_reader(positions.columns, LOCATIONS[name]))}
    if trace is not None:
        readers = {name: reader for name, reader in readers.items() if name == trace}
    if epoch is None or not readers:
        field_names = ", ".join(LOCATIONS.values()) if trace is None else LOCATIONS[trace]
        raise UsageError("the result has no positions over time", f"run FIND ephemeris with epoch and {field_names}")
    names = _source_reader(positions.columns)
    for chosen, reader in readers.items():
        sources: dict[str, _Positions] = {}
        missing = 0
        for row in positions:
            place, when = reader(row), row[epoch]
            if place is None or not isinstance(when, datetime):
                missing += 1
                continue
            name, is_site, has_view = names(row)
            (sources.get(name) or sources.setdefault(name, _Positions(is_site, has_view))).points[when] = place
        if sources:
            return chosen, sources, missing
    raise UsageError("the result has no records with a position", "footprints may be NULL; try another trace")


def _place_reader(columns: Sequence[ResultColumn], name: str) -> Callable[[Row], Place | None] | None:
    """Return the function that reads a place: from two columns, or from an object. None without these columns."""
    paths = [column.path for column in columns]
    if (name, "lat") in paths and (name, "lon") in paths:
        lat, lon = paths.index((name, "lat")), paths.index((name, "lon"))
        return lambda row: _to_place(row[lat], row[lon])
    if (name,) in paths and columns[at := paths.index((name,))].type is Type.OBJECT:
        return lambda row: _to_place(row[at].get("lat"), row[at].get("lon")) if isinstance(row[at], dict) else None
    return None


def _to_place(lat: Any, lon: Any) -> Place | None:
    """Return a place; None for NULL, for numbers that are not finite, and for a latitude beyond the poles."""
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        return None
    if not isfinite(lat) or not isfinite(lon) or abs(lat) > 90:
        return None
    return float(lat), (float(lon) + 180) % 360 - 180


def _source_reader(columns: Sequence[ResultColumn]) -> Callable[[Row], tuple[str, bool | None, bool]]:
    """Return the function that reads a source's name, whether it is on the ground (None if unknown), and is an imager."""
    last_names = [column.path[-1] if column.path else column.name for column in columns]

    def index(name: str) -> int | None:
        return last_names.index(name) if name in last_names else None

    name_at = next((at for name in (*SOURCE_NAMES, "data_source") if (at := index(name)) is not None), None)
    whole_at, type_at, instrument_at = index("data_source"), index("source_type"), index("instrument_type")

    def read(row: Row) -> tuple[str, bool | None, bool]:
        whole = row[whole_at] if whole_at is not None and isinstance(row[whole_at], dict) else {}
        source_type = row[type_at] if type_at is not None else whole.get("source_type")
        instrument = row[instrument_at] if instrument_at is not None else whole.get("instrument_type")
        is_site = None if source_type is None else source_type == "ground"
        name = source_name(row[name_at]) if name_at is not None else "all"
        return name, is_site, instrument is None or str(instrument).endswith("ASI")

    return read


def _split_sources(sources: dict[str, _Positions]) -> tuple[list[Site], list[Track]]:
    """Return the sources on the ground, and the tracks of the others."""
    sites: list[Site] = []
    tracks: list[Track] = []
    for name, source in sources.items():
        places = list(source.points.values())
        is_site = source.is_site if source.is_site is not None else len(places) > 1 and len(set(places)) == 1
        if is_site:
            sites.append(Site(name, places[0], source.has_view))
        else:
            tracks += _split_track(name, sorted(source.points.items()))
    return sites, tracks


def _split_track(name: str, points: list[tuple[datetime, Place]]) -> Iterator[Track]:
    """Yield the parts of a track between gaps in time and jumps, such as those of a footprint that changes its line."""
    steps = [b[0] - a[0] for a, b in pairwise(points)]
    longest = sorted(steps)[len(steps) // 2] * _GAP if steps else timedelta()
    places = np.array([place for _, place in points])
    jumps = great_circle_distances(places[:-1, 0], places[:-1, 1], places[1:, 0], places[1:, 1])
    ends = [at + 1 for at, step in enumerate(steps) if step > longest or jumps[at] > _MAX_JUMP_KM]
    stride = max(len(points) // _MAX_TRACK_POINTS, 1)
    for start, end in zip([0, *ends], [*ends, len(points)], strict=True):
        part = points[start:end]
        shown = [*part[:-1:stride], part[-1]]
        yield Track(name, part[0][0], part[-1][0], tuple(place for _, place in shown))


def _place_passages(passages: Sequence[Passage], sources: dict[str, _Positions]) -> Iterator[ClosestApproach]:
    """Yield the passages of which the positions of both sources at the closest epoch are known."""
    for passage in passages:
        ends = [sources[name].points.get(passage.when) if name in sources else None for name in passage.names]
        if ends[0] is not None and ends[1] is not None:
            yield ClosestApproach(passage.names, (ends[0], ends[1]), passage.when, passage.distance, passage.row)


def _choose_extent(
    sites: Sequence[Site], tracks: Sequence[Track], approaches: Sequence[ClosestApproach]
) -> tuple[Projection, float]:
    """Return the projection around the sites, or around the tracks if there are none, and the radius to show."""
    anchors = [(site.place, FIELD_OF_VIEW_KM if site.has_view else 0.0) for site in sites]
    anchors += [(place, 0.0) for approach in approaches for place in approach.ends]
    anchors = anchors or [(place, 0.0) for track in tracks for place in track.places]
    lats, lons = [place[0] for place, _ in anchors], [place[1] for place, _ in anchors]
    projection = Projection(*mean_place(lats, lons))
    reach = projection.distances(lats, lons) + np.array([radius for _, radius in anchors])
    return projection, max(float(reach.max()) * _MARGIN, _MIN_RADIUS_KM)
