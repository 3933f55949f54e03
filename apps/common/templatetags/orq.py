"""Template tags of every page: numbers as people read them, icons, badges, and the parts of the three voices.

Money, times and counts follow the reader's language. What is unknown is said to be unknown, never shown as zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput
from django.utils import timezone
from django.utils.formats import date_format, get_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common import codewords
from apps.common.pictures import icon_svg
from apps.common.richtext import markdown_html
from apps.common.status import look_of

register = template.Library()
UNKNOWN = "–"
SMALLEST_PLACES = 8  # decimals that money is kept with
ROLES = {
    "planner": ("planner", "planner"),
    "executor": ("author", "author"),
    "validator": ("checker", "checker"),
    "tie_breaker": ("judge", "judge"),
}


# ── Numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────
@register.filter
def cost(value: Decimal | float | str | None) -> str:
    """US$ 0.0132. A sum above zero is never rounded to zero, and None is an unknown price, not a free one."""
    if value is None or value == "":
        return _("cost unknown")
    amount = Decimal(str(value))
    if amount == 0 or abs(amount) >= 1:
        return f"US$ {_number(amount, 2)}"
    places = max(4, 1 - amount.adjusted())  # two digits that say something, however small the sum
    return f"US$ {_number(amount, min(places, SMALLEST_PLACES))}"


def _number(value: Decimal | float, places: int) -> str:
    """Rounded, then written as the language does; Django's own formatting cuts digits off instead."""
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return str(number_format(rounded, places, force_grouping=True))


@register.filter
def price(value: Decimal | None) -> str:
    """A price of a million tokens, or that it is unknown."""
    if value is None:
        return _("unknown")
    amount = Decimal(value).normalize()
    return f"US$ {_number(amount, max(2, -int(amount.as_tuple().exponent)))}"


@register.filter
def percent(value: Decimal | float | str | None) -> str:
    """94 %, with a non-breaking space; one decimal where the whole number would say 0 or 100 and mean something else."""
    if value is None or value == "":
        return UNKNOWN
    number = Decimal(str(value))
    is_almost = number != number.to_integral() and (number < 1 or number > 99)
    return f"{_number(number, 1 if is_almost else 0)}\u00a0%"


@register.filter
def duration(ms: float | str | None) -> str:
    """Milliseconds as people say them: 840 ms, 3.2 s, 2 min 05 s, 1 h 12 min, 3 d 04 h. A text stands for no time."""
    if ms is None or isinstance(ms, str):
        return UNKNOWN
    if ms < 1000:
        return f"{round(ms)}\u00a0ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{_number(seconds, 1)}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest:02d}\u00a0s"
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        days, hours = divmod(hours, 24)
        return f"{_number(days, 0)}\u00a0d {hours:02d}\u00a0h"
    return f"{_number(hours, 0)}\u00a0h {minutes:02d}\u00a0min"


@register.filter
def seconds(value: float | str | None) -> str:
    """The same for a number of seconds."""
    return duration(None if value is None or isinstance(value, str) else value * 1000)


@register.filter
def tokens(count: int | str | None) -> str:
    """950 tokens, 12.4 k tokens, 1.2 M tokens."""
    if count is None or isinstance(count, str):
        return UNKNOWN
    if count < 10_000:
        return ngettext("%(count)s token", "%(count)s tokens", count) % {"count": _number(count, 0)}
    return _("%(count)s tokens") % {"count": short_count(count)}


@register.filter
def short_count(count: int | str | None) -> str:
    """128 000 as 128 k; what is below ten thousand stays whole."""
    if count is None or isinstance(count, str):
        return UNKNOWN
    if count < 10_000:
        return _number(count, 0)
    value, letter = (count / 1000, "k") if count < 1_000_000 else (count / 1_000_000, "M")
    places = 0 if value >= 100 or round(value, 1) == round(value) else 1
    return f"{_number(value, places)}\u00a0{letter}"


@register.filter
def filesize(count: int | str | None) -> str:
    """Bytes in the units that model files are sold by: 3.2 MB, 4.7 GB."""
    if count is None or isinstance(count, str):
        return UNKNOWN
    value, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{_number(value, 0 if unit == 'B' or value >= 100 else 1)}\u00a0{unit}"


# ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@register.filter
def ago(when: datetime | str | None) -> str | SafeString:
    """“3 minutes ago” in a <time> whose title is the exact moment; the page keeps it fresh."""
    if not when:
        return _("never")
    moment = datetime.fromisoformat(when) if isinstance(when, str) else when
    local = timezone.localtime(moment)
    exact = date_format(local, "DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}" title="{} {}" data-ago>{}</time>', moment.isoformat(), exact, local.tzname(), _distance(moment)
    )


def _distance(moment: datetime) -> str:
    past_s = (timezone.now() - moment).total_seconds()
    size_s = abs(past_s)
    if size_s < 45:
        return _("just now") if past_s >= 0 else _("in a moment")
    if size_s < 45 * 60:
        return _in_words(round(size_s / 60) or 1, past_s, ("%d minute ago", "%d minutes ago"), ("in %d minute", "in %d minutes"))
    if size_s < 22 * 3600:
        return _in_words(round(size_s / 3600) or 1, past_s, ("%d hour ago", "%d hours ago"), ("in %d hour", "in %d hours"))
    if size_s < 26 * 86400:
        return _in_words(round(size_s / 86400) or 1, past_s, ("%d day ago", "%d days ago"), ("in %d day", "in %d days"))
    return str(date_format(timezone.localtime(moment), "DATE_FORMAT"))


def _in_words(count: int, past_s: float, before: tuple[str, str], after: tuple[str, str]) -> str:
    one, many = before if past_s >= 0 else after
    return ngettext(one, many, count) % count


def _words_of_distance() -> None:
    """The plural forms that `_distance` chooses from, where the collector of translations finds them."""
    ngettext("%d minute ago", "%d minutes ago", 1)
    ngettext("in %d minute", "in %d minutes", 1)
    ngettext("%d hour ago", "%d hours ago", 1)
    ngettext("in %d hour", "in %d hours", 1)
    ngettext("%d day ago", "%d days ago", 1)
    ngettext("in %d day", "in %d days", 1)


@register.filter
def moment(when: datetime | None) -> str:
    """Day, month and second of a line among many, in the order of the language: 21/11 14:05:09, or 11/21 14:05:09."""
    if when is None:
        return UNKNOWN
    day = re.sub(r"\W?[yY]\W?", "", get_format("SHORT_DATE_FORMAT"))
    return str(date_format(timezone.localtime(when), f"{day} H:i:s"))


# ── Words and pictures ────────────────────────────────────────────────────────────────────────────────────────────
@register.simple_tag
def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """An icon of the product by the name of what it means. Silent for screen readers unless it has a label."""
    return icon_svg(name, size=size, label=label)


@register.simple_tag
def status_badge(status: str, label: str = "", plain: bool = False) -> SafeString:
    """Status as word, icon and colour. `label` overrides the word where a row knows a better one."""
    look = look_of(str(status))
    classes = f"badge badge-{look.tone}" + (" badge-live" if look.is_live else "") + (" badge-plain" if plain else "")
    return format_html(
        '<span class="{}" data-status="{}">{}<span>{}</span></span>',
        classes,
        status,
        icon_svg(look.icon, size=16),
        label or look.word,
    )


