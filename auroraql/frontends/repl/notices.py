"""What is told while the prompt may stand there: above what is being typed, or else before the next prompt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Notices:
    """Texts that wait to be told; any thread may add one."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, bool]] = deque()
        self.above: Callable[[], object] = lambda: None
        """Has the prompt show them above itself, if it stands there."""

    def post(self, text: str, *, rings: bool = False) -> None:
        """Adds a text; the terminal's bell rings with it, if it is to be noticed from afar."""
        self._waiting.append((text, rings))
        self.above()

    def taken(self) -> list[tuple[str, bool]]:
        """Those that wait, which then do so no longer."""
        found = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found
