"""What is run: native AuroraX requests, and the residual that is done after them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from auroraql.errors import Diagnostic, Origin
from auroraql.query import Column, OrderKey, Predicate, Query, Tree


@dataclass(frozen=True, slots=True)
class Expression:
    """One metadata filter (OpenAPI `MetadataExpression`); `operator` is a schema name that has a wire form."""

    key: str
    operator: str
    values: tuple[str, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FilterGroup:
    """One flat metadata filter group (OpenAPI `MetadataExpressionGroup`); OR only with two or more."""

    expressions: tuple[Expression, ...] = ()
    operator: str = "AND"


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

    def listed(self, name: str) -> tuple[str, ...]:
        """The values of the list for one field; empty when it does not restrict."""
        return next((values for field_name, values in self.lists if field_name == name), ())


@dataclass(frozen=True, slots=True)
class Residual:
    """What is done to the fetched records: a predicate, ordering and cutting, then the columns asked for."""

    order_by: tuple[OrderKey, ...] = ()
    limit: int | None = None
    offset: int = 0
    select: tuple[Column, ...] | None = None
    where: Predicate | None = None

    def __bool__(self) -> bool:
        return bool(
            self.where is not None or self.order_by or self.limit is not None or self.offset or self.select is not None
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A query, the requests that fetch a superset of its rows, and the residual that makes them exact.

    An archive that runs a Query whole (the embedded one) may do so and skip the residual; the rows are
    the same. No request at all means that no data source can match: the answer is empty.
    """

    query: Query
    requests: tuple[Request, ...]
    residual: Residual = Residual()
    warnings: tuple[Diagnostic, ...] = ()
