"""Benchmark of writing 10,000 records in each format, and of drawing them as a timeline.

Peers: pandas for text formats, and plain msgspec for the JSON of the same records of real products.
"""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from functools import partial

import msgspec

import auroraql
from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.pictures.text.timeline import render_timeline
from auroraql.pictures.timeline import create_timeline
from auroraql.rendering import FORMATS, render_result
from auroraql.rendering.text_output import RenderOptions
from auroraql.results.result_set import FetchedData, ResultSet, records_from_rows
from tests.bench.measure import best, line

COUNT = 10_000
BEGIN = datetime(2021, 1, 1)
URL = "https://data.phys.ucalgary.ca/sort_by_project/TREx/RGB/stream2/2021/01/01/20210101__gill_rgb-04_full-keogram.jpg"


def main() -> None:
    """Print every measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the best of several runs instead of one")
    runs = 3 if parser.parse_args().full else 1
    rows = [
        (BEGIN + timedelta(minutes=n), BEGIN + timedelta(minutes=n + 59), n % 100, "trex", f"site {n % 24}", "RGB ASI",
         "ground", f"TREx RGB {n % 24}", URL, "keogram", {"keogram_type": "hourly", "wavelength": 486.1})
        for n in range(COUNT)
    ]  # fmt: skip
    result = ResultSet(Plan(Query("data_products"), ()), FetchedData(rows=rows), archive="demo", elapsed=0.1)
    frame = result.to_pandas()
    beside = best(frame.to_string, runs)
    for name in FORMATS:
        ours = best(partial(_write_result, name, result), runs)
        line(f"10,000 records as {name} / pandas to_string", ours, beside, "<= 1 s")
    shown = best(lambda: "".join(render_result(result, "table", width=120, color=True, links=True)), runs)
    line("10,000 records on a terminal / pandas to_string", shown, beside, "<= 1 s")
    drawn = best(lambda: "".join(render_timeline(create_timeline(result), RenderOptions(120), 30)), runs)
    line("10,000 records over time", drawn, None, "<= 1 s")
    compare_json(runs)


def _write_result(name: str, result: ResultSet) -> int:
    """Write a result in a format and return the number of bytes."""
    return sum(map(len, FORMATS[name].encode_result(result)))


def compare_json(runs: int) -> None:
    """Compare the JSON of a month of demonstration products with msgspec on the same records, indented likewise."""
    with auroraql.connect() as archive:
        result = archive.run("FIND data_products DURING 2021-01")
    seconds = best(partial(_write_result, "jsonl", result), runs)
    records = result.records
    peers = {
        "json": best(lambda: len(msgspec.json.format(msgspec.json.encode(records), indent=2)), runs),
        "jsonl": best(lambda: len(msgspec.json.encode(records)), runs),
    }
    for name, peer in peers.items():
        ours = best(partial(_write_result, name, result), runs)
        line(f"{len(result):,} products as {name} / msgspec", ours, peer, "<= 1.2")
    from_rows = best(lambda: len(msgspec.json.encode(list(records_from_rows(result.rows, result.columns)))), runs)
    line("the same from rows, as jsonl / dicts and msgspec", seconds, from_rows, "<= 1.2")


if __name__ == "__main__":
    main()
