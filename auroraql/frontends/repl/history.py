"""What was typed, kept between sessions: one file only its owner can read, appended entry by entry.

An entry that seems to hold an API key is never written to disk.
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
_LONGEST = 100_000


def looks_secret(text: str) -> bool:
    """Whether it may hold an API key: a word for one, a UUID, or a long run of letters and digits."""
    return _SECRET.search(text) is not None


def open_history(path: Path | None = None) -> History:
    """The history kept at `path`, or in the user's state directory; in memory only when that cannot be written."""
    file = path or user_state_path("auroraql") / "history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600))
        file.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return PrivateHistory(file)


class PrivateHistory(FileHistory):
    """A file of entries, none of them a secret."""

    def store_string(self, string: str) -> None:
        """Appends one entry; typing goes on when the disk is full or the file has gone."""
        if len(string) > _LONGEST or looks_secret(string):
            return
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        # Half a character can come out of a terminal; it must not end the session.
        entry = f"\n# {datetime.now().isoformat(' ')}\n{lines}".encode(errors="replace")
        with suppress(OSError):
            handle = os.open(self.filename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            try:
                os.write(handle, entry)  # at once, so that two sessions do not write into each other's entries
            finally:
                os.close(handle)
