"""Starting and stopping benchmarks and comparisons. Workers carry them out (`apps.providers.trials`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import Conflict, NotFound
from apps.common.leases import OPEN
from apps.providers.models import (
    AIModel,
    AnswerStatus,
    Benchmark,
    BenchmarkAnswer,
    Comparison,
    ComparisonAnswer,
    Trial,
    TrialStatus,
)
from apps.providers.selectors.lookups import access_model
from apps.providers.services import checks
from apps.providers.services.bell import ring_trials
from apps.providers.services.checks import FieldErrors
from apps.providers.services.ratings import GENERAL, category_text, model_rate
from apps.providers.trials import live
from apps.providers.trials.questions import QUESTIONS, VERSION

MOST_ROUNDS = 10
FEWEST_MODELS, MOST_MODELS = 2, 6
MOST_PROMPT_CHARS = 100_000
MOST_OUTPUT_TOKENS = 32_768
KEPT = timedelta(days=1)  # a deleted one can be brought back for so long
MOST_PURGED = 500  # at once
Kept = Benchmark | Comparison


def benchmark_start(actor: Actor, model: AIModel, *, rounds: int = 3) -> Benchmark:
    """Have the standard questions asked of it, each `rounds` times. Conflict while one of it is under way."""
    actor.must_work()
    errors = FieldErrors()
    if isinstance(rounds, bool) or not isinstance(rounds, int) or not 1 <= rounds <= MOST_ROUNDS:
        errors.add("rounds", _("The rounds are a whole number from 1 to %d.") % MOST_ROUNDS)
    errors.raise_if_any()
    _must_be_askable(model)
    with transaction.atomic():
        AIModel.objects.select_for_update().get(pk=model.pk)  # two who press at once
        if Benchmark.objects.filter(model=model, status__in=OPEN).exists():
            raise Conflict(_("A benchmark of this model is under way already. Wait for it, or stop it."))
        row = Benchmark.objects.create(owner=actor.user, team=actor.team, model=model, rounds=rounds, questions_version=VERSION)
        BenchmarkAnswer.objects.bulk_create(
            BenchmarkAnswer(benchmark=row, question=question.key, round=number)
            for number in range(1, rounds + 1)
            for question in QUESTIONS
        )
        transaction.on_commit(ring_trials)
    return row


def comparison_start(
    actor: Actor,
    *,
    prompt: str,
    models: Iterable[Any],
    system: str = "",
    category: str = GENERAL,
    max_output_tokens: Any = 1_024,
    temperature: float | None = None,
) -> Comparison:
    """Have one prompt answered by several models at the same time. `models` are rows or public ids. Raises BadInput by field."""
    actor.must_work()
    errors = FieldErrors()
    values = {
        "prompt": checks.text(prompt, "prompt", errors, most=MOST_PROMPT_CHARS, required=True),
        "system": checks.text(system, "system", errors, most=MOST_PROMPT_CHARS),
        "category": category_text(category, "category", errors) or GENERAL,
        "max_output_tokens": checks.whole_number(max_output_tokens, "max_output_tokens", errors, most=MOST_OUTPUT_TOKENS)
        or 1_024,
        "temperature": temperature,
    }
    if temperature is not None and not 0 <= temperature <= 2:
        errors.add("temperature", _("The temperature is a number from 0 to 2, or nothing to leave it to the model."))
    chosen = _models(actor, models, errors)
    errors.raise_if_any()
    with transaction.atomic():
        row = Comparison.objects.create(owner=actor.user, team=actor.team, **values)
        ComparisonAnswer.objects.bulk_create(
            ComparisonAnswer(
                comparison=row, model=model, model_name=str(model), provider_name=str(model.provider), position=position
            )
            for position, model in enumerate(chosen, 1)
        )
        transaction.on_commit(ring_trials)
    return row


def trial_stop(actor: Actor, trial: Trial) -> Trial:
    """Stop it: the worker closes its calls at once, what has come is kept. Conflict where it has ended already."""
    actor.must_own(trial.owner_id)
    rows: Any = type(trial)._default_manager.filter(pk=trial.pk)
    now = timezone.now()
    if not rows.filter(status__in=OPEN).update(status=TrialStatus.CANCELLED, finished_at=now):
        raise Conflict(_("It has ended already."))
    trial.refresh_from_db()
    if not trial.lease_owner or (trial.lease_until and trial.lease_until < now):  # nobody is at it
        trial.answers.open().update(status=AnswerStatus.CANCELLED, finished_at=now)
    live.changed(trial)
    return trial


def trial_delete(actor: Actor, trial: Kept, *, moment: datetime | None = None) -> datetime:
    """Take it away with its answers; one under way is stopped by that. What its calls cost stays on record.

    For `KEPT` it can be brought back by the moment that this gives.
    """
    actor.must_own(trial.owner_id)
    if trial.is_open:
        with contextlib.suppress(Conflict):  # it ended meanwhile
            trial_stop(actor, trial)
    trial.deleted_at = moment or timezone.now()
    trial.save(update_fields=["deleted_at", "updated_at"])
    return trial.deleted_at


def trials_restore(actor: Actor, kind: type[Kept], moment: datetime) -> int:
    """Bring back what was deleted at that moment, as far as it is the actor's to change. Gives how many."""
    actor.must_work()
    manager: Any = kind._default_manager
    rows = manager.filter(team=actor.team, deleted_at=moment)
    if not actor.can_manage:
        rows = rows.filter(owner=actor.user)
    return int(rows.update(deleted_at=None))


