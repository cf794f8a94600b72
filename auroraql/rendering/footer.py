"""Short texts about a result: footer, origin and count."""

from __future__ import annotations

from auroraql.diagnostics.errors import make_visible
from auroraql.results.result_set import ResultSet
from auroraql.schema import KINDS


def format_footer(result: ResultSet) -> str:
    """Return row count, elapsed time and archive."""
    rows = "" if result.is_report else f"{len(result):,} row{'' if len(result) == 1 else 's'} · "
    return f"{rows}{_format_elapsed(result.elapsed)} · {describe_origin(result)}"


def describe_origin(result: ResultSet) -> str:
    """Return the archive's name."""
    return make_visible(result.archive) + (" (demonstration data)" if result.demonstration else "")


def format_count(result: ResultSet) -> str:
    """Return the number of rows with the title of their kind."""
    kind = KINDS.get(result.plan.query.kind)
    plain = kind is None or result.plan.query.is_aggregate or result.plan.query.distinct
    title = "rows" if kind is None or plain else kind.title.lower()
    return f"{len(result):,} {title.removesuffix('s') if len(result) == 1 else title}"


def _format_elapsed(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
