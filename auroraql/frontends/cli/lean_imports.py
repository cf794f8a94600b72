"""Import of prompt_toolkit without OpenSSL, which would take a sixth of the prompt's memory.

asyncio imports ssl and wcwidth imports _hashlib, but a line editor uses neither. Modules that open connections import
them later. If the process has imported them already, nothing is left out.
"""

from __future__ import annotations

import sys

_LEFT_OUT = [name for name in ("ssl", "_hashlib") if name not in sys.modules]

for _name in _LEFT_OUT:
    sys.modules[_name] = None  # type: ignore[assignment]

import prompt_toolkit  # noqa: E402, F401

for _name in _LEFT_OUT:
    del sys.modules[_name]
