"""What is left on accounts at AI vendors: one small function for each vendor that tells it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from apps.providers.balances import anthropic, deepseek, novita, openai, openrouter
from apps.providers.balances.asking import Balance
from apps.providers.contract import Connection

__all__ = ["TELLS", "Balance", "key_proof"]

# By preset. What is not here tells nothing: then what was recorded here is all that is known.
TELLS: Mapping[str, Callable[[Connection], Awaitable[Balance]]] = {
    "anthropic": anthropic.balance,
    "deepseek": deepseek.balance,
    "novita": novita.balance,
    "openai": openai.balance,
    "openrouter": openrouter.balance,
}


def key_proof(vendor: str) -> Callable[[Connection], Awaitable[object]] | None:
    """What shows that a key is good at a vendor who lists models to anybody; None where listing them shows it."""
    return openrouter.key if vendor == "openrouter" else None
