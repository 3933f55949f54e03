"""Carries out benchmarks of validators in a worker: takes one up under a lease, judges case by case, stores each as it ends.

A run that was interrupted goes on with the cases that are missing, and asks nobody twice for what is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.db import again_after_deadlock, close_idle_connections, in_db
from apps.common.errors import OrquestradorError
from apps.common.logs import correlation_id
from apps.providers.calls import Calls
from apps.providers.contract import Completion
from apps.providers.errors import OverBudget, PriceUnknown
from apps.providers.models import AIModel
from apps.providers.models.trials import TrialStatus
from apps.providers.services import cost_of, reservations_release
from apps.providers.services.paid import Caller, paid_stream
from apps.tasks.engine import errors as engine
from apps.tasks.engine.context import request_of
from apps.tasks.engine.judging import AUTHOR, Bench, Judged, judge_answer, settle_dispute
from apps.tasks.engine.types import Answer, ModelRef, Prompt
from apps.tasks.models import ValidatorOutcome, ValidatorRun
from apps.tasks.planted import Case, cases_of
from apps.tasks.runner.ais import ref_of
from apps.tasks.runner.machine import host_name

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5  # how soon a Stop is obeyed
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


@dataclass
class ValidatorWorker:
    """The runs of one process, each in the thread that took it up."""

    name: str = field(default_factory=lambda: f"{host_name()}:{os.getpid()}:{uuid.uuid4().hex[:6]}")
    is_stopping: bool = False
    _flows: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Task]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> int:
        """Carry out waiting runs until there is none. Gives how many it took up."""
        done = 0
        while not self.is_stopping and (run := claim(self.name)):
            token = correlation_id.set(str(run.public_id))
            try:
                async_to_sync(self._run)(run)
            finally:
                correlation_id.reset(token)
                close_idle_connections()
            done += 1
        return done

    def stop(self) -> None:
        """Let go of everything: what was judged is stored, the rest is judged by whoever takes the run up next."""
        self.is_stopping = True
        with self._guard:
            flows = list(self._flows.values())
        for loop, flow in flows:
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(flow.cancel)

    async def _run(self, run: ValidatorRun) -> None:
        flow = asyncio.ensure_future(Benchmarking(run).carry_out())
        with self._guard:
            self._flows[run.pk] = asyncio.get_running_loop(), flow
        beat = asyncio.ensure_future(self._beat(run, flow))
        try:
            await flow
            await in_db(end, run, self.name, TrialStatus.COMPLETED, "")
        except asyncio.CancelledError:
            await in_db(let_go, run, self.name)
        except OrquestradorError as error:
            await in_db(end, run, self.name, TrialStatus.FAILED, error.message)
        except Exception as error:
            log.exception("a benchmark of validators ended unexpectedly")
            await in_db(end, run, self.name, TrialStatus.FAILED, type(error).__name__)
        finally:
            beat.cancel()
            with self._guard:
                self._flows.pop(run.pk, None)

    async def _beat(self, run: ValidatorRun, flow: asyncio.Task) -> None:
        """Renew the lease for as long as the run is ours and nobody has stopped it; else end it, which closes its calls."""
        while await in_db(renew, run, self.name):
            await asyncio.sleep(LOOK_EVERY_S)
        flow.cancel()


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
        except* OrquestradorError as errors:
            raise errors.exceptions[0] from None
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


def waiting() -> Any:
    return ValidatorRun.objects.waiting()


def claim(holder: str) -> ValidatorRun | None:
    """The oldest waiting run, now leased to `holder`; None when nothing waits."""
    try:
        return _claim(holder)
    finally:
        close_idle_connections()


@again_after_deadlock
def _claim(holder: str) -> ValidatorRun | None:
    now = timezone.now()
    for pk in waiting().values_list("pk", flat=True)[:20]:
        free = ValidatorRun.objects.filter(
            Q(lease_until=None) | Q(lease_until__lt=now), pk=pk, status__in=(TrialStatus.WAITING, TrialStatus.RUNNING)
        )
        taken = free.update(
            status=TrialStatus.RUNNING,
            lease_owner=holder,
            lease_until=_lease_end(),
            started_at=Coalesce("started_at", now),
        )
        if taken:
            return ValidatorRun.objects.get(pk=pk)
    return None


def renew(run: ValidatorRun, holder: str) -> bool:
    """False when it is no longer this holder's to carry out: stopped, deleted, or taken over."""
    ours = ValidatorRun.objects.filter(pk=run.pk, lease_owner=holder, status=TrialStatus.RUNNING)
    return bool(ours.update(lease_until=_lease_end()))


def end(run: ValidatorRun, holder: str, status: str, error: str) -> None:
    """Store how it ended, unless somebody stopped it first."""
    ours = ValidatorRun.objects.filter(pk=run.pk, lease_owner=holder, status=TrialStatus.RUNNING)
    ours.update(status=status, error=error, finished_at=timezone.now(), current="")
    let_go(run, holder)


def let_go(run: ValidatorRun, holder: str) -> None:
    ValidatorRun.objects.filter(pk=run.pk, lease_owner=holder).update(lease_owner="", lease_until=None)
    reservations_release(run.public_id)


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
    if not mine.exists():
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


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.ORQ_LEASE_S)


worker = ValidatorWorker()
