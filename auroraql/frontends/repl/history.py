"""The input history, kept between sessions in a file that only its owner can read.

Entries that seem to contain an API key are never written to disk.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from platformdirs import user_state_path
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

_SECRET = re.compile(
    r"api.?key|token|secret|passw|bearer|authorization"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{24,}",
    re.IGNORECASE,
)
_MAX_ENTRY_LENGTH = 100_000


def may_be_secret(text: str) -> bool:
    """Return whether a text may contain an API key: a word for one, a UUID, or a long run of letters and digits."""
    return _SECRET.search(text) is not None


def open_history(path: Path | None = None) -> History:
    """Return the history stored at `path`, or in the user's state directory.

    Return an in-memory history when the file cannot be written.
    """
    file = path or user_state_path("auroraql") / "history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600))
        file.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return PrivateHistory(file)


class PrivateHistory(FileHistory):
    """History file without secrets."""

    def store_string(self, string: str) -> None:
        """Append one entry. Ignore write errors, so that a full disk does not end the session."""
        if len(string) > _MAX_ENTRY_LENGTH or may_be_secret(string):
            return
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        # A terminal can deliver half a character, which cannot be encoded. It must not end the session.
        entry = f"\n# {datetime.now().isoformat(' ')}\n{lines}".encode(errors="replace")
        with suppress(OSError):
            handle = os.open(self.filename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            try:
                os.write(handle, entry)  # a single write, so that entries of two sessions do not interleave
            finally:
                os.close(handle)
