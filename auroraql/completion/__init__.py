"""Completion: a text, the place of the cursor in it and what is known make candidates. No terminal, no network.

What may come next is asked of the grammar's own parse table, which name fits of the row that a name would lead to.
"""

from __future__ import annotations

from auroraql.completion.candidates import Completer, Completion
from auroraql.completion.known import ArchiveNames, Known
from auroraql.completion.matching import Item, Vocabulary
from auroraql.completion.place import Finder

__all__ = ["ArchiveNames", "Completer", "Completion", "Finder", "Item", "Known", "Vocabulary"]
