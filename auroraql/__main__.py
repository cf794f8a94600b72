"""Entry point of `auroraql` and `python -m auroraql`. `--version` is answered without loading the command line."""

from __future__ import annotations

import sys

from auroraql import __version__


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"] and _write_version(f"auroraql {__version__}\n"):
        return 0
    from auroraql.frontends.bootstrap import run

    return run()


def _write_version(text: str) -> bool:
    """Write the version. Return False if standard output fails: the full command line handles that case."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, AttributeError, ValueError):
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
