r"""Formulas in Markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]` become MathML, which browsers show by themselves.

What comes out is not safe by itself: the converter passes texts through. `apps.common.richtext` cleans all of it.
"""

from __future__ import annotations

import logging
import re
from html import escape
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

log = logging.getLogger(__name__)

_LONGEST = 4000  # characters; longer ones are shown as they were written
_PAIRS = (("$$", "$$", True), ("\\[", "\\]", True), ("\\(", "\\)", False))
_DOLLARS = re.compile(r"\$(?![\s\d,.]*\s)(?=\S)((?:[^$\\\n]|\\.)+?)(?<=\S)\$(?!\d)")
TAGS = set(
    "math mfrac mi mn mo mover mpadded mphantom mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr "
    "munder munderover".split()
)
ATTRIBUTES = {
    "*": {"mathvariant"},
    "math": {"display"},
    "mo": {"stretchy", "fence", "form", "separator", "lspace", "rspace", "minsize", "maxsize"},
    "mspace": {"width", "linebreak"},
    "mtable": {"columnalign", "rowspacing", "columnspacing"},
    "mtd": {"columnalign"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mfrac": {"linethickness"},
}


def with_formulas(parser: MarkdownIt) -> MarkdownIt:
    """The parser, knowing formulas as well."""
    parser.inline.ruler.before("escape", "formula", _inline)
    parser.block.ruler.before("fence", "formula", _block, {"alt": ["paragraph", "blockquote", "list"]})
    parser.add_render_rule("formula", _rendered)
    return parser


def mathml(tex: str, *, is_block: bool) -> str:
    """The formula as MathML; one that is not understood, as code."""
    if len(tex) <= _LONGEST:
        try:
            drawn = convert(tex.strip(), display="block" if is_block else "inline")
            if all(element.tag.rpartition("}")[2] in TAGS for element in ElementTree.fromstring(drawn).iter()):
                return drawn
        except Exception as error:  # the converter raises whatever it trips over; the reader gets the source
            log.debug("a formula was not understood: %s", error)
    return f"<code>{escape(tex)}</code>"


def _inline(state: StateInline, silent: bool) -> bool:
    found = _at(state.src, state.pos)
    if found is None:
        return False
    tex, end, is_block = found
    if not silent:
        token = state.push("formula", "math", 0)
        token.content, token.meta = tex, {"is_block": is_block}
    state.pos = end
    return True


def _at(text: str, pos: int) -> tuple[str, int, bool] | None:
    """The formula that begins here: its source, where it ends, and whether it stands alone."""
    for opening, closing, is_block in _PAIRS:
        if text.startswith(opening, pos):
            end = text.find(closing, pos + len(opening))
            tex = text[pos + len(opening) : end]
            return (tex, end + len(closing), is_block) if end > 0 and tex.strip() else None
    match = _DOLLARS.match(text, pos) if text.startswith("$", pos) else None
    return (match[1], match.end(), False) if match else None


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""A formula on lines of its own: from a line that begins with `$$` or `\[` to the one that ends with its pair."""
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    pair = next(((opening, closing) for opening, closing, is_block in _PAIRS if is_block and first.startswith(opening)), None)
    if pair is None:
        return False
    lines = [first[2:]]
    line = start
    while pair[1] not in lines[-1]:
        line += 1
        if line >= end:
            return False
        lines.append(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]])
    lines[-1], _closing, rest = lines[-1].partition(pair[1])
    if rest.strip():
        return False
    if not silent:
        state.line = line + 1
        token = state.push("formula", "math", 0)
        token.content, token.meta, token.block = "\n".join(lines), {"is_block": True}, True
    return True


def _rendered(_renderer: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    drawn = mathml(token.content, is_block=token.meta["is_block"])
    return f'<span class="math">{drawn}</span>' if token.meta["is_block"] else drawn
