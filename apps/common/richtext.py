"""Markdown of AIs as HTML that cannot do harm.

Whatever an AI wrote may have been dictated by a page it read. So: no raw HTML, no images (they would call other hosts), links
only to http, https and mail, and everything goes through a sanitiser with a short list of what may stay. Code has colours
(`apps.common.codetext`) and formulas are MathML (`apps.common.mathtext`); both go through the sanitiser like the rest.
"""

from __future__ import annotations

import re
from functools import lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from apps.common import codetext, mathtext

_PARSER = codetext.with_colours(
    mathtext.with_formulas(
        MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
        .enable(["table", "strikethrough"])
        .disable("image")
    )
)
_TAGS = set(
    "a b blockquote br code del div em h1 h2 h3 h4 h5 h6 hr i li ol p pre s span strong sub sup table tbody td th thead tr "
    "ul".split()
)
_CLASSES = {
    "div": re.compile(r"code|code-head"),
    "span": re.compile(r"hl-[a-z]|math"),
    "code": re.compile(r"language-[a-z0-9-]+"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    **{tag: {"class"} for tag in _CLASSES},
    **mathtext.ATTRIBUTES,
}
_MOST_CHARACTERS = 400_000  # characters; more than a page can show
_KEPT_CHARACTERS, _KEPT_TEXTS = 16_000, 256  # answers of the threads that are being read


def markdown_html(text: str) -> SafeString:
    """The text as sanitised HTML; its headings start at the third level, below those of the page, and skip none."""
    return _kept(text) if len(text) <= _KEPT_CHARACTERS else _rendered(text)


@lru_cache(maxsize=_KEPT_TEXTS)
def _kept(text: str) -> SafeString:
    return _rendered(text)


def _rendered(text: str) -> SafeString:
    tokens = _PARSER.parse(text[:_MOST_CHARACTERS])
    _set_headings(tokens)
    clean = nh3.clean(
        _PARSER.renderer.render(tokens, _PARSER.options, {}),
        tags=_TAGS | mathtext.TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        attribute_filter=_keep,
    )
    return mark_safe(clean)  # nh3 has just cleaned it


def _set_headings(tokens: list[Token]) -> None:
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    levels = sorted({token.tag for token in headings})
    for token in headings:
        token.tag = f"h{min(3 + levels.index(token.tag), 6)}"


def _keep(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return value if tag in _CLASSES and _CLASSES[tag].fullmatch(value) else None
    return value
