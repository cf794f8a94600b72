"""Substitutes for the drawing and geometry libraries of pyaurorax, so that its search module runs without them.

pyaurorax imports 500 MB of libraries, one of which has no wheel and compiles C. The tests use its search module and its
command line, which call none of them. A library that is installed is not replaced.
"""

from __future__ import annotations

import sys
from collections.abc import MutableSequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

LIBRARIES = {"aacgmv2", "cartopy", "cv2", "h5py", "matplotlib", "pyproj", "scipy"}


class _Substitute(ModuleType):
    __path__: MutableSequence[str] = []  # noqa: RUF012 - declared so by ModuleType

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=f"{self.__name__}.{name}")


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in LIBRARIES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Substitute(spec.name)

    def exec_module(self, _module: ModuleType) -> None:
        """Leave the module as it is."""


def substitute_client_libraries() -> None:
    """Provide the libraries that are not installed. The finder comes last, after those of installed packages."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
