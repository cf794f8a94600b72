"""Registry of pictures by name, read by commands, options, help and messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest
from auroraql.pictures import figures
from auroraql.pictures.availability import create_availability, read_counted_days
from auroraql.pictures.distances import create_distances
from auroraql.pictures.keograms import create_keograms
from auroraql.pictures.maps import create_map
from auroraql.pictures.picture import Picture, PictureModel, Renderers
from auroraql.pictures.svg.availability import draw_availability
from auroraql.pictures.svg.distances import draw_distances
from auroraql.pictures.svg.keograms import draw_keograms
from auroraql.pictures.svg.maps import draw_map
from auroraql.pictures.svg.timeline import draw_timeline
from auroraql.pictures.text.availability import render_availability
from auroraql.pictures.text.distances import render_distances
from auroraql.pictures.text.keograms import render_keograms
from auroraql.pictures.text.maps import render_map
from auroraql.pictures.text.timeline import render_timeline
from auroraql.pictures.timeline import create_timeline
from auroraql.results.result_set import ResultSet


@dataclass(frozen=True, slots=True)
class PictureKind:
    """A picture: its name, what it shows, and the functions that compute its model and render it."""

    name: str
    doc: str
    create: Callable[..., PictureModel]
    renderers: Renderers


PICTURES = {
    kind.name: kind
    for kind in (
        PictureKind(
            "timeline", "the records of each source over time", create_timeline,
            Renderers(draw_timeline, render_timeline, figures.plot_timeline),
        ),
        PictureKind(
            "availability", "the number of records of each source and day", create_availability,
            Renderers(draw_availability, render_availability, figures.plot_availability),
        ),
        PictureKind(
            "distances", "the smallest distance of each conjunction over time, by pair", create_distances,
            Renderers(draw_distances, render_distances, figures.plot_distances),
        ),
        PictureKind(
            "map", "sites, footprint tracks and closest approaches", create_map,
            Renderers(draw_map, render_map, figures.plot_map),
        ),
        PictureKind(
            "keograms", "keograms stacked by site and day on one clock, with passes marked", create_keograms,
            Renderers(draw_keograms, render_keograms, figures.plot_keograms),
        ),
    )
}  # fmt: skip
"""Pictures by name."""


def get_picture_kind(name: str) -> PictureKind:
    """Return the picture called `name`. Raises UsageError with the known names."""
    kind = PICTURES.get(name.lower())
    if kind is None:
        matches = find_closest(name.lower(), PICTURES, 1)
        suggestion = f"did you mean {matches[0]}? " if matches else ""
        hint = f"{suggestion}the pictures are {', '.join(PICTURES)}"
        raise UsageError(f"unknown picture '{make_visible(name)}'", hint)
    return kind


def choose_picture(result: ResultSet) -> str:
    """Return the name of the picture that suits a result best."""
    names = {column.path[-1] if column.path else column.name for column in result.columns}
    if "min_distance" in names:
        return "distances"
    counts_days = read_counted_days(result, needs_sources=True) is not None
    return "availability" if counts_days else "timeline"


def create_picture(result: ResultSet, name: str, **options: Any) -> Picture:
    """Return a picture of a result. `options` are those of the picture. Raises UsageError if it does not have the data."""
    kind = get_picture_kind(name)
    return Picture(kind.name, kind.create(result, **options), kind.renderers)