@register.filter
def browser_name(user_agent: str) -> str:
    """“Firefox on Linux” from a browser's long name; what is not recognised is shown as it came."""
    browsers = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    browser = next((name for mark, name in browsers if mark in user_agent), "")
    system = next((name for mark, name in systems if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or user_agent or _("unknown browser")


@register.filter
def model_label(model: Any) -> str:
    """The name of a model for people, from a row or a reference {id, provider, model, label?}."""
    if not model:
        return _("no model")
    if isinstance(model, Mapping):
        return str(model.get("label") or model.get("model") or "")
    return str(getattr(model, "label", model))


@register.filter
def model_provider(model: Any) -> str:
    if not model:
        return ""
    return str(model.get("provider", "") if isinstance(model, Mapping) else model.provider)


@register.filter
def role_word(role: str) -> str:
    """The one word of each voice, by role of the engine."""
    words = {"planner": _("Planner"), "executor": _("Author"), "validator": _("Checker"), "tie_breaker": _("Judge")}
    return words.get(role, role)


@register.filter
def voice(role: str) -> str:
    """The voice that a role is, which names its icon and its colour: author, checker, judge or planner."""
    return ROLES[role][0]


@register.filter
def tier_word(tier: str) -> str:
    words = {"local": _("Local (free)"), "fast": _("Fast"), "balanced": _("Balanced"), "top": _("Top")}
    return words.get(tier, tier)


register.filter("purpose_word", codewords.purpose_word)
register.filter("category_word", codewords.category_word)
register.filter("failure_word", codewords.failure_word)
register.filter("speaker_word", codewords.speaker_word)


@register.filter
def listed_categories(categories: list[str]) -> str:
    return ", ".join(map(codewords.category_word, categories))


@register.filter
def capability_word(capability: str) -> str:
    words = {"chat": _("Chat"), "vision": _("Images"), "tools": _("Tools"), "json": _("JSON"), "embeddings": _("Embeddings")}
    return words.get(capability, capability)


@register.filter
def markdown(text: str | None) -> SafeString:
    """Text of an AI as safe HTML: what it wrote is never trusted."""
    return markdown_html(text or "")


# ── Parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@register.inclusion_tag("components/seat.html")
def seat(role: str, model: Any = None, *, live: bool = False, empty: str = "", speaks_as: Any = None) -> dict[str, Any]:
    """One of the three voices and who sits there, and as which specialized AI; without a model an empty seat with its words."""
    voice, picture = ROLES[role]
    return {
        "role": role,
        "voice": voice,
        "icon": picture,
        "model": model,
        "is_live": live,
        "speaks_as": speaks_as,
        "empty": empty or _("not cross-checked"),
    }


@register.inclusion_tag("components/meter.html")
def divergence_meter(value: Decimal | float | None, threshold: Decimal | float = 20) -> dict[str, Any]:
    """How far author and checker differ, 0-100, with a tick where agreement ends."""
    number = None if value is None else float(value)
    return {
        "value": value,
        "threshold": threshold,
        "width": number or 0,
        "is_disputed": number is not None and number > float(threshold),
    }


@register.inclusion_tag("components/ring.html")
def confidence_ring(value: Decimal | float | None, *, size: str = "", low: Decimal | float = 70) -> dict[str, Any]:
    """Confidence as a number in a thin ring. `size`: "", "small" or "big"; under `low` the ring warns."""
    is_low = value is not None and float(value) < float(low)
    return {"value": value, "dash": 0 if value is None else f"{float(value):.1f}", "size": size, "is_low": is_low}


@register.inclusion_tag("components/evidence.html")
def evidence(subtask: Any, *, threshold: Decimal | float = 20, duration_ms: int | None = None) -> dict[str, Any]:
    """Who wrote it, who checked it, who decided, how sure, at what cost. Takes a row or a subtask as the API gives it."""
    return {"subtask": subtask, "threshold": threshold, "duration_ms": duration_ms}


@register.inclusion_tag("components/evidence_line.html")
def evidence_line(subtask: Any) -> dict[str, Any]:
    """The same in one line, for lists."""
    return {"subtask": subtask}


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, *, optional: bool = False) -> dict[str, Any]:
    """A form field with label, help and errors, tied together for screen readers."""
    is_check = isinstance(bound.field.widget, CheckboxInput)
    return {"field": bound, "is_check": is_check, "is_optional": optional and not bound.field.required}


NOT_SET_BY_PEOPLE = {"id", "public_id", "team", "created_at", "updated_at"}


@register.inclusion_tag("components/origins.html")
def origins(row: Any) -> dict[str, Any]:
    """Where each value of a team's settings comes from: the database where somebody set another than the default's.

    `row` is one of the tables that hold a team's settings, stored or not.
    """
    fields = [field for field in row._meta.concrete_fields if field.name not in NOT_SET_BY_PEOPLE]
    own = {field.name for field in fields if getattr(row, field.attname) != field.get_default()}
    named = [{"name": field.verbose_name, "is_own": field.name in own} for field in fields]
    return {"fields": named, "changed_at": row.updated_at if row.pk and own else None}
