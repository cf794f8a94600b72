"""Colour themes, named after Pygments styles. A style is loaded only when a theme is configured."""

from __future__ import annotations

from prompt_toolkit.styles import BaseStyle, Style, merge_styles

from auroraql.config.definitions import THEMES
from auroraql.frontends.repl.line_editor import PROMPT_STYLES


def theme_style(name: str) -> BaseStyle | None:
    """Return the style of a theme, or None for the terminal's own colours."""
    style = THEMES.get(name, name)
    if not style:
        return None
    from prompt_toolkit.styles.pygments import style_from_pygments_cls
    from pygments.styles import get_style_by_name

    return merge_styles([style_from_pygments_cls(get_style_by_name(style)), Style.from_dict(PROMPT_STYLES)])
