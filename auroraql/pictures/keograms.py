"""Keograms by day: a strip for each source and day on one clock, with the passes marked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auroraql.diagnostics.errors import UsageError
from auroraql.pictures.distances import format_distance
from auroraql.pictures.row_reader import create_row_reader, source_name
from auroraql.pictures.time_axis import DAY
from auroraql.results.result_set import ResultSet, Row

_MAX_IMAGE_BYTES, _MAX_EMBEDDED_BYTES = 8_000_000, 64_000_000
_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
"""First bytes of the images that a picture embeds, and their media types."""
_DESCRIBED = 12
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeogramImage:
    """An image file: its bytes and its media type, PNG or JPEG."""

    content: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class Keogram:
    """One product: the time it covers, the part in which the camera imaged, its URL, image and row index."""

    start: datetime
    end: datetime
    imaging: tuple[datetime, datetime] | None
    url: str
    image: KeogramImage | None
    row: int


@dataclass(frozen=True, slots=True)
class PassMark:
    """A pass: the time of its smallest distance, and its text."""

    when: datetime
    text: str


@dataclass(slots=True)
class Strip:
    """Keograms of one source and day, and the passes of that source on that day."""

    name: str
    day: datetime
    keograms: list[Keogram] = field(default_factory=list)
    marks: list[PassMark] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Name and day."""
        return f"{self.name}  {self.day:%Y-%m-%d}"

    def fraction(self, moment: datetime) -> float:
        """Return the part of the day that has passed at a time, from 0 to 1."""
        return min(max((moment - self.day) / ONE_DAY, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Keograms:
    """Model of the picture: the strips by source and day."""

    title: str
    strips: tuple[Strip, ...]
    note: str

    @property
    def description(self) -> str:
        """Summary of the strips, for readers who do not see the picture."""
        shown = [
            f"{strip.label}: {len(strip.keograms)} products, {len(strip.marks)} passes"
            for strip in self.strips[:_DESCRIBED]
        ]
        rest = len(self.strips) - len(shown)
        return f"{'; '.join(shown)}{f'; and {rest:,} more strips' if rest > 0 else ''}."


def create_keograms(
    result: ResultSet, passes: ResultSet | None = None, folder: str | os.PathLike[str] | None = None
) -> Keograms:
    """Return the model of the keograms of a result of data products.

    `passes` is a result of conjunctions, whose times are marked on the strips of their sources. With `folder`, the files
    are downloaded into it, unless it has them, and their images are part of the picture. Raises UsageError for a result
    without times, and the errors of `ResultSet.download`.
    """
    reader = create_row_reader(result)
    names = [column.path[-1] if column.path else column.name for column in result.columns]
    images = _Images(result, folder)
    strips: dict[tuple[str, datetime], Strip] = {}
    for number, row in enumerate(result):
        when = reader.time_range(row)
        values = dict(zip(names, row, strict=True))
        if when is None or not _is_keogram(values):
            continue
        name, day = reader.sources(row)[0], DAY.floor(when[0])
        url = values.get("url") if isinstance(values.get("url"), str) else ""
        keogram = Keogram(*when, _imaging_time(values), url or "", images.find(url or ""), number)
        strips.setdefault((name, day), Strip(name, day)).keograms.append(keogram)
    if not strips:
        raise UsageError(
            "the result has no keograms with a time", "run FIND data_products WHERE keogram_type = 'daily'"
        )
    marked = _add_passes(strips, passes, _platforms(result, names, reader.sources)) if passes is not None else 0
    ordered = sorted(strips.values(), key=lambda strip: (strip.name, strip.day))
    title = f"Keograms by site and day ({len(ordered):,} strips)"
    passes_note = f" with {marked:,} passes" if passes is not None else ""
    return Keograms(f"{title}{passes_note}, UTC", tuple(ordered), images.note)


def _is_keogram(values: dict[str, Any]) -> bool:
    """Return whether a row is a keogram, as far as its columns tell."""
    metadata = values.get("metadata")
    if values.get("data_product_type") is not None:
        return bool(values["data_product_type"] == "keogram")
    return not isinstance(metadata, dict) or not metadata or "keogram_type" in metadata


def _imaging_time(values: dict[str, Any]) -> tuple[datetime, datetime] | None:
    """Return when the camera imaged, from the metadata or from columns."""
    metadata = values.get("metadata")
    source = metadata if isinstance(metadata, dict) else values
    times = [_to_time(source.get(f"imaging_{end}_time")) for end in ("start", "end")]
    return (times[0], times[1]) if times[0] is not None and times[1] is not None and times[0] <= times[1] else None


def _to_time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None) if isinstance(value, str) else None
    except ValueError:
        return None


class _Images:
    """Images of the files in a download folder. Without a folder there are none."""

    def __init__(self, result: ResultSet, folder: str | os.PathLike[str] | None) -> None:
        self._paths: dict[str, Path] = {}
        self._embedded = 0
        self.note = ""
        if folder is not None:
            report = result.download(folder)
            self._paths = {file.url: file.path for file in report.files}
            self.note = f"{len(report.failed):,} files could not be downloaded" if report.failed else ""

    def find(self, url: str) -> KeogramImage | None:
        """Return the image of a URL; None if it is not there, not an image, or too large to embed."""
        path = self._paths.get(url.partition("#")[0].strip())
        if path is None:
            return None
        size = path.stat().st_size
        if size > _MAX_IMAGE_BYTES or self._embedded + size > _MAX_EMBEDDED_BYTES:
            self.note = "some images are too large for the picture"
            return None
        self._embedded += size
        return to_image(path.read_bytes())


def to_image(content: bytes) -> KeogramImage | None:
    """Return a file's content as an image, or None if it is neither PNG nor JPEG."""
    media_type = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)
    return KeogramImage(content, media_type) if media_type is not None else None


def _platforms(result: ResultSet, names: list[str], sources: Any) -> dict[str, set[str]]:
    """Return the other names of each source of the products: its platforms."""
    platforms: dict[str, set[str]] = {}
    at = names.index("platform") if "platform" in names else None
    for row in result:
        name = sources(row)[0]
        platforms.setdefault(name, {name}).update({source_name(row[at])} if at is not None else ())
    return platforms


def _add_passes(strips: dict[tuple[str, datetime], Strip], passes: ResultSet, names: dict[str, set[str]]) -> int:
    """Mark each pass on the strips of its sources. Return the number of passes that are marked."""
    reader = create_row_reader(passes)
    last_names = [column.path[-1] if column.path else column.name for column in passes.columns]
    closest = last_names.index("closest_epoch") if "closest_epoch" in last_names else reader.start
    distance = last_names.index("min_distance") if "min_distance" in last_names else None
    marked = 0
    for row in passes:
        when = row[closest]
        if not isinstance(when, datetime):
            continue
        sources = set(_names_of_pass(row))
        length = row[distance] if distance is not None else None
        text = " – ".join(reader.sources(row)) + (f", {format_distance(length)}" if length is not None else "")
        mark = PassMark(when, f"{text}, {when:%H:%M}")
        hits = [strip for (name, day), strip in strips.items() if day == DAY.floor(when) and names[name] & sources]
        for strip in hits:
            strip.marks.append(mark)
        marked += bool(hits)
    return marked


def _names_of_pass(row: Row) -> Iterator[str]:
    """Yield all texts of a row, and all members of its sources: one of them is the name of the site."""
    for value in row:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from (source_name(member) for member in item.values() if isinstance(member, str))
            elif isinstance(item, str):
                yield source_name(item)
