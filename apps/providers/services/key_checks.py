"""What can be seen of a key without asking anybody: whether it is whole, and whether it is another vendor's."""

from __future__ import annotations

import re
from typing import Any

from apps.common.said import gettext as _
from apps.providers.presets import ALL, vendor_of
from apps.providers.services import checks
from apps.providers.services.checks import FieldErrors

LONGEST_KEY = 4_000
# How keys begin, the longer first. Those of Genspark: third parties' code; of Anthropic, OpenAI's administrators, OpenRouter:
# platform.claude.com/docs, developers.openai.com, openrouter.ai/docs; of Groq and Google: their consoles (all by 2026-11-21).
# A mere “sk-” says nothing: OpenAI, DeepSeek and many others write it.
PREFIXES = (
    ("sk-ant-", "anthropic"),
    ("sk-or-", "openrouter"),
    ("sk-proj-", "openai"),
    ("sk-svcacct-", "openai"),
    ("sk-admin-", "openai"),
    ("gsk_", "groq"),
    ("gsk-", "genspark"),
    ("AIza", "google"),
    ("orq_", "orquestrador"),
)


def secret(value: Any, errors: FieldErrors, *, kind: str, base_url: str, field: str = "api_key") -> str:
    """The key without what surrounds it. What is broken or plainly another vendor's is named; no message holds any of it."""
    text = str(value or "").strip().strip("\"'").removeprefix("Bearer ").strip()
    if re.search(r"\s", text):
        errors.add(field, _("There is a space or a line end inside this key. Copy it once more, alone and on one line."))
    elif not re.fullmatch(r"[\x21-\x7e]*", text):
        errors.add(field, _("This key holds a character that no key has. Copy it once more from the vendor's page."))
    elif message := _of_another_vendor(text, kind, base_url):
        errors.add(field, message, code="wrong_vendor")
    return checks.text(text, field, errors, most=LONGEST_KEY)


def _of_another_vendor(text: str, kind: str, base_url: str) -> str:
    here = vendor_of(kind, base_url) or ("" if base_url else kind)
    begins, theirs = next(((begins, vendor) for begins, vendor in PREFIXES if text.startswith(begins)), ("", ""))
    if not here or not theirs or theirs == here or kind == "builtin":
        return ""
    names = {"begins": begins, "theirs": vendor_name(theirs), "here": vendor_name(here)}
    return _("This is a key of %(theirs)s: it begins with “%(begins)s”. What is needed here is one of %(here)s.") % names


def vendor_name(slug: str) -> str:
    return next((choice.name for choice in ALL if choice.slug == slug), slug)
