"""Plan: the native AuroraX requests of a query, and the post-processing of their records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

import msgspec

from auroraql.diagnostics.errors import Diagnostic, LocatedValue, Origin
from auroraql.ir.block_columns import kind_of_criteria
from auroraql.ir.query import (
    EVERYTHING,
    Column,
    GroupKey,
    Interval,
    OrderKey,
    Predicate,
    Query,
    Tree,
    Using,
    block_names,
    has_expressions,
    is_aggregate,
)
from auroraql.schema import KINDS, Kind
from auroraql.schema.kinds.conjunctions import wire_name
from auroraql.schema.operators import Op


def record_kind(query: Query) -> Kind:
    """Return the kind of a query's records. Conjunctions have a column for each block of the query."""
    return KINDS[query.kind] if query.criteria is None else kind_of_criteria(query.criteria)


class Expression(LocatedValue, frozen=True):
    """Metadata filter (OpenAPI `MetadataExpression`). AuroraX supports its `operator`."""

    key: str
    operator: Op
    values: tuple[str, ...]
    origin: Origin = None


class FilterGroup(msgspec.Struct, frozen=True):
    """Flat group of metadata filters (OpenAPI `MetadataExpressionGroup`). It is an OR only with two or more filters."""

    expressions: tuple[Expression, ...] = ()
    operator: str = "AND"


NO_FILTERS = FilterGroup()


class BlockRequest(msgspec.Struct, frozen=True):
    """Criteria block of a request: lists by the bare name of their field, filters, or points in degrees."""

    kind: str
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    filters: FilterGroup = NO_FILTERS
    points: tuple[tuple[Decimal, Decimal], ...] = ()

    def list_values(self, name: str) -> tuple[str, ...]:
        """Return the values of the list for a field, or () if the field is not restricted."""
        return next((values for field_name, values in self.lists if field_name == name), ())


class CriteriaRequest(msgspec.Struct, frozen=True):
    """Criteria of a conjunction request; see `ir.query.Criteria`.

    Distances are whole km, except in a query that is described but not run.
    """

    blocks: tuple[BlockRequest, ...]
    distances: tuple[int | Decimal | None, ...]
    via: tuple[str, ...]
    subminute: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the blocks, numbered by kind, as in query JSON: ground1, space1, adhoc1 …."""
        return block_names(wire_name(block.kind) for block in self.blocks)

    @property
    def pairs(self) -> tuple[str, ...]:
        """Names of the pairs of blocks, in the order of `distances`: ground1-space1 …."""
        return tuple("-".join(pair) for pair in combinations(self.names, 2))


@dataclass(frozen=True, slots=True)
class Request:
    """Native search request of AuroraX. An empty list and a bound None do not restrict it.

    `lists` are the lists of the query by the bare name of their field (program, data_product_type …).
    """

    kind: str
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    filters: FilterGroup = NO_FILTERS
    start: datetime | None = None
    end: datetime | None = None
    response_format: Tree | None = field(default=None, hash=False)
    criteria: CriteriaRequest | None = None

    def list_values(self, name: str) -> tuple[str, ...]:
        """Return the values of the list for a field, or () if the field is not restricted."""
        return next((values for field_name, values in self.lists if field_name == name), ())


class PostProcessing(msgspec.Struct, frozen=True):
    """Post-processing of the fetched records: intervals and predicate, groups, order, limit, then columns.

    `during` and `using` are those of the query.
    """

    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0
    select: tuple[Column, ...] | None = None
    where: Predicate | None = None
    distinct: bool = False
    group_by: tuple[GroupKey, ...] = ()
    during: tuple[Interval, ...] | None = None
    using: Using | None = None
    having: Predicate = EVERYTHING

    def __bool__(self) -> bool:
        return self != NO_POST_PROCESSING

    @property
    def is_aggregate(self) -> bool:
        """Whether a result row is computed from several records."""
        return is_aggregate(self.group_by, self.select, self.having)

    @property
    def has_expressions(self) -> bool:
        """Whether a column or a sort key is an expression."""
        return has_expressions(self.select, self.order_by)


NO_POST_PROCESSING = PostProcessing()

SourceFacts = Mapping[str, Mapping[int, Any]]
"""Values of joined fields, by the dotted name of the field and the identifier of the source."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a query: requests that fetch a superset of its rows, and post-processing that makes them exact.

    An engine that can run a whole Query, such as the embedded one, may ignore the requests and the post-processing. Its
    rows are the same. A plan without requests has an empty result, because no data source can match.
    """

    query: Query
    requests: tuple[Request, ...]
    post_processing: PostProcessing = NO_POST_PROCESSING
    warnings: tuple[Diagnostic, ...] = ()
    unsayable: tuple[Diagnostic, ...] = ()
    """Reasons why AuroraX's requests cannot express the query. Engines that run whole queries ignore them."""
    counted: bool = False
    """Whether the result is only the number of records of the single request."""
    window_from: tuple[str, ...] = ()
    """Descriptions of what set the windows of the requests: the window clause, comparisons, the archive's records."""
    source_facts: SourceFacts = field(default_factory=dict, hash=False, repr=False)
    """Values of the joined fields of the query. They are set when the plan is run."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing can match, so that no request is needed."""
        return not self.requests and not self.unsayable
