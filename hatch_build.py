"""Build hook that writes the parse table, so that an installed package does not need Lark to parse a statement."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGED = "auroraql/language/parse_table.json"


class ParseTableHook(BuildHookInterface[Any]):
    """Writes the table into the source tree, where an editable install reads it, and adds it to a wheel."""

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Build the table from the grammar files of this tree."""
        sys.path.insert(0, self.root)
        try:
            from auroraql.language import grammar
        finally:
            sys.path.remove(self.root)
        file = Path(self.root, PACKAGED)
        try:
            grammar.write_table(grammar.build_table(), file)
        except OSError:  # the source tree is read-only
            file = Path(self.directory, file.name)
            file.parent.mkdir(parents=True, exist_ok=True)
            grammar.write_table(grammar.build_table(), file)
        build_data["force_include"][str(file)] = PACKAGED
