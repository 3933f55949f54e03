"""What a model accepts: known from the file, learned when its vendor refused, set by a person; the last of them counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from apps.common.db import again_after_deadlock
from apps.providers import accepts
from apps.providers.addresses import is_vendor_itself
from apps.providers.contract import ChatRequest, Refusal
from apps.providers.models import AIModel

LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Accepted:
    """One flag of a model as it holds now. `origin` is "file", "refusal" or "person"; `said`: the vendor's words."""

    flag: str
    value: Any
    origin: str
    said: str = ""
    at: str = ""  # ISO 8601, of a refusal


def accepts_of(model: AIModel) -> dict[str, Any]:
    """Names and values as in `contract.ACCEPTS`. Needs `provider` loaded, no query."""
    return {one.flag: one.value for one in accepts_list(model)}


def accepts_list(model: AIModel) -> list[Accepted]:
    """The same with where each comes from, by flag."""
    found: dict[str, Accepted] = {}
    if is_vendor_itself(model.provider.kind, model.provider.base_url):
        known = accepts.known_of(model.provider.kind, model.key)
        found |= {flag: Accepted(flag, value, "file") for flag, value in known.items()}
    for flag, refusal in model.refusals.items():
        found[flag] = Accepted(flag, refusal["value"], "refusal", refusal.get("said", ""), refusal["at"])
    found |= {flag: Accepted(flag, value, "person") for flag, value in model.accepts.items()}
    return [found[flag] for flag in sorted(found)]


def request_for(model: AIModel, request: ChatRequest) -> ChatRequest:
    """The request as this model takes it. Needs `provider` loaded."""
    return replace(request, model=model.key, accepts=accepts_of(model))


@again_after_deadlock
def refusals_keep(model: AIModel, refusals: Sequence[Refusal]) -> None:
    """Remember what its vendor refused, so that it is asked rightly from now on. What a person has set stays as it is."""
    row = AIModel.objects.select_for_update().only("accepts", "refusals").filter(pk=model.pk).first()
    if row is None:
        return
    at = timezone.now().isoformat(timespec="seconds")
    learned = {
        one.flag: {"value": one.value, "at": at, "said": one.said[:LONGEST_WORDS]}
        for one in refusals
        if one.flag not in row.accepts and row.refusals.get(one.flag, {}).get("value", ...) != one.value
    }
    if learned:
        row.refusals = {**row.refusals, **learned}
        AIModel.objects.filter(pk=row.pk).update(refusals=row.refusals, updated_at=timezone.now())
    model.refusals = row.refusals
