"""Carries out trials in a worker process: comparisons and benchmarks, each under a lease (`apps.common.leases`).

Trials run where tasks run, in the Celery worker, and not in the web processes: a comparison goes on when its reader closes
the page, a benchmark of a slow local model takes minutes, and a web process that is restarted must lose neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.common.leases import LeasedWorker
from apps.providers.models import AnswerStatus, Benchmark, Comparison, Provider, Trial
from apps.providers.services.reservations import reservations_release
from apps.providers.trials import live
from apps.providers.trials.benchmark import run_benchmark
from apps.providers.trials.comparison import run_comparison

WORK: dict[type[Trial], Callable[[Any], Awaitable[None]]] = {Comparison: run_comparison, Benchmark: run_benchmark}


class TrialWorker(LeasedWorker[Trial]):
    """The trials of one process."""

    kinds = tuple(WORK)  # somebody sits before a comparison

    def claimable(self, kind: type[Trial]) -> QuerySet[Trial]:
        if kind is Benchmark:  # two at one server would measure each other
            return Benchmark.objects.waiting().exclude(model__provider__in=Benchmark.objects.running().values("model__provider"))
        return super().claimable(kind)

    def may_take(self, kind: type[Trial], pk: int) -> bool:
        """Of two workers who look at the same moment, the second one sees here what the first one took at the server."""
        if kind is not Benchmark:
            return True
        server = Provider.objects.filter(models__benchmarks=pk).first()
        if server is None:
            return True  # it is being removed
        Provider.objects.select_for_update().filter(pk=server.pk).first()  # by its key: a join would lock its models as well
        return not Benchmark.objects.running().filter(model__provider=server).exclude(pk=pk).exists()

    async def carry_out(self, trial: Trial) -> None:
        await WORK[type(trial)](trial)

    def settle(self, trial: Trial, *, is_over: bool) -> None:
        """What was cut in a trial that goes on elsewhere is asked again there; what was never asked is closed with it."""
        reservations_release(trial.public_id)
        if is_over:
            trial.answers.open().update(status=AnswerStatus.CANCELLED, finished_at=timezone.now())
        else:
            trial.answers.filter(status=AnswerStatus.CANCELLED).update(status=AnswerStatus.WAITING, usage=None)

    def changed(self, trial: Trial) -> None:
        live.changed(trial)


worker = TrialWorker()
