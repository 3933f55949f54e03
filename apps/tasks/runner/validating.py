"""Carries out benchmarks of validators in a worker: takes one up under a lease, judges case by case, stores each as it ends.

A run that was interrupted goes on with the cases that are missing, and asks nobody twice for what is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F

from apps.common.db import again_after_deadlock, in_db
from apps.common.leases import LeasedWorker
from apps.common.said import gettext as _
from apps.providers.calls import Calls
from apps.providers.contract import Completion
from apps.providers.errors import OverBudget, PriceUnknown
from apps.providers.models import AIModel
from apps.providers.services import cost_of, reservations_release
from apps.providers.services.paid import Caller, paid_stream
from apps.tasks.engine import errors as engine
from apps.tasks.engine.context import request_of
from apps.tasks.engine.judging import AUTHOR, Bench, Judged, judge_answer, settle_dispute
from apps.tasks.engine.types import Answer, ModelRef, Prompt
from apps.tasks.models import ValidatorOutcome, ValidatorRun
from apps.tasks.planted import Case, cases_of
from apps.tasks.runner.ais import ref_of

AT_ONCE_LOCAL, AT_ONCE = 1, 4  # cases of one checker
FAILURES_TO_GIVE_UP = 5  # in a row without a verdict because calls failed: the rest would fail too
# What the model answered could not be used: that is what is measured, and no reason to end.
ANSWERED_BADLY = frozenset({"bad_verdict", "runaway_answer", "empty_work", "schema_mismatch"})
PURPOSE = "validator bench"


@dataclass
class Bill:
    calls: int = 0
    cost_usd: Decimal = Decimal(0)
    is_partial: bool = False


class ValidatorWorker(LeasedWorker[ValidatorRun]):
    """The benchmarks of validators of one process."""

    kinds = (ValidatorRun,)

    async def carry_out(self, run: ValidatorRun) -> None:
        await Benchmarking(run).carry_out()

    def settle(self, run: ValidatorRun, *, is_over: bool) -> None:
        reservations_release(run.public_id)
        if is_over:
            _say_current(run, "")


class Benchmarking:
    """One run at work."""

    def __init__(self, run: ValidatorRun) -> None:
        self.run = run
        self._calls = Calls()
        self._rows: dict[str, AIModel] = {}
        self._known: set[str] = set()
        self._failed_in_a_row = 0

    async def carry_out(self) -> None:
        self._rows, self._known = await in_db(_load, self.run)
        cases = cases_of(self.run.cases, self.run.questions)
        try:
            for checker, judges in pairs_of(self.run, self._rows):
                await in_db(_say_current, self.run, str(checker))
                at_once = asyncio.Semaphore(AT_ONCE_LOCAL if checker.provider.is_local else AT_ONCE)
                async with asyncio.TaskGroup() as group:
                    for case in cases:
                        group.create_task(self._case(checker, judges, case, at_once))
        finally:
            await self._calls.aclose()

    async def _case(self, checker: AIModel, judges: Sequence[AIModel], case: Case, at_once: asyncio.Semaphore) -> None:
        """The checker alone, and then each judge where there is a dispute. What is stored is not asked for again."""
        missing = [judge for judge in (None, *judges) if outcome_place(checker, judge, case) not in self._known]
        if not missing:
            return
        async with at_once:
            bill = Bill()
            bench = Bench(case.key, case.question, self._asker(bill))
            judged = await judge_answer(ref_of(checker), case.answer, bench, criteria=case.criteria)
            self._must_go_on(judged)
            if None in missing:
                await asyncio.shield(in_db(_keep, self.run, checker, None, case, judged, "", bill))
            for judge in (one for one in missing if one is not None):
                more, winner = Bill(), ""
                if judged.wants_judge:
                    bench = Bench(case.key, case.question, self._asker(more))
                    winner = await settle_dispute(ref_of(judge), case.answer, judged, bench, criteria=case.criteria)
                await asyncio.shield(in_db(_keep, self.run, checker, judge, case, judged, winner, more))

    def _must_go_on(self, judged: Judged) -> None:
        failed = [one for one in judged.check.failed if one.code not in ANSWERED_BADLY]
        self._failed_in_a_row = self._failed_in_a_row + 1 if failed else 0
        if failed and self._failed_in_a_row >= FAILURES_TO_GIVE_UP:
            raise engine.NoModelAnswered(
                _("%(model)s failed %(n)d times in a row: %(error)s")
                % {"model": failed[-1].model.label, "n": self._failed_in_a_row, "error": failed[-1].message}
            )

    def _asker(self, bill: Bill) -> Any:
        async def ask(model: ModelRef, prompt: Prompt) -> Answer:
            row = self._rows[model.id]
            caller = Caller(self.run.team_id, self.run.owner_id, PURPOSE, None, self.run.public_id)
            try:
                async with aclosing(paid_stream(self._calls, row, request_of(model, prompt), caller)) as items:
                    async for item in items:
                        if isinstance(item, Completion):
                            cost = cost_of(row, item.usage)
                            bill.calls += 1
                            bill.cost_usd += cost or Decimal(0)
                            bill.is_partial |= cost is None
                            return Answer(model, item)
            except OverBudget as refused:
                raise engine.OverSharedBudget(refused.message, budget=refused.budget, is_held=refused.is_held) from refused
            except PriceUnknown as refused:
                raise engine.PriceUnknown(refused.message, **refused.extra) from refused
            raise RuntimeError("a stream ended without a completion")

        return ask


# ── the rows ──────────────────────────────────────────────────────────────────────────────────────────────────────


def pairs_of(run: ValidatorRun, rows: dict[str, AIModel]) -> list[tuple[AIModel, list[AIModel]]]:
    """Each checker that is still there with its judges, in the order in which they were chosen."""
    found = [rows[one["id"]] for one in run.models_asked if one["id"] in rows]
    return [(checker, [model for model in found if model.family != checker.family]) for checker in found]


def outcome_place(checker: Any, judge: Any | None, case: Case) -> str:
    """Where in a run a verdict belongs: it is given once."""
    return f"{checker.public_id}/{judge.public_id if judge else '-'}/{case.key}"


def _load(run: ValidatorRun) -> tuple[dict[str, AIModel], set[str]]:
    ids = [one["id"] for one in run.models_asked]
    rows = AIModel.objects.in_use().with_breakers().filter(public_id__in=ids, provider__team=run.team_id)
    return {str(row.public_id): row for row in rows}, set(run.outcomes.values_list("place", flat=True))


def _say_current(run: ValidatorRun, what: str) -> None:
    ValidatorRun.objects.filter(pk=run.pk).update(current=what[:250])


@again_after_deadlock
def _keep(
    run: ValidatorRun, checker: AIModel, judge: AIModel | None, case: Case, judged: Judged, winner: str, bill: Bill
) -> None:
    divergence = judged.check.divergence.total if judged.check.divergence else None
    mine = ValidatorRun.objects.filter(pk=run.pk)
    # Locked before anything points at it: an outcome shares the row, and who shares it waits for ever on who wants it alone.
    if not mine.select_for_update().exists():
        return  # deleted meanwhile; what the calls cost is in the usage
    ValidatorOutcome.objects.get_or_create(
        run=run,
        place=outcome_place(checker, judge, case),
        defaults={
            "team_id": run.team_id,
            "origin": ValidatorOutcome.Origin.BENCHMARK,
            "author_name": AUTHOR.label,
            "checker": checker,
            "checker_name": str(checker)[:250],
            "judge": judge,
            "judge_name": str(judge)[:250] if judge else "",
            "kind": case.kind,
            "language": case.language,
            "divergence": None if divergence is None else Decimal(str(round(divergence, 2))),
            "accepted": judged.accepted,
            "winner": winner,
            "is_right": case.is_right,
            "known_by": ValidatorOutcome.KnownBy.PLANTED,
            "cost_usd": None if bill.is_partial else bill.cost_usd,
        },
    )
    mine.update(
        done=run.outcomes.count(), calls=F("calls") + bill.calls, cost_usd=F("cost_usd") + bill.cost_usd,
        is_partial=run.is_partial or bill.is_partial,
    )  # fmt: skip
    run.is_partial |= bill.is_partial


worker = ValidatorWorker()
