"""A search as a Jupyter notebook: the statement in a cell, its rows as a DataFrame, and a picture."""

from __future__ import annotations

from typing import Any

from auroraql.ir.query import Query
from auroraql.schema import KINDS

_PICTURE_HEADING = "The records of each source over time:"


def write_notebook(query: Query, statement: str) -> dict[str, Any]:
    """Return the notebook (nbformat 4.5) of a query. `statement` is its canonical text."""
    cells = [
        _markdown("# AuroraQL\n\nRun the cells in order. `%load_ext auroraql` opens the archive of your settings."),
        _code("%load_ext auroraql"),
        _code(f"%%auroraql -o result\n{statement}"),
        _code("result"),
        _code(f"frame = result.to_pandas(flat={query.kind in KINDS and not query.is_aggregate})\nframe.head()"),
    ]
    if not query.is_aggregate:
        cells += [_markdown(_PICTURE_HEADING), _code("result.timeline()")]
    for number, cell in enumerate(cells, 1):
        cell["id"] = f"cell-{number}"
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "id": "", "metadata": {}, "source": text, "execution_count": None, "outputs": []}
