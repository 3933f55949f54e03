"""Starting and stopping benchmarks of validators. Workers carry them out (`apps.tasks.runner.validating`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Team
from apps.common.errors import BadInput, Conflict
from apps.common.leases import OPEN
from apps.providers.contract import Usage
from apps.providers.models import AIModel
from apps.providers.models.trials import TrialStatus
from apps.providers.services import cost_of
from apps.tasks.fields import chat_model
from apps.tasks.models import ValidatorRun
from apps.tasks.planted import Case, cases_of, practice_questions
from apps.tasks.runner.bell import ring_validators

MOST_MODELS = 5
# What a verdict takes besides the text: instructions and a form to read, reasons to write. Measured with the shipped prompts.
TOKENS_AROUND, TOKENS_OF_A_VERDICT, TOKENS_OF_A_RULING = 600, 400, 200
CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would take. `usd` None: the price of a model is unknown. Disputes are counted as one for each planted fault."""

    verdicts: int  # rows: each case for each checker, alone and with each judge
    calls: int
    usd: Decimal | None


def run_estimate(models: Sequence[AIModel], cases: Sequence[Case]) -> Estimate:
    """Before anything is paid. Needs the models' providers loaded."""
    total, calls, verdicts = Decimal(0), 0, 0
    is_unknown = False
    faults = [case for case in cases if not case.is_right]
    for checker in models:
        judges = [model for model in models if model.family != checker.family]
        verdicts += len(cases) * (1 + len(judges))
        for model, read, out in ((checker, cases, TOKENS_OF_A_VERDICT), *((j, faults, TOKENS_OF_A_RULING) for j in judges)):
            calls += len(read)
            cost = cost_of(model, Usage(sum(map(_tokens, read)), out * len(read)))
            is_unknown |= cost is None
            total += cost or Decimal(0)
    return Estimate(verdicts, calls, None if is_unknown else total)


def _tokens(case: Case) -> int:
    return (len(case.question) + len(case.answer) + sum(map(len, case.criteria))) // CHARS_PER_TOKEN + TOKENS_AROUND


def run_plan(actor: Actor, *, models: Iterable[str], cases: str, questions: int) -> tuple[list[AIModel], Estimate]:
    """The models that a run would ask, and what it would take. Admins only; raises BadInput by field."""
    actor.must_manage()
    rows = [chat_model(actor, public_id, field="models") for public_id in dict.fromkeys(models)]
    if not 1 <= len(rows) <= MOST_MODELS:
        raise BadInput(_("Choose one to %d models.") % MOST_MODELS, field="models")
    if cases not in ValidatorRun.Cases.values:
        raise BadInput(_("The cases are one of: %s.") % ", ".join(ValidatorRun.Cases.values), field="cases")
    if not 1 <= questions <= practice_questions():
        raise BadInput(_("The practice questions are from 1 to %d.") % practice_questions(), field="questions")
    return rows, run_estimate(rows, cases_of(cases, questions))


@transaction.atomic
def run_start(actor: Actor, *, models: Iterable[str], cases: str, questions: int = 30) -> ValidatorRun:
    """Have the models judge planted faults, each alone and with each of another family as judge. One run of a team at a time."""
    rows, estimate = run_plan(actor, models=models, cases=cases, questions=questions)
    Team.objects.select_for_update().get(pk=actor.team.pk)  # two who press at once
    if ValidatorRun.objects.filter(team=actor.team, status__in=OPEN).exists():
        raise Conflict(_("A benchmark of validators is under way already. Wait for it, or stop it."))
    run = ValidatorRun.objects.create(
        owner=actor.user,
        team=actor.team,
        models_asked=[{"id": str(row.public_id), "label": str(row), "provider": str(row.provider)} for row in rows],
        cases=cases,
        questions=questions,
        total=estimate.verdicts,
        estimate_usd=estimate.usd,
    )
    transaction.on_commit(ring_validators)
    return run


def run_stop(actor: Actor, run: ValidatorRun) -> ValidatorRun:
    """The worker closes its calls at once; what was judged stays. Conflict where it has ended already."""
    actor.must_manage()
    if not ValidatorRun.objects.filter(pk=run.pk, status__in=OPEN).update(
        status=TrialStatus.CANCELLED, finished_at=timezone.now(), current=""
    ):
        raise Conflict(_("It has ended already."))
    run.refresh_from_db()
    return run


@transaction.atomic
def run_delete(actor: Actor, run: ValidatorRun) -> None:
    """Remove it with its verdicts; one under way is stopped by that. What its calls cost stays on record."""
    actor.must_manage()
    ValidatorRun.objects.select_for_update().filter(pk=run.pk).first()  # no verdict is stored from here on
    run.delete()
