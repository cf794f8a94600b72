"""Railroad diagrams of the grammar, one for each rule of the `.lark` files."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path
from typing import Any

import lark
import railroad

from auroraql.language import grammar

HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>AuroraQL: the grammar in pictures</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; }
svg { max-width: 100%; height: auto; }
svg path { stroke-width: 2; stroke: #334; fill: none; }
svg text { font: bold 14px monospace; text-anchor: middle; }
svg rect { stroke-width: 2; stroke: #334; fill: #eef6ee; }
svg .terminal rect { fill: #fdf3dc; }
</style>
<h1>The grammar in pictures</h1>
<p>Made from the files of this folder by <code>pytest tests/docs/test_docs.py --update</code>. Round: what is typed; square:
another picture.</p>
"""

Node = Any


def page() -> str:
    """Return the whole page, with a diagram for each rule in reading order."""
    parts = [HEAD]
    for rule in _meta_grammar().parse(grammar.grammar_text()).find_data("rule"):
        name = str(rule.children[0]).lstrip("?!")
        picture = io.StringIO()
        railroad.Diagram(_diagram_item(rule.children[-1])).writeSvg(picture.write)
        parts.append(f'<h2 id="{escape(name)}">{escape(name)}</h2>\n{picture.getvalue()}')
    return "\n".join(parts) + "\n"


def _meta_grammar() -> lark.Lark:
    """Return Lark's grammar of grammars."""
    return lark.Lark.open(str(Path(lark.__file__).parent / "grammars" / "lark.lark"), parser="lalr")


def _diagram_item(node: Node) -> Any:
    """Return the diagram item of a part of a rule."""
    match node.data:
        case "alias":
            return _diagram_item(node.children[0])
        case "expansions":
            return railroad.Choice(0, *(_diagram_item(child) for child in node.children))
        case "expansion":
            return railroad.Sequence(*(_diagram_item(child) for child in node.children))
        case "expr":
            return _repeated_item(_diagram_item(node.children[0]), node.children[1])
        case "name":
            return _named_item(str(node.children[0]))
        case _:
            return railroad.Terminal(str(node.children[0]).strip('"'))


def _repeated_item(part: Any, sign: Any) -> Any:
    match str(sign):
        case "?":
            return railroad.Optional(part)
        case "*":
            return railroad.ZeroOrMore(part)
        case "+":
            return railroad.OneOrMore(part)
        case _:
            return part


def _named_item(name: str) -> Any:
    if name in grammar.grammar_keywords():
        return railroad.Terminal(name)
    if name.isupper():
        return railroad.Terminal(name.lower().replace("_", " "))
    return railroad.NonTerminal(name, href=f"#{name}")
