"""Breakers: what a failed call closes off, who may try whether it is well again, and what opens the way.

Closed: it is asked. Open: it rests until a time. When that is past, the first process whose conditional UPDATE meets the row
tries it with its next call (half-open) while all others still stay away; its first words close the breaker again, its
failure makes the rest longer. What closes it, too: a person (`breaker_reset`), a new key or address, a load or a check that
went well.

Nothing is written for a model that has not failed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock
from apps.common.errors import OrquestradorError
from apps.providers.errors import OutOfCredit, ProviderError
from apps.providers.faults import FAILURES_TO_OPEN, FIRST_STANDING_REST_S, FORGET_AFTER_S, Fault, fault_of
from apps.providers.models import AIModel, Breaker, Provider
from apps.providers.services.states import changed

State = Breaker.State


@again_after_deadlock
def breaker_try(breakers: Collection[Breaker], *, lease_s: float) -> bool:
    """Whether the caller is the one who tries what these hold back, all of them. It has `lease_s` seconds for the first words."""
    now = timezone.now()
    wanted = Breaker.objects.filter(pk__in=[breaker.pk for breaker in breakers], until__lte=now).exclude(state=State.CLOSED)
    until = now + timedelta(seconds=lease_s)
    with transaction.atomic():
        won = wanted.update(state=State.HALF_OPEN, until=until, updated_at=now) == len(breakers)
        if not won:
            transaction.set_rollback(True)
    return won


def breaker_give_back(tried: Collection[int]) -> None:
    """Whoever tried learned nothing: the next call may try."""
    Breaker.objects.filter(pk__in=tried, state=State.HALF_OPEN).update(state=State.OPEN, until=timezone.now())


def breaker_spoke(tried: Collection[int]) -> None:
    """The first words of a trial: it is asked again, and the next failure lets it rest again, longer than before."""
    Breaker.objects.filter(pk__in=tried).update(
        state=State.CLOSED, until=None, failures=FAILURES_TO_OPEN - 1, failed_at=timezone.now(), updated_at=timezone.now()
    )
    _tell(tried)


def breaker_answered(model: AIModel) -> None:
    """A whole answer: whatever the model and its provider had failed of is forgotten."""
    _forget(Q(model=model) | Q(provider=model.provider_id), model.provider)


@again_after_deadlock
def breaker_failed(model: AIModel, error: ProviderError, *, tried: Collection[int] = ()) -> None:
    """Keep what a failed call says of the model and its provider. `tried` are the breakers that the call was to try."""
    fault = fault_of(error, is_one_process_per_model=model.provider.is_builtin)
    kept = _keep(model, fault, error, tried) if fault else None
    breaker_give_back([pk for pk in tried if kept is None or pk != kept.pk])


def model_failed(model: AIModel, error: OrquestradorError | str, *, for_s: float = FIRST_STANDING_REST_S) -> None:
    """It could not be loaded, or failed in another way than by a call: it rests for `for_s` seconds, and people see why."""
    _model_failed(model, error, for_s)


@again_after_deadlock
def _model_failed(model: AIModel, error: OrquestradorError | str, for_s: float) -> None:
    breaker = _locked(model, "model")
    if breaker is not None:
        code, message = (error.code, error.message) if isinstance(error, OrquestradorError) else ("", error)
        _open(breaker, code=code, message=message, until=timezone.now() + timedelta(seconds=for_s))


def model_recovered(model: AIModel) -> None:
    """It was loaded, or works in another way: an earlier failure of its own is forgotten."""
    _forget(Q(model=model), model.provider)


def breaker_reset(actor: Actor, *, model: AIModel | None = None, provider: Provider | None = None) -> int:
    """A person says: ask it again now. A model's reset includes its provider, a provider's all its models.

    Gives how many rested.
    """
    actor.must_work()
    if model is not None:
        return _forget(Q(model=model) | Q(provider=model.provider_id), model.provider)
    assert provider is not None
    return _forget(Q(provider=provider) | Q(model__provider=provider), provider)


def provider_changed(provider: Provider) -> None:
    """It has another key or address, so what failed before says nothing any more."""
    _forget(Q(provider=provider) | Q(model__provider=provider), provider)


def provider_answered_check(provider: Provider) -> None:
    """It answers and takes the key; whether it has credit left, only a paid call can tell."""
    _forget(Q(provider=provider) & ~Q(error_code=OutOfCredit.code), provider)


def _keep(model: AIModel, fault: Fault, error: ProviderError, tried: Collection[int]) -> Breaker | None:
    breaker = _locked(model, fault.scope)
    if breaker is None or (breaker.state != State.CLOSED and breaker.pk not in tried):
        return breaker  # a call that began before the rest did; its news is old
    now = timezone.now()
    if breaker.failed_at is None or (now - breaker.failed_at).total_seconds() > FORGET_AFTER_S:
        breaker.failures = 0
    breaker.failures = min(breaker.failures + 1, FAILURES_TO_OPEN)
    if fault.is_standing or breaker.pk in tried or breaker.failures >= FAILURES_TO_OPEN:
        rest = timedelta(seconds=fault.rest_after(breaker.trips))
        _open(breaker, code=error.code, message=error.message, until=now + rest)
    else:
        breaker.failed_at, breaker.error_code, breaker.message = now, error.code, error.message
        breaker.save()
    return breaker


def _open(breaker: Breaker, *, code: str, message: str, until: datetime) -> None:
    breaker.state, breaker.until = State.OPEN, until
    breaker.trips = min(breaker.trips + 1, 1_000)
    breaker.error_code, breaker.message, breaker.failed_at = code[:40], message, timezone.now()
    breaker.save()
    _tell([breaker.pk])


def _locked(model: AIModel, scope: str) -> Breaker | None:
    """The breaker of the model or of its provider, locked for this transaction; None when the model was removed meanwhile."""
    if not AIModel.objects.filter(pk=model.pk).exists():
        return None
    rows = Breaker.objects.select_for_update()
    if scope == "provider":
        return rows.get_or_create(provider_id=model.provider_id)[0]
    return rows.get_or_create(model_id=model.pk)[0]


def _forget(which: Q, provider: Provider) -> int:
    found = Breaker.objects.filter(which)
    rested = [breaker for breaker in found if breaker.state != State.CLOSED]
    models = _models_behind(rested)
    found.delete()
    changed(provider.team_id, models=models)
    return len(rested)


def _tell(breakers: Collection[int]) -> None:
    rows = list(Breaker.objects.filter(pk__in=breakers).select_related("provider", "model__provider"))
    for breaker in rows:
        provider = breaker.provider or breaker.model.provider  # type: ignore[union-attr]
        changed(provider.team_id, models=_models_behind([breaker]))


def _models_behind(breakers: Sequence[Breaker]) -> list:
    """Public ids of the models that these hold back."""
    own = Q(breaker__in=[breaker.pk for breaker in breakers if breaker.model_id])
    whole = Q(provider__in=[breaker.provider_id for breaker in breakers if breaker.provider_id])
    return list(AIModel.objects.filter(own | whole).values_list("public_id", flat=True)) if breakers else []
