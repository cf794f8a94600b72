"""Notifications that appear above the text being typed, or before the next prompt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Notifications:
    """Thread-safe queue of notifications."""

    def __init__(self) -> None:
        self._pending: deque[tuple[str, bool]] = deque()
        self.above: Callable[[], object] = lambda: None
        """Callback that makes the prompt print pending notifications above itself."""

    def post(self, text: str, *, rings: bool = False) -> None:
        """Add a notification. `rings` rings the terminal's bell with it."""
        self._pending.append((text, rings))
        self.above()

    def take(self) -> list[tuple[str, bool]]:
        """Remove and return all pending notifications, each with whether it rings the bell."""
        pending = []
        while self._pending:
            pending.append(self._pending.popleft())
        return pending
