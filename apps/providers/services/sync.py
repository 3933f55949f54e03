"""Keeping the list of models as the provider gives it, without undoing what people set by hand."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import in_db
from apps.common.errors import NotFound
from apps.providers import prices
from apps.providers.adapters import make_adapter
from apps.providers.addresses import is_vendor_itself
from apps.providers.contract import CAPABILITIES, CheckResult, ModelInfo
from apps.providers.errors import ProviderError
from apps.providers.families import family_of
from apps.providers.models import AIModel, Provider
from apps.providers.services.providers import check_store, must_work

LONGEST_MODEL_KEY = 190
State = AIModel.State


@dataclass(frozen=True, slots=True)
class SyncResult:
    """How many models are new, changed, and no longer listed. The last are kept, and not used."""

    added: int
    updated: int
    gone: int


async def models_sync(actor: Actor, provider: Provider) -> SyncResult:
    """Ask the provider for its models and keep the list. Raises ProviderError, which is kept as its last check.

    No database connection is held meanwhile. Fields named in a model's `human_edits` stay as they are, and so do models
    that people switched off.
    """
    await in_db(must_work, actor)
    try:
        async with aclosing(make_adapter(provider.connection)) as adapter:
            infos = await adapter.list_models()
    except ProviderError as error:
        await in_db(check_store, provider, CheckResult(ok=False, message=error.message, error_code=error.code))
        raise
    return await in_db(listing_store, provider, infos)


@transaction.atomic
def listing_store(provider: Provider, infos: Iterable[ModelInfo], *, is_complete: bool = True) -> SyncResult:
    """Keep a listing. `is_complete`: what it does not name is gone."""
    if not Provider.objects.select_for_update().filter(pk=provider.pk).exists():
        raise NotFound(_("This provider was removed meanwhile."))
    now = timezone.now()
    listed = {info.key.casefold(): info for info in infos if 0 < len(info.key) <= LONGEST_MODEL_KEY}
    known = {model.key.casefold(): model for model in provider.models.all()}
    new = [_new_model(provider, info) for key, info in listed.items() if key not in known]
    AIModel.objects.bulk_create(new, batch_size=200)
    updated = sum(_update(model, provider, listed[key]) for key, model in known.items() if key in listed)
    gone = 0
    if is_complete:
        vanished = [model.pk for key, model in known.items() if key not in listed]
        gone = AIModel.objects.filter(pk__in=vanished).exclude(state=State.INACTIVE).update(state=State.INACTIVE, updated_at=now)
    provider.models.exclude(state=State.INACTIVE).update(checked_at=now)
    return SyncResult(added=len(new), updated=updated, gone=gone)


def _new_model(provider: Provider, info: ModelInfo) -> AIModel:
    return AIModel(provider=provider, key=info.key, state=_state_of(info), last_error=_problem_of(info), **_facts(provider, info))


def _update(model: AIModel, provider: Provider, info: ModelInfo) -> bool:
    """Whether anything differed from what was known."""
    facts = {field: value for field, value in _facts(provider, info).items() if field not in model.human_edits}
    if model.failed_until is None or not model.is_resting:
        facts |= {"state": _state_of(info), "last_error": _problem_of(info)}
    changed = [field for field, value in facts.items() if getattr(model, field) != value]
    for field in changed:
        setattr(model, field, facts[field])
    if changed:
        model.save(update_fields=[*changed, "updated_at"])
    return bool(changed)


def _facts(provider: Provider, info: ModelInfo) -> dict[str, Any]:
    """What the listing, the price file and the name say of a model; what none of them says keeps its default."""
    is_vendor = is_vendor_itself(provider.kind, provider.base_url)
    price = prices.price_of(provider.kind, info.key) if is_vendor else None
    family = family_of(info.key, info.details)
    facts: dict[str, Any] = {
        "display_name": info.display_name[:LONGEST_MODEL_KEY] or info.key,
        "family": family,
        "tier": "local" if provider.is_local else (price.tier if price else prices.tier_of_family(family)) or "fast",
        "capabilities": _capabilities(info, is_vendor=is_vendor),
        "is_practice": provider.is_builtin and bool(info.details.get("is_practice")),
    }
    if info.quantization:
        facts["quantization"] = info.quantization[:40]
    if info.size_bytes:
        facts["size_bytes"] = info.size_bytes
    if context_window := info.context_window or (price.context_window if price else None):
        facts["context_window"] = context_window
    if skill := info.details.get("skill"):
        facts["skill"] = skill
    if price:
        facts |= {"price_input": price.input, "price_output": price.output, "price_cached": price.cached}
        facts |= {"price_long_prompt": price.long_prompt, "price_source": prices.source()}
    return facts


def _capabilities(info: ModelInfo, *, is_vendor: bool) -> list[str]:
    """As listed. The four vendors' own chat APIs take tools and JSON schemas (their SDKs, read 2026-11-20) without listing it."""
    given = set(info.capabilities)
    if is_vendor and "chat" in given:
        given |= {"tools", "json"}
    return [one for one in CAPABILITIES if one in given]


def _state_of(info: ModelInfo) -> str:
    if info.state == "broken":
        return State.FAILED
    return info.state if info.state in (State.LOADED, State.LOADING) else State.AVAILABLE


def _problem_of(info: ModelInfo) -> str:
    return str(info.details.get("problem") or "") if info.state == "broken" else ""
