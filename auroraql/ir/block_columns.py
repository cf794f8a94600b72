"""Columns of criteria blocks: which source of a conjunction belongs to which block.

The records of conjunctions list their sources and do not name the blocks. A source fits a block by its type and by the
part of the block's predicate that depends on the source alone. A block takes the source at its own position in the list
if that source fits. As many blocks as possible get a source, and a block without one has missing values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from auroraql.ir.query import Block, Criteria, block_names
from auroraql.ir.source_evaluation import evaluate
from auroraql.schema import CONJUNCTIONS, Kind
from auroraql.schema.catalogue import DataSource
from auroraql.schema.kinds.conjunctions import (
    BLOCKS,
    SOURCES_FIELD,
    BlockColumn,
    conjunctions_of,
    takes_source_type,
    wire_name,
)
from auroraql.schema.source_fields import SOURCE_FIELDS

_ORDER = tuple(BLOCKS)


def block_columns(blocks: Iterable[tuple[str, str]]) -> tuple[BlockColumn, ...]:
    """Return the columns of blocks, given as kinds and aliases, in the order of query JSON.

    A column has the alias of its block, unless a field of the record or another block has this name. Otherwise the
    column has the number of the block: ground1, ground2, space1 ….
    """
    written = tuple(blocks)
    numbered = block_names(kind for kind, _ in written)
    on_wire = block_names(wire_name(kind) for kind, _ in written)
    taken = {name.casefold() for name in (*numbered, *on_wire)}
    columns = []
    for (kind, alias), number, wire in zip(written, numbered, on_wire, strict=True):
        is_free = alias and "." not in alias and alias.casefold() not in taken and CONJUNCTIONS.field(alias) is None
        name = alias if is_free else number
        taken.add(name.casefold())
        columns.append(BlockColumn(kind, name, tuple(dict.fromkeys(n for n in (number, wire) if n != name))))
    return tuple(sorted(columns, key=lambda column: _ORDER.index(column.kind)))


def kind_of_criteria(criteria: Criteria) -> Kind:
    """Return the kind of the conjunctions of criteria, with a column for each block."""
    columns = block_columns((block.kind, block.alias) for block in criteria.blocks)
    return _cached_kind(criteria, columns)


@lru_cache(maxsize=64)
def _cached_kind(criteria: Criteria, columns: tuple[BlockColumn, ...]) -> Kind:
    return conjunctions_of(columns, BlockMatcher(criteria.blocks, tuple(column.name for column in columns)))


@dataclass(frozen=True)
class BlockMatcher:
    """Function from a record to the sources of its blocks, by the names of their columns."""

    blocks: tuple[Block, ...]
    names: tuple[str, ...]
    _matches: dict[tuple[object, ...], tuple[int | None, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Index of the source of each block, by the identifiers of the sources of a record."""

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the source of each block. A block without a source is left out."""
        sources = [source for source in record.get(SOURCES_FIELD) or () if isinstance(source, dict)]
        key = tuple(source.get("identifier") for source in sources)
        match = self._matches.get(key)
        if match is None:
            match = self._match([_read_source(source) for source in sources])
            if None not in key:
                self._matches[key] = match
        return {name: sources[at] for name, at in zip(self.names, match, strict=True) if at is not None}

    def _match(self, sources: Sequence[DataSource]) -> tuple[int | None, ...]:
        """Return the index of the source of each block, for as many blocks as possible."""
        fitting = [[at for at, source in enumerate(sources) if fits_block(source, block)] for block in self.blocks]
        taken: dict[int, int] = {}

        def assign(block: int, tried: set[int]) -> bool:
            """Give a block a source. Blocks that have one may have to take another (Kuhn's algorithm)."""
            for at in fitting[block]:
                if at not in tried:
                    tried.add(at)
                    if at not in taken or assign(taken[at], tried):
                        taken[at] = block
                        return True
            return False

        for block in range(len(self.blocks)):
            in_order = block if block in fitting[block] and block not in taken else None
            if in_order is not None:
                taken[in_order] = block
            else:
                assign(block, set())
        places = {block: at for at, block in taken.items()}
        return tuple(places.get(block) for block in range(len(self.blocks)))


def fits_block(source: DataSource, block: Block) -> bool:
    """Return whether a block may take a source. Conditions on more than the source are ignored."""
    is_point = source.program == wire_name("location")
    if is_point or block.kind == "location":
        return is_point and block.kind == "location"
    has_type = not source.source_type or takes_source_type(block.kind, source.source_type)
    return has_type and evaluate(block.where, source, lambda _leaf: None) is not False


def _read_source(source: dict[str, Any]) -> DataSource:
    values = {f.bare: source.get(f.bare) for f in SOURCE_FIELDS}
    return DataSource(**{name: value if value is not None else "" for name, value in values.items()})  # type: ignore[arg-type]
