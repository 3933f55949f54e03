"""Sums of money in words, in whichever currency a vendor counts."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format


def amount_in(amount: Decimal, currency: str) -> str:
    """US$ 12.30, or CNY 110.00; below a cent as many digits as it takes to say something."""
    places = 2 if amount == 0 or abs(amount) >= Decimal("0.01") else min(8, 1 - amount.adjusted())
    number = number_format(amount.quantize(Decimal(1).scaleb(-places)), places, force_grouping=True)
    return f"{'US$' if currency == 'USD' else currency} {number}"
