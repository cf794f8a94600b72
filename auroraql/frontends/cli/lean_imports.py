"""Loads the line editor without OpenSSL, which it only seems to need: a sixth of all the memory of the prompt.

asyncio takes TLS for connections that a line editor never makes, and wcwidth a module that hashes; both do without.
What makes connections loads it when it is needed. In a process that has them already, nothing is left out.
"""

from __future__ import annotations

import sys

_LEFT_OUT = [name for name in ("ssl", "_hashlib") if name not in sys.modules]

for _name in _LEFT_OUT:
    sys.modules[_name] = None  # type: ignore[assignment]

import prompt_toolkit  # noqa: E402, F401

for _name in _LEFT_OUT:
    del sys.modules[_name]
