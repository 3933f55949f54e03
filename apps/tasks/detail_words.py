"""What the engine adds to a sign in English, for pages: forms that were asked for, the line that does not parse."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.utils.translation import gettext as _

_LINE = re.compile(r"line (\d+): (.*)", re.DOTALL)
_AT_MOST = re.compile(r"at most (\d+) words")
_ITEMS = re.compile(r"(\d+) items")


def detail_word(name: str, detail: str) -> str:
    """The detail of the sign `name` in the language of now; what it quotes stays as it is."""
    if name in ("form_missed", "form_met"):
        return ", ".join(map(_form_word, detail.split(", "))) if detail else ""
    if name in ("cut_by_length", "withheld"):
        return ""  # the provider's own code; the sign says it in words
    if name == "code_broken" and (found := _LINE.fullmatch(detail)):
        return _("line %(n)s: %(what)s") % {"n": found[1], "what": found[2]}
    return detail


def _form_word(form: str) -> str:
    words: dict[str, Callable[[], str]] = {
        "json": lambda: "JSON",
        "only a number": lambda: _("only a number"),
        "yes or no": lambda: _("yes or no"),
        "one of the options": lambda: _("one of the options"),
    }
    if form in words:
        return words[form]()
    if found := _AT_MOST.fullmatch(form):
        return _("at most %(n)s words") % {"n": found[1]}
    if found := _ITEMS.fullmatch(form):
        return _("%(n)s items") % {"n": found[1]}
    return form
