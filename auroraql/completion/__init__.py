"""Completion: candidates for a cursor position, from grammar, catalogue and session. No terminal, no network.

The parser's own table gives the tokens that may come next. The grammar rule that a name would complete decides
which names are offered.
"""

from __future__ import annotations

from auroraql.completion.completer import Completer, Completion
from auroraql.completion.context import ArchiveNames, CompletionContext
from auroraql.completion.cursor import CursorFinder
from auroraql.completion.matching import NamedItem, Vocabulary

__all__ = ["ArchiveNames", "Completer", "Completion", "CompletionContext", "CursorFinder", "NamedItem", "Vocabulary"]
