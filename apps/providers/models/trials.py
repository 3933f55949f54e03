"""Trials: asking models to see how they do. A benchmark asks one model many small questions, a comparison many models one.

A trial is carried out by a worker, whoever looks on: the row says what is to be done, the lease who does it. Each answer is
a row of its own, stored as it ends, so that a trial that was interrupted goes on with what is missing.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.leases import LeasedRow, WorkStatus
from apps.common.models import MONEY, OwnedRow
from apps.common.said_columns import SaidText
from apps.providers.models.ai_models import AIModel
from apps.providers.models.usage import CreditUsage, writing_speed

TrialStatus = WorkStatus


class AnswerStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    STREAMING = "streaming", _("Answering")
    DONE = "done", _("Answered")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")


class Trial(OwnedRow, LeasedRow):
    answers: Any  # of those that ask for texts: the related rows

    class Meta:
        abstract = True


class TrialAnswerQuerySet(models.QuerySet):
    def open(self) -> TrialAnswerQuerySet:
        """Not answered yet."""
        return self.filter(status__in=(AnswerStatus.WAITING, AnswerStatus.STREAMING))


class TrialAnswer(models.Model):
    """One answer of one model. Times are as measured here; what was not measured is None. Its cost is in `usage`."""

    status = models.CharField(max_length=10, choices=AnswerStatus.choices, default=AnswerStatus.WAITING)
    text = models.TextField(blank=True)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    is_estimated = models.BooleanField(default=False)  # the tokens are counted by us
    cost_usd = models.DecimalField(null=True, blank=True, **MONEY)  # None: the price is unknown
    error_code = models.CharField(max_length=40, blank=True)
    error = SaidText(blank=True)
    usage = models.OneToOneField(CreditUsage, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TrialAnswerQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def tokens_per_second(self) -> float | None:
        return writing_speed(self.output_tokens, self.latency_ms, self.first_token_ms)


class Benchmark(Trial):
    """How one model did on the standard questions, each asked `rounds` times."""

    model = models.ForeignKey(AIModel, on_delete=models.CASCADE, related_name="benchmarks", verbose_name=_("model"))
    questions_version = models.PositiveSmallIntegerField()  # figures of different questions are not compared
    rounds = models.PositiveSmallIntegerField(_("rounds"))
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)  # for a day it can be brought back

    class Meta:
        db_table = "ai_benchmarks"
        verbose_name = _("benchmark")
        verbose_name_plural = _("benchmarks")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["model", "-created_at"], name="ai_benchmarks_of_model"),
            models.Index(fields=["status", "created_at"], name="ai_benchmarks_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.model_id} · {self.created_at:%Y-%m-%d %H:%M}"


class BenchmarkAnswer(TrialAnswer):
    benchmark = models.ForeignKey(Benchmark, on_delete=models.CASCADE, related_name="answers")
    question = models.CharField(max_length=40)
    round = models.PositiveSmallIntegerField()
    is_correct = models.BooleanField(null=True, blank=True)

    class Meta:
        db_table = "ai_benchmark_answers"
        verbose_name = _("answer in a benchmark")
        verbose_name_plural = _("answers in benchmarks")
        ordering = ["benchmark", "round", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "question", "round"], name="benchmark_answer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.question} · {self.round}"


class Comparison(Trial):
    """One prompt, asked of several models at the same time."""

    prompt = models.TextField(_("prompt"))
    system = models.TextField(_("system prompt"), blank=True)
    category = models.CharField(_("category"), max_length=60, default="general")
    max_output_tokens = models.PositiveIntegerField(_("most tokens of an answer"), default=1024)
    temperature = models.FloatField(_("temperature"), null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)  # for a day it can be brought back

    class Meta:
        db_table = "ai_comparisons"
        verbose_name = _("comparison of models")
        verbose_name_plural = _("comparisons of models")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["team", "-created_at"], name="ai_comparisons_of_team"),
            models.Index(fields=["status", "created_at"], name="ai_comparisons_waiting"),
        ]

    def __str__(self) -> str:
        return self.prompt[:80]


class ComparisonAnswer(TrialAnswer):
    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="answers")
    model = models.ForeignKey(AIModel, null=True, on_delete=models.SET_NULL, related_name="+")
    model_name = models.CharField(max_length=190)  # outlives the model
    provider_name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField()
    stars = models.PositiveSmallIntegerField(null=True, blank=True)  # how good the person found it

    class Meta:
        db_table = "ai_comparison_answers"
        verbose_name = _("answer in a comparison")
        verbose_name_plural = _("answers in comparisons")
        ordering = ["comparison", "position"]
        constraints = [
            models.UniqueConstraint(fields=["comparison", "position"], name="comparison_answer_once"),
            models.CheckConstraint(
                condition=Q(stars__isnull=True) | Q(stars__gte=1, stars__lte=5), name="comparison_answer_stars"
            ),
        ]

    def __str__(self) -> str:
        return self.model_name
