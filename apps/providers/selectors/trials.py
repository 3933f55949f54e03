"""Benchmarks and comparisons: who may see which, and what pages, API and sockets show of them. Only what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

from django.db.models import Avg, Case, DecimalField, FloatField, OuterRef, Prefetch, QuerySet, Subquery, Sum, When
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row, as_uuid
from apps.common.models import MONEY
from apps.common.searching import with_words
from apps.providers.models import (
    AIModel,
    AnswerStatus,
    Benchmark,
    BenchmarkAnswer,
    Comparison,
    ComparisonAnswer,
    Trial,
    TrialAnswer,
)

# Of shorter answers the time between the first and the last token says nothing about the speed.
TOKENS_TO_MEASURE_SPEED = 24


def benchmarks_visible(actor: Actor) -> QuerySet[Benchmark]:
    """The team's, each with its model and answers, the newest first. Two queries."""
    rows = Benchmark.objects.filter(team=actor.team, deleted_at=None)
    return rows.select_related("model__provider").prefetch_related("answers")


def comparisons_visible(actor: Actor) -> QuerySet[Comparison]:
    """The team's, each with its columns, the newest first. Two queries."""
    rows = Comparison.objects.filter(team=actor.team, deleted_at=None).select_related("owner")
    return rows.prefetch_related("answers__model")


def benchmarks_filtered(
    actor: Actor, *, search: str = "", status: str = "", mine: str = "", model: str = ""
) -> QuerySet[Benchmark]:
    """Those of the model whose name has the words, in the state, and with `mine` the actor's own; without the words of answers.

    Each with `cost_sum` and `right_share` (0-1, None before an answer came) to be ordered by. Two queries.
    """
    rows = _narrowed(actor, Benchmark.objects.filter(team=actor.team, deleted_at=None), status, mine)
    rows = with_words(rows, search, "model__key", "model__display_name", "model__provider__display_name")
    if model:
        rows = rows.filter(model__public_id=as_uuid(model))
    is_right = Case(When(is_correct=True, then=1.0), default=0.0, output_field=FloatField())
    ended = BenchmarkAnswer.objects.filter(status__in=(AnswerStatus.DONE, AnswerStatus.FAILED))
    rows = rows.annotate(
        cost_sum=_of_answers(BenchmarkAnswer.objects, "benchmark", Sum("cost_usd"), DecimalField(**MONEY)),
        right_share=_of_answers(ended, "benchmark", Avg(is_right), FloatField()),
    )
    answers = BenchmarkAnswer.objects.defer("text").order_by("round", "pk")
    return rows.select_related("model__provider").prefetch_related(Prefetch("answers", answers))


def comparisons_filtered(actor: Actor, *, search: str = "", status: str = "", mine: str = "") -> QuerySet[Comparison]:
    """Those with the words in their prompt, in the state, and with `mine` the actor's own; without the words of answers.

    Each with `cost_sum` to be ordered by. Three queries.
    """
    rows = _narrowed(actor, Comparison.objects.filter(team=actor.team, deleted_at=None), status, mine)
    answers = ComparisonAnswer.objects.defer("text").select_related("model").order_by("position")
    cost = _of_answers(ComparisonAnswer.objects, "comparison", Sum("cost_usd"), DecimalField(**MONEY))
    rows = with_words(rows, search, "prompt").annotate(cost_sum=cost)
    return rows.select_related("owner").prefetch_related(Prefetch("answers", answers))


def _of_answers(answers: Any, of: str, value: Any, output: Any) -> Subquery:
    """A figure over the answers of the row."""
    found = answers.filter(**{of: OuterRef("pk")}).order_by().values(of).annotate(figure=value).values("figure")
    return Subquery(found, output_field=output)


def _narrowed(actor: Actor, rows: Any, status: str, mine: str) -> Any:
    if mine:
        rows = rows.filter(owner=actor.user)
    return rows.filter(status=status) if status else rows


def access_benchmark(actor: Actor, public_id: UUID | str) -> Benchmark:
    """One of the actor's team; NotFound otherwise."""
    return access_row(benchmarks_visible(actor), public_id, _("There is no such benchmark."))


def access_comparison(actor: Actor, public_id: UUID | str) -> Comparison:
    """One of the actor's team; NotFound otherwise."""
    return access_row(comparisons_visible(actor), public_id, _("There is no such comparison."))


def benchmarks_of(model: AIModel, *, most: int = 20) -> list[dict[str, Any]]:
    """The last benchmarks of a model in brief, the newest first. Two queries."""
    rows = model.benchmarks.filter(deleted_at=None).select_related("model__provider").prefetch_related("answers")
    return [benchmark_state(row) for row in rows.order_by("-created_at", "-pk")[:most]]


