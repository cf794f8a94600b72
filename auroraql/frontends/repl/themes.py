"""The colours of the prompt by the name of a Pygments style. Loaded behind the prompt, and only when one is set."""

from __future__ import annotations

from prompt_toolkit.styles import BaseStyle, Style, merge_styles

from auroraql.config.rows import THEMES
from auroraql.frontends.repl.prompt import OURS


def themed(name: str) -> BaseStyle | None:
    """The colours of a theme; None for those of the terminal, which need nothing loaded."""
    style = THEMES.get(name, name)
    if not style:
        return None
    from prompt_toolkit.styles.pygments import style_from_pygments_cls
    from pygments.styles import get_style_by_name

    return merge_styles([style_from_pygments_cls(get_style_by_name(style)), Style.from_dict(OURS)])
