"""What is run: native AuroraX requests, and the residual that is done after them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import combinations

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.ir.query import Column, Interval, OrderKey, Predicate, Query, Ref, Tree, Using, block_names
from auroraql.schema.kinds.conjunctions import wire_name
from auroraql.schema.operators import Op


@dataclass(frozen=True, slots=True)
class Expression:
    """One metadata filter (OpenAPI `MetadataExpression`); `operator` is a schema name that has a wire form."""

    key: str
    operator: Op
    values: tuple[str, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FilterGroup:
    """One flat metadata filter group (OpenAPI `MetadataExpressionGroup`); OR only with two or more."""

    expressions: tuple[Expression, ...] = ()
    operator: str = "AND"


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """One criteria block as AuroraX has it: lists by the bare name of their field, filters, or points in degrees."""

    kind: str
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    filters: FilterGroup = FilterGroup()
    points: tuple[tuple[Decimal, Decimal], ...] = ()

    def list_values(self, name: str) -> tuple[str, ...]:
        """The values of the list for one field; empty when it does not restrict."""
        return next((values for field_name, values in self.lists if field_name == name), ())


@dataclass(frozen=True, slots=True)
class CriteriaRequest:
    """What a request for conjunctions has besides its window. See `ir.query.Criteria`; limits are whole km, but for a
    query that is described and not run."""

    blocks: tuple[BlockRequest, ...]
    distances: tuple[int | Decimal | None, ...]
    via: tuple[str, ...]
    subminute: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The blocks' names, numbered by kind, as query JSON has them: ground1, space1, adhoc1 …"""
        return block_names(wire_name(block.kind) for block in self.blocks)

    @property
    def pairs(self) -> tuple[str, ...]:
        """The names of each two blocks, in the order of `distances`: ground1-space1 …"""
        return tuple("-".join(pair) for pair in combinations(self.names, 2))


@dataclass(frozen=True, slots=True)
class Request:
    """One native search: what AuroraX is asked. Lists empty and bounds None mean no restriction.

    `lists` holds, by the bare name of its field (program, data_product_type …), each list of the query.
    """

    kind: str
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    filters: FilterGroup = FilterGroup()
    start: datetime | None = None
    end: datetime | None = None
    response_format: Tree | None = field(default=None, hash=False)
    criteria: CriteriaRequest | None = None

    def list_values(self, name: str) -> tuple[str, ...]:
        """The values of the list for one field; empty when it does not restrict."""
        return next((values for field_name, values in self.lists if field_name == name), ())


@dataclass(frozen=True, slots=True)
class PostProcessing:
    """What is done to the fetched records: intervals and a predicate, groups, order, a cut, then the columns.

    `during` and `using` are those of the query.
    """

    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0
    select: tuple[Column, ...] | None = None
    where: Predicate | None = None
    distinct: bool = False
    group_by: tuple[Ref, ...] = ()
    during: tuple[Interval, ...] | None = None
    using: Using | None = None

    def __bool__(self) -> bool:
        return self != PostProcessing()

    @property
    def is_aggregate(self) -> bool:
        """Whether a row of the result is made of several records."""
        return bool(self.group_by) or any(column.function for column in self.select or ())


@dataclass(frozen=True, slots=True)
class Plan:
    """A query, the requests that fetch a superset of its rows, and the residual that makes them exact.

    An archive that runs a Query whole (the embedded one) may do so and skip the residual; the rows are
    the same. No request at all means that no data source can match: the answer is empty.
    """

    query: Query
    requests: tuple[Request, ...]
    post_processing: PostProcessing = PostProcessing()
    warnings: tuple[Diagnostic, ...] = ()
    unsayable: tuple[Diagnostic, ...] = ()
    """Why no requests of AuroraX's can find it; an archive that runs queries whole can."""
    counted: bool = False
    """Whether all that is asked is how many records the one request finds."""
    window_from: tuple[str, ...] = ()
    """What gave the requests their windows, for people: the window clause, comparisons, what the archive holds."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing can match, so that no archive need be asked."""
        return not self.requests and not self.unsayable