def benchmark_state(benchmark: Benchmark, *, with_answers: bool = False) -> dict[str, Any]:
    """A benchmark and its figures so far. No query for a row of `benchmarks_visible`.

    Times are medians of answered questions, in ms. `tokens_per_second` is over answers long enough to measure it. `correct_share`
    is 0-100 of all questions whose turn came: one that failed is not right. What was not measured is None.
    """
    answers: list[BenchmarkAnswer] = list(benchmark.answers.all())
    done = [one for one in answers if one.status == AnswerStatus.DONE]
    failed = [one for one in answers if one.status == AnswerStatus.FAILED]
    ended = len(done) + len(failed)
    right = sum(one.is_correct is True for one in done)
    return {
        **_trial(benchmark),
        "model": model_named(benchmark.model),
        "rounds": benchmark.rounds,
        "questions_version": benchmark.questions_version,
        "total": len(answers),
        "answered": len(done),
        "failed": len(failed),
        "progress": 100 * ended // len(answers) if answers else 0,
        "correct": right,
        "correct_share": round(100 * right / ended, 1) if ended else None,
        "first_token_ms": _median(one.first_token_ms for one in done),
        "latency_ms": _median(one.latency_ms for one in done),
        "tokens_per_second": _speed(done),
        "speed_is_estimated": any(one.is_estimated for one in done),
        "input_tokens": sum(one.input_tokens or 0 for one in done),
        "output_tokens": sum(one.output_tokens or 0 for one in done),
        **_cost(done),
        **({"answers": [_benchmark_answer(one) for one in answers]} if with_answers else {}),
    }


def comparison_state(comparison: Comparison, *, with_texts: bool = True) -> dict[str, Any]:
    """A comparison with its columns in order. `best`: the columns that got the most stars. For a row of `comparisons_visible`."""
    columns: list[ComparisonAnswer] = list(comparison.answers.all())
    most = max((column.stars or 0 for column in columns), default=0)
    return {
        **_trial(comparison),
        "prompt": comparison.prompt,
        "system": comparison.system,
        "category": comparison.category,
        "max_output_tokens": comparison.max_output_tokens,
        "temperature": comparison.temperature,
        **_cost([column for column in columns if column.usage_id is not None]),
        "best": [column.position for column in columns if most and column.stars == most],
        "columns": [comparison_column(column, with_text=with_texts) for column in columns],
    }


def comparison_column(column: ComparisonAnswer, *, with_text: bool = True) -> dict[str, Any]:
    model = column.model
    return {
        "column": column.position,
        "model": {"id": model.public_id if model else None, "provider": column.provider_name, "label": column.model_name},
        "stars": column.stars,
        **_answer(column, with_text=with_text),
    }


def model_named(model: AIModel) -> dict[str, Any]:
    """{"id", "provider", "label"}"""
    return {"id": model.public_id, "provider": str(model.provider), "label": str(model)}


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "id": trial.public_id,
        "status": trial.status,
        "status_label": str(trial.get_status_display()),
        "is_open": trial.is_open,
        "error": trial.error,
        "created_at": trial.created_at,
        "started_at": trial.started_at,
        "finished_at": trial.finished_at,
    }


def _benchmark_answer(row: BenchmarkAnswer) -> dict[str, Any]:
    return {"question": row.question, "round": row.round, "is_correct": row.is_correct, **_answer(row, with_text=True)}


def _answer(row: TrialAnswer, *, with_text: bool) -> dict[str, Any]:
    return {
        "status": row.status,
        "status_label": str(row.get_status_display()),
        **({"text": row.text} if with_text else {}),
        "first_token_ms": row.first_token_ms,
        "latency_ms": row.latency_ms,
        "tokens_per_second": _rounded(row.tokens_per_second) if (row.output_tokens or 0) >= TOKENS_TO_MEASURE_SPEED else None,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "is_estimated": row.is_estimated,
        "cost_usd": row.cost_usd,
        "error": row.error,
        "error_code": row.error_code,
    }


def _cost(rows: Sequence[TrialAnswer]) -> dict[str, Any]:
    """`cost_usd` None: every price is unknown; `cost_is_partial`: some are, and are not in it."""
    known = [row.cost_usd for row in rows if row.cost_usd is not None]
    return {
        "cost_usd": sum(known, Decimal(0)) if known or not rows else None,
        "cost_is_partial": 0 < len(known) < len(rows),
    }


def _speed(rows: Iterable[TrialAnswer]) -> float | None:
    long = [row for row in rows if row.tokens_per_second and (row.output_tokens or 0) >= TOKENS_TO_MEASURE_SPEED]
    writing_ms = sum((row.latency_ms or 0) - (row.first_token_ms or 0) for row in long)
    return _rounded(sum(row.output_tokens or 0 for row in long) * 1000 / writing_ms) if writing_ms > 0 else None


def _median(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(median(known)) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
