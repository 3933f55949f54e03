"""Code in Markdown with its colours: classes only, whose colours come from the tokens of the theme."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token
from pygments.util import ClassNotFound

_NAME = re.compile(r"[a-z0-9+#-]{1,30}(?!\S)")
_LONGEST = 20_000  # characters; longer code is shown without colours
# Of languages that answers are written in. Others, and diagrams such as Mermaid, are shown as they were written.
_LANGUAGES = frozenset(
    "bash c c++ cpp c# csharp css diff docker dockerfile elixir go graphql haskell html http ini java javascript js json jsx "
    "kotlin lua make makefile matlab nginx objective-c perl php powershell protobuf python py r ruby rb rust scala sh shell "
    "sql swift toml ts tsx typescript xml yaml yml zsh console pycon".split()
)
CLASSES = {
    "hl-k": (Keyword, Operator.Word, Name.Tag, Token.Generic.Heading),
    "hl-s": (String, Token.Generic.Inserted),
    "hl-n": (Number, Name.Constant, Keyword.Constant),
    "hl-c": (Comment, Token.Generic.Output),
    "hl-f": (Name.Function, Name.Class, Name.Decorator, Name.Attribute, Name.Builtin),
    "hl-t": (Name.Exception, Token.Generic.Deleted, Token.Generic.Error),
}


def with_colours(parser: MarkdownIt) -> MarkdownIt:
    """The parser, drawing blocks of code with their language and colours."""
    parser.add_render_rule("fence", _rendered)
    return parser


def _rendered(_renderer: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    token = tokens[index]
    match = _NAME.match(token.info.lower())
    language = match[0] if match else ""
    head = f'<div class="code-head"><span>{escape(language)}</span></div>'
    classes = f' class="language-{escape(language)}"' if language else ""
    return f'<div class="code">{head}<pre><code{classes}>{coloured(token.content, language)}</code></pre></div>\n'


def coloured(code: str, language: str) -> str:
    """The code as HTML, with `<span class="hl-…">` where something has a colour."""
    lexer = _lexer(language) if language in _LANGUAGES and len(code) <= _LONGEST else None
    if lexer is None:
        return escape(code)
    parts: list[str] = []
    for kind, text in lexer.get_tokens(code):
        name = _class_of(kind)
        parts.append(f'<span class="{name}">{escape(text)}</span>' if name and text.strip() else escape(text))
    return "".join(parts)


@lru_cache(maxsize=128)
def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, ensurenl=False, stripnl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _class_of(kind: Any) -> str:
    """The class of the narrowest kind that has one."""
    while kind is not None:
        for name, kinds in CLASSES.items():
            if kind in kinds:
                return name
        kind = kind.parent
    return ""
