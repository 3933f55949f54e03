"""Judging what people enter, field by field, so that one answer names everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator

from apps.common.errors import BadInput
from apps.common.http import normalise_base_url
from apps.providers.adapters import known_kinds
from apps.providers.contract import ACCEPTS, CAPABILITIES, TIERS

# What a connection may be told to do differently: name → types.
QUIRKS: Mapping[str, tuple[type, ...]] = {
    "max_tokens_param": (str,),
    "include_usage": (bool,),
    "temperature": (bool,),
    "seed_param": (str,),
    "stop": (bool,),
    "response_format": (str,),
    "stream": (bool,),
    "headers": (dict,),
    "auth_header": (str,),
    "auth_scheme": (str,),
    "extra_body": (dict,),
    "ban_text": (str,),
    "no_content_timeout_s": (int, float),
    "anthropic_version": (str,),
    "api": (str,),
    "system": (bool,),
    "logprobs": (bool,),
    "tool_choice": (bool,),
    "safe_prompt": (bool,),
    "prompt_mode": (str,),
    "num_ctx": (int,),
    "keep_alive": (str, int),
}
MOST_TOKENS = 2_000_000_000
MOST_PRICE = Decimal(100_000)


class FieldErrors:
    """Collects what is wrong with each field, and raises it all at once."""

    def __init__(self) -> None:
        self._errors: list[dict[str, str]] = []

    def add(self, field: str, message: str, *, code: str = "invalid") -> None:
        self._errors.append({"field": field, "code": code, "message": message})

    def raise_if_any(self) -> None:
        if self._errors:
            raise BadInput(" ".join(error["message"] for error in self._errors), errors=self._errors)


def unknown_fields(given: Iterable[str], known: Iterable[str], errors: FieldErrors) -> None:
    for name in sorted(set(given) - set(known)):
        errors.add(name, _("%s cannot be changed.") % name, code="unknown_field")


def name(value: str, errors: FieldErrors) -> str:
    value = value.strip()
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", value):
        errors.add("name", _("The name takes up to 60 letters, digits, hyphens and underscores, for example “my-openai”."))
    return value.lower()


def group(value: Any, errors: FieldErrors) -> str:
    """A name in lower case that providers share, or ""."""
    value = str(value or "").strip()
    if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", value):
        errors.add("balance_group", _("A group takes up to 60 letters, digits, hyphens and underscores, for example “lab”."))
    return value.lower()


def text(value: Any, field: str, errors: FieldErrors, *, most: int, required: bool = False) -> str:
    value = str(value or "").strip()
    if required and not value:
        errors.add(field, _("This must not be empty."), code="required")
    if len(value) > most:
        errors.add(field, _("This is longer than %d characters.") % most, code="max_length")
    if "\x00" in value:
        errors.add(field, _("This holds a character that cannot be kept."))
    return value


def kind(value: str, errors: FieldErrors) -> str:
    if value not in known_kinds():
        known = ", ".join(known_kinds())
        errors.add("kind", _("There is no kind of provider “%(kind)s”. Known: %(known)s.") % {"kind": value, "known": known})
    return value


def base_url(value: str, errors: FieldErrors, *, required: bool) -> str:
    if not value.strip() and not required:
        return ""
    if len(value) > 500:
        errors.add("base_url", _("This is longer than %d characters.") % 500, code="max_length")
        return ""
    try:
        return normalise_base_url(value)
    except BadInput as error:
        errors.add("base_url", error.message)
        return ""


def quirks(value: Any, errors: FieldErrors) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        errors.add("quirks", _("Quirks are an object of names and values."))
        return {}
    for quirk, setting in value.items():
        types = QUIRKS.get(quirk)
        if types is None:
            errors.add(
                "quirks", _("There is no quirk “%(name)s”. Known: %(known)s.") % {"name": quirk, "known": ", ".join(QUIRKS)}
            )
        elif not isinstance(setting, types) or (isinstance(setting, bool) and bool not in types):
            errors.add("quirks", _("The quirk “%s” has a value of the wrong type.") % quirk)
    return dict(value)


def whole_number(value: Any, field: str, errors: FieldErrors, *, most: int = MOST_TOKENS) -> int | None:
    """A count above zero, or None for unknown."""
    if value in (None, ""):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number <= most:
        errors.add(field, _("This takes a whole number above zero, or nothing when it is unknown."))
        return None
    return number


def price(value: Any, field: str, errors: FieldErrors) -> Decimal | None:
    """US dollars for a million tokens, or None for unknown."""
    refusal = _("A price is a number of US dollars for a million tokens, or nothing when it is unknown.")
    return _amount(value, field, errors, most=MOST_PRICE, refusal=refusal)


def money(value: Any, field: str, errors: FieldErrors, *, most: Decimal) -> Decimal | None:
    """A sum of zero or more, or None for none."""
    return _amount(value, field, errors, most=most, refusal=_("This takes a sum of money, zero or more, or nothing."))


def _amount(value: Any, field: str, errors: FieldErrors, *, most: Decimal, refusal: str) -> Decimal | None:
    if value in (None, ""):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= most:
        errors.add(field, refusal)
        return None
    return amount


def accepts(value: Any, errors: FieldErrors) -> dict[str, Any]:
    """What a model accepts, as in `contract.ACCEPTS`."""
    given = dict(value) if isinstance(value, Mapping) else {}
    if not isinstance(value, Mapping):
        errors.add("accepts", _("What a model accepts is an object of names and values."))
    for flag, said in given.items():
        if flag not in ACCEPTS:
            words = _("There is no “%(name)s” that a model accepts. Known: %(known)s.")
            errors.add("accepts", words % {"name": flag, "known": ", ".join(ACCEPTS)})
        elif not Draft202012Validator(ACCEPTS[flag]).is_valid(said):
            errors.add("accepts", _("“%s” has a value that it cannot have.") % flag)
    return given


def tier(value: str, errors: FieldErrors) -> str:
    if value not in TIERS:
        errors.add("tier", _("The tier is one of: %s.") % ", ".join(TIERS))
    return value


def capabilities(value: Any, errors: FieldErrors) -> list[str]:
    given = list(value) if isinstance(value, list | tuple) else []
    if not isinstance(value, list | tuple) or any(one not in CAPABILITIES for one in given):
        errors.add("capabilities", _("Capabilities are a list of: %s.") % ", ".join(CAPABILITIES))
        return []
    return [one for one in CAPABILITIES if one in given]
