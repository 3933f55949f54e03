"""The models of a team as their management shows them: what state each is in, what it takes, what may be done with it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.actor import Actor
from apps.common.errors import BadInput
from apps.common.lookups import access_row, as_uuid
from apps.common.searching import with_words
from apps.providers import memory
from apps.providers.adapters import load_options_of
from apps.providers.memory import Space
from apps.providers.models import GROUPS, AIModel, Breaker, ModelDiscovery, ModelDownload, ModelLoad, ModelSettings, Provider
from apps.providers.selectors.lookups import models_visible
from apps.providers.selectors.screens import model_state
from apps.providers.services.fitting import is_here

# What a model's status is called, and the mark that always stands beside its words.
STATUSES = {
    "external": ("🌐", gettext_lazy("External")),
    "loaded": ("✓", gettext_lazy("Loaded")),
    "loading": ("🔄", gettext_lazy("Loading")),
    "failed": ("❌", gettext_lazy("Failed")),
    "not_loaded": ("○", gettext_lazy("Not loaded")),
    "unknown": ("?", gettext_lazy("Unknown")),
    "off": ("–", gettext_lazy("Switched off")),
    "gone": ("–", gettext_lazy("Gone from the provider")),
}
FILTERS = ("external", "loaded", "loading", "failed", "not_loaded", "off", "gone")
State = AIModel.State


# ── Many ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def models_managed(actor: Actor) -> QuerySet[AIModel]:
    """The team's models with provider, breakers and the load that is under way (`open_loads`). Two queries."""
    return with_open_loads(models_visible(actor).with_breakers())  # type: ignore[attr-defined]


def with_open_loads(rows: QuerySet[AIModel]) -> QuerySet[AIModel]:
    return rows.prefetch_related(Prefetch("loads", ModelLoad.objects.filter(is_open=True), to_attr="open_loads"))


def models_filtered(
    rows: QuerySet[AIModel], *, status: str = "", provider: str = "", capability: str = "", tier: str = "", search: str = ""
) -> QuerySet[AIModel]:
    """Those of `rows` that match. `status` is one of FILTERS; an empty filter lets all pass, one that is unknown is BadInput."""
    if status and status not in FILTERS:
        raise BadInput(_("The status is one of: %s.") % ", ".join(FILTERS), field="status")
    if status:
        rows = rows.filter(_is(status))
    if provider:
        rows = rows.filter(provider__public_id=as_uuid(provider))
    if capability:
        rows = rows.filter(capabilities__icontains=f'"{capability}"')
    if tier:
        rows = rows.filter(tier=tier)
    return with_words(rows, search, "key", "display_name", "family", "provider__display_name", "provider__name")


def status_counts(rows: QuerySet[AIModel]) -> dict[str, int]:
    """How many of `rows` have each status of FILTERS, and "" for all. One query."""
    counts = {name: Count("pk", filter=_is(name)) for name in FILTERS}
    found = rows.order_by().aggregate(all=Count("pk"), **counts)
    return {"": found.pop("all"), **found}


def _is(status: str) -> Q:
    on = Q(is_active=True, provider__status=Provider.Status.ACTIVE)
    gone = Q(state=State.INACTIVE)
    failed = on & ~gone & _failed()
    loading = Q(state=State.LOADING) | Q(pk__in=ModelLoad.objects.filter(is_open=True).values("model"))
    failed &= ~loading
    well = on & ~gone & ~loading & ~Q(pk__in=AIModel.objects.filter(_failed()).values("pk"))
    return {
        "failed": failed,
        "loading": on & ~gone & loading,
        "loaded": well & Q(state=State.LOADED),
        "external": well & Q(provider__is_local=False) & ~Q(state=State.LOADED),
        "not_loaded": well & Q(provider__is_local=True, state__in=(State.AVAILABLE, State.UNKNOWN)),
        "off": ~gone & ~on,
        "gone": gone,
    }[status]


def _failed() -> Q:
    now = timezone.now()
    resting = Q(breaker__until__gt=now) & ~Q(breaker__state=Breaker.State.CLOSED)
    whole = Q(provider__breaker__until__gt=now) & ~Q(provider__breaker__state=Breaker.State.CLOSED)
    return Q(state=State.FAILED) | resting | whole


# ── One ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
def status_of(model: AIModel) -> str:
    """One of STATUSES, the strongest reason first. No query for a row of `models_managed`."""
    if model.state == State.INACTIVE:
        return "gone"
    if not (model.is_active and model.provider.is_active):
        return "off"
    if model.state == State.LOADING or load_of(model):
        return "loading"
    if model.is_resting:
        return "failed"
    if model.state == State.LOADED:
        return "loaded"
    if not model.provider.is_local:
        return "external"
    return "not_loaded" if model.state == State.AVAILABLE else "unknown"


