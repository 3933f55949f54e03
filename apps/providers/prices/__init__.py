"""What vendors charge: the files of prices, the layouts they come in, and what a call costs by them."""

from apps.providers.prices.book import Price, price_of, source, stored_file, tier_of_family
from apps.providers.prices.cost import Rates, Units, cost, plain, units_of

__all__ = [
    "Price",
    "Rates",
    "Units",
    "cost",
    "plain",
    "price_of",
    "source",
    "stored_file",
    "tier_of_family",
    "units_of",
]
