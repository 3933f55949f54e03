"""A/B tests for screens: what was measured on each side, and what may be said of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, stdev
from typing import Any, Literal

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.searching import with_words
from apps.tasks.engine.routing.significance import Comparison, compare_means, compare_shares
from apps.tasks.models import ABTest, TaskExecution

Verdict = Literal["not_enough", "a", "b", "no_difference"]
DAYS_LOOKED_BACK = 30
LEAST_RUNS = 30  # fewer say too little of how single prompts spread
MOST_ROWS = 50_000
SMALLER_IS_BETTER = (ABTest.Measure.COST, ABTest.Measure.LATENCY, ABTest.Measure.ESCALATIONS)
ENDED = (TaskExecution.Status.COMPLETED, TaskExecution.Status.ESCALATED, TaskExecution.Status.FAILED)


@dataclass(frozen=True, slots=True)
class Measured:
    """What single prompts of a team are like: the mean (a share in percent) and, of what is no share, the standard deviation."""

    base: float
    spread: float | None
    runs: int


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """One measure on both sides. `comparison` None: fewer than two values on a side."""

    measure: str
    is_deciding: bool
    count_a: int
    count_b: int
    comparison: Comparison | None


@dataclass(frozen=True, slots=True)
class TestResult:
    """`verdict` rests on the first `minimum_sample` prompts of each side alone: looking often finds nothing that is not there."""

    __test__ = False

    verdict: Verdict
    measures: tuple[MeasureResult, ...]
    prompts_a: int
    prompts_b: int
    failed_a: int
    failed_b: int

    @property
    def deciding(self) -> MeasureResult:
        return next(one for one in self.measures if one.is_deciding)


def ab_tests_visible(actor: Actor) -> QuerySet[ABTest]:
    return ABTest.objects.filter(team=actor.team).select_related("owner")


def ab_tests_filtered(actor: Actor, *, search: str = "", status: str = "", measure: str = "") -> QuerySet[ABTest]:
    """Those with the words in their name, in the state, decided by the measure."""
    rows = with_words(ab_tests_visible(actor), search, "name")
    if status:
        rows = rows.filter(status=status)
    return rows.filter(measure=measure) if measure else rows


def access_ab_test(actor: Actor, public_id: uuid.UUID | str) -> ABTest:
    """The test, or NotFound: for another team's as for one that never was."""
    return access_row(ab_tests_visible(actor), public_id, _("There is no such test."))


def measured_lately(team_id: int, measure: str) -> Measured | None:
    """Of the last 30 days; None as long as there are too few prompts to say. One query."""
    since = timezone.now() - timedelta(days=DAYS_LOOKED_BACK)
    rows = _outcomes(TaskExecution.objects.filter(team=team_id, created_at__gte=since).order_by("-created_at"))
    values = [value for row in rows if (value := _value(row, measure)) is not None]
    if len(values) < LEAST_RUNS:
        return None
    if measure in (ABTest.Measure.ESCALATIONS, ABTest.Measure.THUMBS):
        return Measured(base=100 * fmean(values), spread=None, runs=len(values))
    return Measured(base=fmean(values), spread=stdev(values), runs=len(values))


def ab_result(test: ABTest) -> TestResult:
    """All measures of both sides. One query."""
    rows = list(_outcomes(test.executions.order_by("created_at", "pk")))
    sides = {side: [row for row in rows if row["variant"] == side] for side in ("A", "B")}
    measures = tuple(_measure(test, measure, sides["A"], sides["B"]) for measure in ABTest.Measure.values)
    deciding = next(one for one in measures if one.is_deciding)
    return TestResult(
        verdict=_verdict(test, deciding),
        measures=measures,
        prompts_a=len(sides["A"]),
        prompts_b=len(sides["B"]),
        failed_a=sum(row["status"] == TaskExecution.Status.FAILED for row in sides["A"]),
        failed_b=sum(row["status"] == TaskExecution.Status.FAILED for row in sides["B"]),
    )


def _outcomes(executions: QuerySet[TaskExecution]) -> Sequence[dict[str, Any]]:
    """What came of prompts that have ended. Answers from the cache say nothing of a strategy."""
    fields = ("variant", "status", "confidence", "cost_usd", "execution_time_ms", "escalation_count", "thumb")
    return executions.filter(status__in=ENDED, cache="").values(*fields)[:MOST_ROWS]


def _value(row: dict[str, Any], measure: str) -> float | None:
    """One prompt's number; None where it has none. Confidence, cost and time are those of answers, not of failures."""
    if measure == ABTest.Measure.ESCALATIONS:
        return float(row["escalation_count"] > 0)
    if measure == ABTest.Measure.THUMBS:
        return None if row["thumb"] is None else float(row["thumb"] > 0)
    name = {"confidence": "confidence", "cost": "cost_usd", "latency": "execution_time_ms"}[measure]
    return None if row[name] is None or row["status"] == TaskExecution.Status.FAILED else float(row[name])


def _measure(test: ABTest, measure: str, rows_a: Sequence[dict], rows_b: Sequence[dict]) -> MeasureResult:
    is_deciding = measure == test.measure
    a, b = ([value for row in rows if (value := _value(row, measure)) is not None] for rows in (rows_a, rows_b))
    counts = len(a), len(b)
    if is_deciding:
        a, b = a[: test.minimum_sample], b[: test.minimum_sample]
    if min(len(a), len(b)) < 2:
        return MeasureResult(measure, is_deciding, *counts, comparison=None)
    if measure in (ABTest.Measure.ESCALATIONS, ABTest.Measure.THUMBS):
        found = compare_shares(round(sum(a)), len(a), round(sum(b)), len(b))
    else:
        found = compare_means(a, b)
    return MeasureResult(measure, is_deciding, *counts, comparison=found)


def _verdict(test: ABTest, deciding: MeasureResult) -> Verdict:
    found = deciding.comparison
    if found is None or min(deciding.count_a, deciding.count_b) < test.minimum_sample:
        return "not_enough"
    if not found.is_significant:
        return "no_difference"
    b_is_better = (found.difference < 0) == (test.measure in SMALLER_IS_BETTER)
    return "b" if b_is_better else "a"
