"""Kills `auroraql download` at random moments and runs it on: `python -m tests.downloads.crash_rounds [ROUNDS]`."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tests.conftest import ROOT
from tests.support.file_server import FileServer
from tests.support.small_catalogue import Product, write

FILES = 12
SIZE = 400_000


def write_catalogue(path: Path, urls: Sequence[str]) -> Path:
    """Write a catalogue file with one product for each URL."""
    start = datetime(2021, 1, 1)
    return write(path, [Product(1, start + timedelta(minutes=n), start + timedelta(minutes=n + 1), url) for n, url in enumerate(urls)])  # fmt: skip


def start_download(catalogue: Path, folder: Path) -> subprocess.Popen[str]:
    """Start the command for all products of a catalogue."""
    command = ["download", "-a", str(catalogue), "-c", "FIND data_products ON 2021-01-01", "--to", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "auroraql", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_folder(folder: Path, contents: Mapping[str, bytes], *, is_complete: bool = True) -> None:
    """Check that every final name has its whole content, and that the manifest lists only whole files."""
    final = {path.name for path in folder.iterdir() if ".part" not in path.name} - {
        "manifest.jsonl",
        ".auroraql-download.lock",
    }
    for name in final:
        assert (folder / name).read_bytes() == contents[name], f"{name} is not whole"
    manifest = folder / "manifest.jsonl"
    lines = manifest.read_text().split("\n") if manifest.exists() else []
    for line in lines[:-1]:
        if line.endswith("}"):
            entry = json.loads(line)
            assert hashlib.sha256(contents[entry["path"]]).hexdigest() == entry["sha256"]
            assert entry["path"] in final
    if is_complete:
        assert final == set(contents)
        assert {json.loads(line)["path"] for line in lines if line.endswith("}")} == final
        assert not list(folder.glob("*.part*"))


def run_rounds(base: Path, rounds: int, moments: random.Random) -> int:
    """Kill a download `rounds` times, then let one finish. Return the number of kills that hit a running process."""
    contents = {f"{n}.jpg": moments.randbytes(SIZE) for n in range(FILES)}
    folder, kills = base / "data", 0
    with FileServer(chunk_seconds=0.002) as files:
        catalogue = write_catalogue(base / "c.duckdb", [files.add(f"/{name}", data) for name, data in contents.items()])
        for _ in range(rounds):
            before = len(files.calls)
            process = start_download(catalogue, folder)
            deadline = time.monotonic() + 90
            while len(files.calls) == before and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.12))
            kills += process.poll() is None
            process.kill()
            process.communicate()
            if folder.exists():
                check_folder(folder, contents, is_complete=False)
        files.chunk_seconds = 0
        process = start_download(catalogue, folder)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        check_folder(folder, contents)
    return kills


def main() -> None:
    """Run the rounds in a temporary folder, and print how many kills hit."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as base:
        kills = run_rounds(Path(base), rounds, random.Random())
    print(f"{kills} kill{'' if kills == 1 else 's'} of {rounds} hit a running download; every file is whole")


if __name__ == "__main__":
    main()
