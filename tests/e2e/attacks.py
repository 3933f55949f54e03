"""Words that try to become more than words, and what a page looks like where one of them has.

Each sets `window.hurt` or opens a dialog if it runs; `left_by` looks at the whole document that a browser made of a page.
"""

from __future__ import annotations

from typing import Any

ATTACKS = (
    "<script>window.hurt = 1</script>",
    '<img src=x onerror="window.hurt = 1">',
    '"><svg onload="window.hurt = 1">',
    "[x](javascript:window.hurt=1)",
    '<iframe srcdoc="<script>parent.hurt=1</script>"></iframe>',
    "$\\text{<img src=x onerror=window.hurt=1>}$",
    '```"><script>window.hurt=1</script>\nx\n```',
    "<details open ontoggle=window.hurt=1>",
    "{{constructor.constructor('window.hurt=1')()}}",
    "</textarea><script>window.hurt=1</script>",
    "' onmouseover='window.hurt=1' autofocus onfocus='window.hurt=1' x='",
    "</script><script>alert(1)</script>",
    "</template></title></style><img src=x onerror=alert(1)>",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](JaVa&#x73;cript&colon;alert(1)) [y](\tjava\nscript:alert(1)) [z](vbscript:alert(1))",
    "<javascript:alert(1)> <data:text/html,<script>alert(1)</script>>",
    '[x]: javascript:alert(1) "title"\n\n[x] ![x](x "onerror=alert(1)")',
    '[a](https://example.org/"onmouseover="alert(1)) ![p](https://127.0.0.1/p.png)',
    "$\\href{javascript:alert(1)}{x}$ $$\\unicode{<img src=x onerror=alert(1)>}$$",
    "```html\n<script>alert(1)</script><img src=x onerror=alert(1)>\n```",
    '```mermaid\ngraph TD; A[<img src=x onerror=alert(1)>] --> B\nclick A "javascript:alert(1)"\n```',
    "| a | <img src=x onerror=alert(1)> |\n| - | - |\n| `<svg onload=alert(1)>` | [x](javascript:alert(1)) |",
    "{% debug %}{{ 7|add:request }}${alert(1)}<%= alert(1) %>#{alert(1)}",
    "<math><mtext></mtext><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
    "<svg><style><img src=x onerror=alert(1)></style></svg><svg><animate onbegin=alert(1) attributeName=x>",
    "<form action=javascript:alert(1)><button formaction=javascript:alert(1)>x</button></form><base href=//127.0.0.1:1/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'><link rel=stylesheet href=data:text/css,*{display:none}>",
    "<a href=x hx-get=/sign-out/ hx-trigger=load data-hx-on:click=alert(1) hx-on::load=alert(1)>x</a>",
    "\u2028alert(1)\u2029</script>\u2028<script>alert(1)",
    "\u202egpj.exe\u202c \u2066<script>alert(1)</script>\u2069",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
    '=HYPERLINK("javascript:alert(1)") \\"><script>alert(1)</script>',
)
SHORT = "\"'><img src=x onerror=alert(1)>{{7}}"  # for names that have little room

# What no page of the product has: scripts and handlers in the document, places that run, links that lead elsewhere than they say.
_LEFT = """
const wrong = [];
const say = (what, one) => wrong.push(`${what}: ${one.outerHTML.slice(0, 160)}`);
const walk = (root) => {
  for (const one of root.querySelectorAll("*")) {
    const isData = ["importmap", "application/json"].includes(one.type);
    if (one.localName === "script" && !one.src && !isData) say("inline script", one);
    if (["iframe", "object", "embed", "base", "applet", "maction"].includes(one.localName)) say("element", one);
    if (one.localName === "style" || (one.localName === "meta" && one.httpEquiv.toLowerCase() === "refresh")) say("element", one);
    const isOurs = !one.hasAttribute("src") || one.src.startsWith?.(`${location.origin}/`) || /^(data:image|blob:)/.test(one.src);
    if (one.localName === "img" && !isOurs) say("image", one);
    if (one.getAttribute("src") === "x") say("made of words", one);
    for (const {name, value} of one.attributes) {
      if (/^on|^(data-)?hx-on/i.test(name)) say("handler", one);
      if (name === "style" && one.closest(".prose")) say("style", one);
      if (/^(href|src|action|formaction|xlink:href|hx-get|hx-post)$/i.test(name)) {
        const scheme = new URL(value, location.href).protocol;
        if (!["http:", "https:", "mailto:", "data:", "blob:"].includes(scheme)) say("address", one);
        if (scheme === "data:" && (name !== "src" || one.localName !== "img")) say("address", one);
      }
    }
    if (one.localName === "a" && one.href && /^http/.test(one.protocol) && one.origin !== location.origin
      && !/noopener/.test(one.rel)) say("link without noopener", one);
    if (one.localName === "template") walk(one.content);
  }
};
walk(document);
if (window.hurt) wrong.push("it ran");
return wrong"""


def left_by(browser: Any) -> list[str]:
    """What is wrong with the page that is open; nothing, if words stayed words."""
    return browser.execute_script(_LEFT)
