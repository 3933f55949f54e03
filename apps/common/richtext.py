"""Markdown of AIs as HTML that cannot do harm.

Whatever an AI wrote may have been dictated by a page it read. So: no raw HTML, no images (they would call other hosts), links
only to http, https and mail, and everything goes through a sanitiser with a short list of what may stay.
"""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = (
    MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    .enable(["table", "strikethrough"])
    .disable("image")
)
_TAGS = set(
    "a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s strong sub sup table tbody td th thead tr ul".split()
)
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}}
_MOST_CHARACTERS = 400_000  # characters; more than a page can show


def markdown_html(text: str) -> SafeString:
    """The text as sanitised HTML; its headings start at the third level, below those of the page, and skip none."""
    tokens = _PARSER.parse(text[:_MOST_CHARACTERS])
    _set_headings(tokens)
    clean = nh3.clean(
        _PARSER.renderer.render(tokens, _PARSER.options, {}),
        tags=_TAGS,
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
    if tag == "code" and name == "class":
        return value if value.startswith("language-") and value.replace("-", "").isalnum() else None
    return value
