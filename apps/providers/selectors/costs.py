"""How the cost of a call came about, in words."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from apps.providers.amounts import amount_in
from apps.providers.models import CreditUsage


def cost_words(usage: CreditUsage) -> str:
    """Its tokens at what each million of them cost then, and who said so; "" where nothing was charged or known. No query."""
    prices = usage.unit_prices
    if not prices:
        return usage.price_source
    written = max(0, usage.cache_write_tokens - usage.cache_write_1h_tokens)
    plain = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
    counts = (
        (plain, "input", _("%(n)s in at %(price)s")),
        (usage.cached_tokens, "cached", _("%(n)s from the cache at %(price)s")),
        (written, "cache_write", _("%(n)s to the cache at %(price)s")),
        (usage.cache_write_1h_tokens, "cache_write_1h", _("%(n)s to the cache for an hour at %(price)s")),
        (usage.output_tokens, "output", _("%(n)s out at %(price)s")),
    )
    parts = [
        words % {"n": count, "price": amount_in(Decimal(prices[name]), "USD")}
        for count, name, words in counts
        if count and name in prices
    ]
    said = _("%(parts)s a million") % {"parts": ", ".join(parts)} if parts else ""
    return " · ".join(part for part in (said, usage.price_source) if part)
