"""Benchmark of reports: how long a headless Chromium takes until the rows of a page are painted, and the size of the file."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import auroraql
from tests.bench.measure import line
from tests.support.browser import EXECUTABLE, Browser, open_browser

PAGES = (
    (
        "11,610 keograms",
        "FIND data_products WHERE data_product_type = 'keogram' DURING 2021-01 LIMIT 11610",
        "< 600 ms",
    ),
    ("133,920 positions", "FIND ephemeris WHERE program = 'swarm' DURING 2020-01", "< 2 s"),
)

PAINTED = """new Promise(done => requestAnimationFrame(() => setTimeout(() =>
  done(document.querySelector('tbody.seen tr') ? performance.now() : null))))"""
"""Milliseconds until the frame after the first rows."""


def main() -> None:
    """Print the times and sizes of the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the best of several runs instead of one")
    runs = 3 if parser.parse_args().full else 1
    if EXECUTABLE is None:
        print("reports: Chromium is not installed")
        return
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        auroraql.connect() as archive,
        open_browser(Path(folder, "profile")) as browser,
    ):
        for name, statement, wanted in PAGES:
            result, file = archive.run(statement), Path(folder, "page.html")
            start = time.perf_counter()
            result.report(file)
            line(f"{name} written as a report", time.perf_counter() - start, None, "")
            line(f"{name}: size", file.stat().st_size, None, "", "MB")
            times = [_painted(browser, file) for _ in range(runs)]
            line(f"{name}: painted", min(painted for painted, _ in times), None, wanted)
            line(f"{name}: CPU time of the page", min(busy for _, busy in times), None, wanted)


def _painted(browser: Browser, file: Path) -> tuple[float, float]:
    """Return the seconds from the navigation to the frame with the first rows, and the CPU seconds of the page."""
    browser.call("Page.navigate", url="about:blank")
    browser.call("Performance.disable")
    browser.call("Performance.enable", timeDomain="threadTicks")
    before = _busy_seconds(browser)
    browser.call("Page.navigate", url=file.absolute().as_uri())
    while (painted := browser.run(PAINTED)) is None:
        pass
    return float(painted) / 1000, _busy_seconds(browser) - before


def _busy_seconds(browser: Browser) -> float:
    metrics = browser.call("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


if __name__ == "__main__":
    main()
