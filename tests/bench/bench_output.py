"""What it takes to write 10,000 records in each format, and to draw them over time; beside what pandas takes for text."""

from __future__ import annotations

from datetime import datetime, timedelta

from auroraql.output import FORMATS, render
from auroraql.output.screen import Screen
from auroraql.output.timeline import render_timeline
from auroraql.plan import Plan
from auroraql.query import Query
from auroraql.results import Fetched, ResultSet
from tests.bench.measure import best, line

COUNT = 10_000
BEGIN = datetime(2021, 1, 1)
URL = "https://data.phys.ucalgary.ca/sort_by_project/TREx/RGB/stream2/2021/01/01/20210101__gill_rgb-04_full-keogram.jpg"


def main() -> None:
    """Every measurement, one line each."""
    rows = [
        (BEGIN + timedelta(minutes=n), BEGIN + timedelta(minutes=n + 59), n % 100, "trex", f"site {n % 24}", "RGB ASI",
         "ground", f"TREx RGB {n % 24}", URL, "keogram", {"keogram_type": "hourly", "wavelength": 486.1})
        for n in range(COUNT)
    ]  # fmt: skip
    result = ResultSet(Plan(Query("data_products"), ()), Fetched(rows=rows), archive="demo", elapsed=0.1)
    frame = result.to_pandas()
    beside = best(frame.to_string, 3)
    for name, row in FORMATS.items():
        ours = best(lambda row=row: sum(map(len, row.encoded(result))), 3)  # type: ignore[misc]
        line(f"10,000 records as {name} / pandas to_string", ours, beside, "<= 1 s")
    shown = best(lambda: "".join(render(result, "table", width=120, color=True, links=True)), 3)
    line("10,000 records on a terminal / pandas to_string", shown, beside, "<= 1 s")
    drawn = best(lambda: "".join(render_timeline(result, Screen(120), 30)), 3)
    line("10,000 records over time", drawn, None, "<= 1 s")


if __name__ == "__main__":
    main()
