"""Geography of maps: an equal-area projection, circles and great circles on a sphere, and land areas.

Latitudes and longitudes are in degrees, distances in km on a sphere of the mean radius of the earth.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from auroraql.schema.model import EARTH_RADIUS_KM

Floats = npt.NDArray[np.float64]

_NEAR_ANTIPODE = 1e-9

_REFINED_KM, _REFINEMENT = 18_500, 24
"""Distance from the center beyond which outlines get more points, and points for one."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Lambert's azimuthal equal-area projection around a center. The antipode of the center has no place of its own."""

    lat: float
    lon: float

    def project(self, lat: Any, lon: Any) -> tuple[Floats, Floats]:
        """Return the distances east and north of the center on the map, in km."""
        phi, lam = np.radians(np.asarray(lat, float)), np.radians(np.asarray(lon, float) - self.lon)
        phi0 = np.radians(self.lat)
        cosine = np.sin(phi0) * np.sin(phi) + np.cos(phi0) * np.cos(phi) * np.cos(lam)
        scale = EARTH_RADIUS_KM * np.sqrt(2 / np.maximum(1 + cosine, _NEAR_ANTIPODE))
        east = scale * np.cos(phi) * np.sin(lam)
        north = scale * (np.cos(phi0) * np.sin(phi) - np.sin(phi0) * np.cos(phi) * np.cos(lam))
        return east, north

    def distances(self, lat: Any, lon: Any) -> Floats:
        """Return the distances from the center along the sphere, in km."""
        return great_circle_distances(self.lat, self.lon, lat, lon)


MAX_MAP_RADIUS = 2 * EARTH_RADIUS_KM
"""Radius of the whole sphere on a map, in km."""


def map_radius(distance: float) -> float:
    """Return the radius on the map of a circle around the center, given the distance along the sphere."""
    return float(2 * EARTH_RADIUS_KM * np.sin(min(distance / EARTH_RADIUS_KM, np.pi) / 2))


def great_circle_distances(lat: Any, lon: Any, lats: Any, lons: Any) -> Floats:
    """Return the distances between places along the sphere, in km. Arrays give the distance of each pair."""
    a = _unit_vectors(np.asarray(lat, float), np.asarray(lon, float))
    b = _unit_vectors(np.asarray(lats, float), np.asarray(lons, float))
    chord = np.linalg.norm(b - a, axis=-1)
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.clip(chord / 2, 0, 1)))


def mean_place(lats: Sequence[float], lons: Sequence[float]) -> tuple[float, float]:
    """Return the center of places: the direction of their mean. Places that are spread evenly have the north pole."""
    x, y, z = _unit_vectors(np.array(lats, float), np.array(lons, float)).mean(axis=0)
    if x * x + y * y + z * z < _NEAR_ANTIPODE:
        return 90.0, 0.0
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))


def circle_around(lat: float, lon: float, radius: float, points: int = 73) -> tuple[Floats, Floats]:
    """Return the latitudes and longitudes of a circle, closed, with a radius in km."""
    bearing = np.linspace(0, 2 * np.pi, points)
    phi, distance = np.radians(lat), radius / EARTH_RADIUS_KM
    lats = np.arcsin(np.clip(np.sin(phi) * np.cos(distance) + np.cos(phi) * np.sin(distance) * np.cos(bearing), -1, 1))
    lons = np.radians(lon) + np.arctan2(
        np.sin(bearing) * np.sin(distance) * np.cos(phi), np.cos(distance) - np.sin(phi) * np.sin(lats)
    )
    return np.degrees(lats), np.degrees(lons)


def _unit_vectors(lat: Floats, lon: Floats) -> Floats:
    phi, lam = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


@cache
def load_land() -> tuple[tuple[Floats, bool], ...]:
    """Return the outlines of land areas: longitudes and latitudes, and whether it is a hole, a lake; see LAND.md."""
    topology = json.loads((Path(__file__).parent / "land_110m.json").read_text("utf-8"))
    scale, shift = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    arcs = [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in topology["arcs"]]
    rings = []
    for geometry in topology["objects"]["land"]["geometries"]:
        for polygon in geometry["arcs"]:
            # A negative index is the complement of an arc's index, and means the arc backwards.
            outlines = [np.concatenate([arcs[at] if at >= 0 else arcs[~at][::-1] for at in ring]) for ring in polygon]
            rings += [(outline, number > 0) for number, outline in enumerate(outlines)]
    return tuple(rings)


def project_land(projection: Projection, radius: float) -> list[tuple[Floats, Floats]]:
    """Return the outlines that reach within `radius` km of the map's center. Fill them by the even-odd rule.

    If the antipode of the center is on land, the rim of the sphere is among them.
    """
    outlines, rims = [], 0
    for ring, is_hole in load_land():
        points = _refine_near_antipode(ring, projection)
        east, north = projection.project(points[:, 1], points[:, 0])
        turns = _turns(east, north)
        # Land runs clockwise around the center, a hole counterclockwise. The reverse runs around the antipode.
        rims += round(turns) == (-1 if is_hole else 1)
        if round(turns) or np.min(np.hypot(east, north)) <= radius:
            outlines.append((east, north))
    if rims % 2:
        angle = np.linspace(0, 2 * np.pi, 181)
        outlines.append((MAX_MAP_RADIUS * np.cos(angle), MAX_MAP_RADIUS * np.sin(angle)))
    return outlines


def _refine_near_antipode(ring: Floats, projection: Projection) -> Floats:
    """Return an outline with more points near the antipode, which a straight line between two points would cut off."""
    lons, lats = ring[:, 0], ring[:, 1]
    is_near = projection.distances(lats, lons) > _REFINED_KM
    if not is_near.any():
        return ring
    counts = np.where(is_near[:-1] | is_near[1:], _REFINEMENT, 1)
    starts = np.repeat(np.arange(len(ring) - 1), counts)
    parts = np.concatenate([np.arange(count) / count for count in counts])
    change = np.diff(ring, axis=0)
    change[:, 0] = (change[:, 0] + 180) % 360 - 180
    refined = ring[starts] + change[starts] * parts[:, None]
    return np.concatenate([refined, ring[-1:]])


def _turns(east: Floats, north: Floats) -> float:
    """Return how often an outline runs around the center of the map, counterclockwise."""
    return float(np.diff(np.unwrap(np.arctan2(north, east))).sum() / (2 * np.pi))