def trials_purge(now: datetime | None = None) -> int:
    """Remove for good, with their answers, those that were deleted longer than `KEPT` ago. Gives how many."""
    before, number = (now or timezone.now()) - KEPT, 0
    for kind in (Benchmark, Comparison):
        old = list(kind.objects.filter(deleted_at__lt=before).values_list("pk", flat=True)[:MOST_PURGED])
        kind.objects.filter(pk__in=old).delete()
        number += len(old)
    return number


def comparison_rate(actor: Actor, comparison: Comparison, *, column: int, stars: int, comment: str = "") -> ComparisonAnswer:
    """Say how good the answer in a column is, 1-5: kept with it, and as the person's rating of its model in the category."""
    actor.must_own(comparison.owner_id)
    row = comparison.answers.select_related("model__provider").filter(position=column).first()
    if row is None:
        raise NotFound(_("There is no such answer."))
    if row.model is None:
        raise Conflict(_("This model has been removed, so it cannot be rated any more."))
    if not row.text:
        raise Conflict(_("There is no answer to be rated."))
    with transaction.atomic():
        model_rate(actor, row.model, category=comparison.category, stars=stars, comment=comment)
        row.stars = stars
        row.save(update_fields=["stars"])
    transaction.on_commit(lambda: live.changed(comparison))
    return row


def _models(actor: Actor, given: Iterable[Any], errors: FieldErrors) -> list[AIModel]:
    found: dict[int, AIModel] = {}
    for one in given:
        try:
            model = access_model(actor, one.public_id if isinstance(one, AIModel) else str(one))
            _must_be_askable(model)
        except (NotFound, Conflict) as error:
            errors.add("models", error.message)
        else:
            found[model.pk] = model
    if not FEWEST_MODELS <= len(found) <= MOST_MODELS:
        errors.add("models", _("Choose %(fewest)d to %(most)d models.") % {"fewest": FEWEST_MODELS, "most": MOST_MODELS})
    return list(found.values())


def _must_be_askable(model: AIModel) -> None:
    if not model.is_active or not model.provider.is_active:
        raise Conflict(_("The model %s is switched off. Switch it on under Providers, or choose another.") % model)
    if model.state == AIModel.State.INACTIVE:
        raise Conflict(_("%s is gone from its provider.") % model)
    if not model.is_chat:
        raise Conflict(_("The model %s cannot chat. Choose one that can.") % model)
