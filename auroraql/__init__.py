"""AuroraQL: a query language for AuroraX, the search engine of auroral science.

    import auroraql
    with auroraql.connect() as archive:
        result = archive.run("FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01")
        frame = result.to_pandas()

Public names are imported on first use, so that `import auroraql` is fast.
"""

from __future__ import annotations

__version__ = "0.2.0"

_PUBLIC = {
    "Archive": "auroraql.session.archive",
    "ArchiveError": "auroraql.diagnostics.errors",
    "AuroraQLError": "auroraql.diagnostics.errors",
    "AuroraQLWarning": "auroraql.diagnostics.errors",
    "Cancelled": "auroraql.diagnostics.errors",
    "Diagnostic": "auroraql.diagnostics.errors",
    "Failed": "auroraql.diagnostics.errors",
    "Refused": "auroraql.diagnostics.errors",
    "ResultSet": "auroraql.results.result_set",
    "Search": "auroraql.session.archive",
    "Source": "auroraql.diagnostics.errors",
    "StatementError": "auroraql.diagnostics.errors",
    "TimedOut": "auroraql.diagnostics.errors",
    "Unreachable": "auroraql.diagnostics.errors",
    "UsageError": "auroraql.diagnostics.errors",
    "check": "auroraql.language_service.editing",
    "complete": "auroraql.language_service.editing",
    "connect": "auroraql.session.archive",
    "explain": "auroraql.language_service.editing",
    "format_text": "auroraql.language_service.editing",
    "hover": "auroraql.language_service.editing",
    "parse": "auroraql.api",
    "parse_script": "auroraql.api",
    "translate": "auroraql.api",
}

_EXTENSION = ("load_ipython_extension", "unload_ipython_extension")
"""Functions that IPython calls for `%load_ext auroraql` and `%unload_ext auroraql`."""

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> object:
    if name in _EXTENSION:
        module = "auroraql.frontends.notebook.extension"
    elif name in _PUBLIC:
        module = _PUBLIC[name]
    else:
        raise AttributeError(f"module 'auroraql' has no attribute {name!r}")
    from importlib import import_module  # imported late: `auroraql.__version__` needs nothing

    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
