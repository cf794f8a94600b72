"""Diagnostics of statements that run nevertheless, as Python's own warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from auroraql.diagnostics.errors import AuroraQLWarning, Diagnostic, Source, render

_PACKAGE = str(Path(__file__).parent.parent)


def warn_diagnostics(diagnostics: Sequence[Diagnostic], source: Source | None) -> None:
    """Report each diagnostic by `warnings.warn`, at the line of the caller's code."""
    for diagnostic in diagnostics:
        warnings.warn(AuroraQLWarning(render([diagnostic], source), diagnostic), stacklevel=_caller_level())


def _caller_level() -> int:
    """Return the stack level, as `warnings.warn` in `warn` counts it, of the first frame outside the package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