def model_row(model: AIModel) -> dict[str, Any]:
    """Everything that lists, pages and sockets show of a model's state. No query for a row of `models_managed`."""
    status = status_of(model)
    mark, words = STATUSES[status]
    load = load_of(model)
    can_load = load_options_of(model.provider.kind) is not None and status not in ("gone", "off")
    return {
        **model_state(model),
        "status": status,
        "status_label": str(words),
        "mark": mark,
        "provider_id": model.provider.public_id,
        "provider_label": str(model.provider),
        "size_bytes": model.size_bytes,
        "memory_bytes": model.memory_bytes,
        "vram_bytes": model.vram_bytes,
        "loaded_context": model.loaded_context,
        "can_load": can_load and status not in ("loaded", "loading"),
        "can_unload": can_load and status == "loaded",
        "load": load_state(load) if load else None,
    }


def load_of(model: AIModel) -> ModelLoad | None:
    """The load of it that is under way."""
    if not hasattr(model, "open_loads"):
        model.open_loads = list(model.loads.filter(is_open=True))  # type: ignore[attr-defined]
    return next(iter(model.open_loads), None)  # type: ignore[attr-defined]


def load_state(load: ModelLoad) -> dict[str, Any]:
    """How far a load is. `progress` is 0 to 1, None where the server does not say."""
    words = _("Being given up") if load.is_unwanted and load.is_open else str(load.get_state_display())
    return {
        "id": load.public_id,
        "state": load.state,
        "state_label": words,
        "is_unwanted": load.is_unwanted,
        "progress": load.progress,
        "started_at": load.started_at,
        "finished_at": load.finished_at,
        "message": load.message,
        "options": load.options,
    }


def loads_of(model: AIModel, *, most: int = 5) -> list[ModelLoad]:
    """Its last loads, the newest first, each with who asked. One query."""
    return list(model.loads.select_related("owner").order_by("-created_at")[:most])


def usual_load_s(loads: list[ModelLoad]) -> float | None:
    """How long it took the last time that it was loaded, of these rows."""
    return next((load.took_s for load in loads if load.state == ModelLoad.State.LOADED), None)


# ── Memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def memory_overview(actor: Actor) -> dict[str, Any]:
    """The memory of this machine, and what the team's loaded models take of it. One query.

    `unknown` names the local servers on other machines, of whose memory nothing is known.
    """
    loaded = models_visible(actor).filter(state=State.LOADED)
    here = [model for model in loaded if is_here(model.provider)]
    away = Provider.objects.filter(team=actor.team, is_local=True, status=Provider.Status.ACTIVE)
    return {
        "gpus": [_space(space) for space in memory.gpus()],
        "ram": _space(memory.machine_memory()),
        "loaded": [
            {
                "id": model.public_id,
                "model": str(model),
                "memory_bytes": model.memory_bytes,
                "vram_bytes": model.vram_bytes,
                "size_bytes": model.size_bytes,
            }
            for model in here
        ],
        "unknown": [str(provider) for provider in away if not is_here(provider)],
    }


def _space(space: Space) -> dict[str, Any]:
    return {
        "name": space.name,
        "total_bytes": space.total_bytes,
        "free_bytes": space.free_bytes,
        "used_bytes": space.used_bytes,
        "used_percent": round(100 * space.used_bytes / space.total_bytes) if space.total_bytes else 0,
    }


# ── Downloads ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def download_state(download: ModelDownload) -> dict[str, Any]:
    """How far a download is. For a row with its provider; no query."""
    return {
        "id": download.public_id,
        "name": download.name,
        "quantization": download.quantization,
        "provider": download.provider.name,
        "state": download.state,
        "state_label": str(download.get_state_display()),
        "downloaded_bytes": download.downloaded_bytes,
        "total_bytes": download.total_bytes,
        "percent": download.percent,
        "bytes_per_second": download.bytes_per_second,
        "integrity": download.integrity,
        "integrity_label": str(download.get_integrity_display()),
        "last_error": download.last_error,
    }


# ── What was found, what is set ───────────────────────────────────────────────────────────────────────────────────────
def discoveries_visible(actor: Actor) -> QuerySet[ModelDiscovery]:
    """What turned up for the team, each with its provider where it has one, the newest first. One query."""
    return ModelDiscovery.objects.filter(team=actor.team).select_related("provider")


def access_discovery(actor: Actor, public_id: UUID | str) -> ModelDiscovery:
    """One found model of the actor's team; NotFound otherwise."""
    return access_row(discoveries_visible(actor), public_id, _("There is no such found model."))


def discovery_counts(actor: Actor) -> dict[str, int]:
    """How many there are in each state. One query."""
    rows = ModelDiscovery.objects.filter(team=actor.team).order_by().values("state").annotate(n=Count("pk"))
    return {row["state"]: row["n"] for row in rows}


def discoveries_new(actor: Actor) -> int:
    """How many wait for a decision. One query."""
    return ModelDiscovery.objects.filter(team=actor.team, state=ModelDiscovery.State.NEW).count()


def model_settings(actor: Actor) -> ModelSettings:
    """What the team set about its models; the usual, unsaved, where it set nothing. One query."""
    found = ModelSettings.objects.filter(team=actor.team).first()
    return found or ModelSettings(team=actor.team, suggestion_order=list(GROUPS))
