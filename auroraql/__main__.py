"""The program `auroraql`, and `python -m auroraql`: the command line, whose version is told without loading it."""

from __future__ import annotations

import sys

from auroraql import __version__


def main() -> int:
    """Runs the command line of this process and returns its exit code."""
    if sys.argv[1:] == ["--version"] and _write_version(f"auroraql {__version__}\n"):
        return 0
    from auroraql.frontends.bootstrap import run

    return run()


def _write_version(text: str) -> bool:
    """Whether standard output took it; what to do when it does not is known elsewhere."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, AttributeError, ValueError):
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
