"""Keeping the list of models as the provider gives it, without undoing what people set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock, in_db
from apps.common.errors import NotFound
from apps.common.said import gettext as _
from apps.providers import prices
from apps.providers.adapters import make_adapter
from apps.providers.addresses import is_vendor_itself
from apps.providers.contract import CAPABILITIES, CheckResult, ModelInfo
from apps.providers.errors import ProviderError
from apps.providers.families import family_of
from apps.providers.models import AIModel, ModelDiscovery, ModelLoad, Provider
from apps.providers.services.prices import file_price, price_facts
from apps.providers.services.providers import check_store, must_work
from apps.providers.services.states import changed

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


@again_after_deadlock
def listing_store(
    provider: Provider,
    infos: Sequence[ModelInfo],
    *,
    is_complete: bool = True,
    accepts_new: bool = True,
    in_memory: Sequence[ModelInfo] | None = None,
) -> SyncResult:
    """Keep a listing. `is_complete`: what it does not name is gone.

    New models are added; without `accepts_new` they are kept as found, to be accepted by somebody. What a person ignores stays
    away. `in_memory`: what the server says of the models that are loaded.
    """
    if not Provider.objects.select_for_update().filter(pk=provider.pk).exists():
        raise NotFound(_("This provider was removed meanwhile."))
    now = timezone.now()
    listed = {info.key.casefold(): info for info in infos if 0 < len(info.key) <= LONGEST_MODEL_KEY}
    known = {model.key.casefold(): model for model in provider.models.all()}
    loading = set(ModelLoad.objects.filter(model__provider=provider, is_open=True).values_list("model_id", flat=True))
    sizes = {info.key.casefold(): info for info in in_memory or ()}
    unknown = {key: info for key, info in listed.items() if key not in known}
    new = _add(provider, unknown) if accepts_new else []
    if not accepts_new:
        _keep_found(provider, unknown)
    updated = [
        model
        for key, model in known.items()
        if key in listed and _update(model, provider, listed[key], sizes.get(key), is_loading=model.pk in loading)
    ]
    gone = _vanish([model for key, model in known.items() if key not in listed]) if is_complete else []
    provider.models.exclude(state=State.INACTIVE).update(checked_at=now)
    Provider.objects.filter(pk=provider.pk).update(listed_at=now)
    changed(provider.team_id, models=[model.public_id for model in (*new, *updated, *gone)])
    return SyncResult(added=len(new), updated=len(updated), gone=len(gone))


def _add(provider: Provider, infos: Mapping[str, ModelInfo]) -> list[AIModel]:
    """All but those that somebody ignored; what was found before is accepted by this."""
    if not infos:
        return []
    ignored = provider.discoveries.filter(state=ModelDiscovery.State.IGNORED).values_list("model_key", flat=True)
    unwanted = {key.casefold() for key in ignored}
    wanted = [info for key, info in infos.items() if key not in unwanted]
    new = AIModel.objects.bulk_create([model_from(provider, info) for info in wanted], batch_size=200)
    found = ModelDiscovery.objects.filter(team_id=provider.team_id, model_key__in=[info.key for info in wanted])
    found = found.filter(Q(provider=provider) | Q(address=provider.base_url or None)).exclude(state=ModelDiscovery.State.ACCEPTED)
    if found.update(state=ModelDiscovery.State.ACCEPTED, updated_at=timezone.now()):
        changed(provider.team_id, found_models=True)
    return new


def _keep_found(provider: Provider, infos: Mapping[str, ModelInfo]) -> None:
    """What is seen for the first time is new; what was seen before keeps what people decided."""
    now = timezone.now()
    rows = {row.model_key.casefold(): row for row in provider.discoveries.all()} if infos else {}
    new = [
        ModelDiscovery(
            team_id=provider.team_id, provider=provider, model_key=info.key, details=_kept(info), found_at=now, seen_at=now
        )
        for key, info in infos.items()
        if key not in rows
    ]
    ModelDiscovery.objects.bulk_create(new, batch_size=200)
    again = [row for key, row in rows.items() if key in infos]
    for row in again:
        row.details, row.seen_at = {**row.details, **_kept(infos[row.model_key.casefold()])}, now
    ModelDiscovery.objects.bulk_update(again, ["details", "seen_at"], batch_size=200)
    if new:
        changed(provider.team_id, found_models=True)


def _vanish(models: list[AIModel]) -> list[AIModel]:
    gone = [model for model in models if model.state != State.INACTIVE]
    AIModel.objects.filter(pk__in=[model.pk for model in gone]).update(
        state=State.INACTIVE, memory_bytes=None, vram_bytes=None, loaded_context=None, updated_at=timezone.now()
    )
    return gone


def _kept(info: ModelInfo) -> dict[str, Any]:
    """What is needed of a listing to make the model later."""
    fields = ("display_name", "capabilities", "context_window", "size_bytes", "quantization", "state")
    details = {name: value for name, value in info.details.items() if isinstance(value, str | int | float | bool)}
    return {**{name: getattr(info, name) for name in fields}, "capabilities": list(info.capabilities), "details": details}


def info_of(key: str, kept: Mapping[str, Any]) -> ModelInfo:
    """A found model as its server listed it, of what was kept."""
    return ModelInfo(
        key=key,
        display_name=kept.get("display_name") or "",
        capabilities=tuple(kept.get("capabilities") or ("chat",)),
        context_window=kept.get("context_window"),
        size_bytes=kept.get("size_bytes"),
        quantization=kept.get("quantization") or "",
        state=kept.get("state") or "unknown",
        details=kept.get("details") or {},
    )


def model_from(provider: Provider, info: ModelInfo) -> AIModel:
    """A row, not yet saved, of what its server lists."""
    return AIModel(provider=provider, key=info.key, state=_state_of(info), last_error=_problem_of(info), **_facts(provider, info))


def _update(model: AIModel, provider: Provider, info: ModelInfo, in_memory: ModelInfo | None, *, is_loading: bool) -> bool:
    """Whether anything differed from what was known."""
    facts = {field: value for field, value in _facts(provider, info).items() if field not in model.human_edits}
    facts |= {"state": _state_of(info), "last_error": _problem_of(info)} | _memory_of(info, in_memory)
    if is_loading:  # whoever is at it knows better than any list
        facts.pop("state")
    differing = [field for field, value in facts.items() if getattr(model, field) != value]
    for field in differing:
        setattr(model, field, facts[field])
    if differing:
        model.save(update_fields=[*differing, "updated_at"])
    return bool(differing)


def _memory_of(info: ModelInfo, in_memory: ModelInfo | None) -> dict[str, Any]:
    if info.state != "loaded":
        return {"memory_bytes": None, "vram_bytes": None, "loaded_context": None}
    details = in_memory.details if in_memory else {}
    sizes = {f"{name}_bytes": details[f"{name}_bytes"] for name in ("memory", "vram") if details.get(f"{name}_bytes")}
    return {**sizes, "loaded_context": (in_memory or info).context_window}


def _facts(provider: Provider, info: ModelInfo) -> dict[str, Any]:
    """What the listing, the price file and the name say of a model; what none of them says keeps its default."""
    is_vendor = is_vendor_itself(provider.kind, provider.base_url)
    price = file_price(provider, info.key)
    family = family_of(info.key, info.details)
    facts: dict[str, Any] = {
        "display_name": info.display_name[:LONGEST_MODEL_KEY] or info.key,
        "family": family,
        "tier": "local" if provider.is_local else (price and price.tier) or prices.tier_of_family(family) or "fast",
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
    return facts | (price_facts(price) if price else {})


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
