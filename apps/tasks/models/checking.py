"""How good the checking is: benchmarks of validators, what became of real verdicts, people's thumbs; and a team's rules of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.models import MONEY, PERCENT, CheckedJSON, OwnedRow, Row
from apps.providers.models import AIModel
from apps.providers.models.trials import Trial
from apps.tasks.models.routing import TaskExecution
from apps.tasks.models.tasks import Subtask, Task

MODELS_SCHEMA = {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": 8}


class ValidatorRun(Trial):
    """Planted faults given to validators to judge. Each case of each checker is a row of its own, stored as it ends."""

    class Cases(models.TextChoices):
        PRACTICE = "practice", _("Sums and small word tasks, as practice models know them")
        GENERAL = "general", _("Short works in English and Portuguese")
        BOTH = "both", _("Both")

    models_asked = CheckedJSON(_("models"), default=list, schema=MODELS_SCHEMA)  # {id, label}; outlive the models
    cases = models.CharField(_("cases"), max_length=10, choices=Cases.choices, default=Cases.GENERAL)
    questions = models.PositiveSmallIntegerField(_("practice questions"), default=30)
    total = models.PositiveIntegerField(_("verdicts to come"), default=0)
    done = models.PositiveIntegerField(_("verdicts"), default=0)
    calls = models.PositiveIntegerField(_("calls"), default=0)
    estimate_usd = models.DecimalField(_("estimate, US$"), null=True, blank=True, **MONEY)  # null: a price is unknown
    cost_usd = models.DecimalField(_("cost, US$"), default=0, **MONEY)
    is_partial = models.BooleanField(_("a price is unknown"), default=False)
    current = models.CharField(_("now"), max_length=250, blank=True)  # which pair is at it

    class Meta:
        db_table = "validator_runs"
        verbose_name = _("benchmark of validators")
        verbose_name_plural = _("benchmarks of validators")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["team", "-created_at"], name="validator_runs_of_team"),
            models.Index(fields=["status", "created_at"], name="validator_runs_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} · {self.get_cases_display()}"


class ValidatorOutcome(Row):
    """One verdict, and what is known of whether it was right.

    `accepted`: what the checker said; null: no usable verdict. `is_right`: whether the answer was right; null: nobody knows.
    Of a planted case it is known beforehand; of real work it is learnt from a judge, from a recovery or from people (`known_by`).
    """

    class Origin(models.TextChoices):
        BENCHMARK = "benchmark", _("Benchmark")
        TASK = "task", _("A task's step")
        PROMPT = "prompt", _("A prompt")

    class KnownBy(models.TextChoices):
        NOBODY = "", _("Nobody yet")
        PLANTED = "planted", _("The fault was planted")
        RECOVERY = "recovery", _("Another attempt was chosen")
        RULING = "ruling", _("A third AI ruled")
        PEOPLE = "people", _("People's thumbs")

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    origin = models.CharField(_("from"), max_length=10, choices=Origin.choices)
    run = models.ForeignKey(ValidatorRun, null=True, blank=True, on_delete=models.CASCADE, related_name="outcomes")
    subtask = models.ForeignKey(Subtask, null=True, blank=True, on_delete=models.CASCADE, related_name="verdicts")
    execution = models.ForeignKey(TaskExecution, null=True, blank=True, on_delete=models.CASCADE, related_name="verdicts")
    place = models.CharField(max_length=120)  # the case, or round and attempt: one row for each verdict
    author = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    author_name = models.CharField(_("author"), max_length=250, blank=True)  # names outlive the models
    checker = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    checker_name = models.CharField(_("checker"), max_length=250)
    judge = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    judge_name = models.CharField(_("judge"), max_length=250, blank=True)
    kind = models.CharField(_("kind of fault"), max_length=20, blank=True)  # planted; "" where none was
    language = models.CharField(max_length=5, blank=True)
    divergence = models.DecimalField(_("divergence, %"), null=True, blank=True, **PERCENT)
    accepted = models.BooleanField(_("accepted"), null=True, blank=True)
    winner = models.CharField(_("the judge was for"), max_length=8, blank=True)  # author, checker, neither
    is_right = models.BooleanField(_("the answer was right"), null=True, blank=True)
    known_by = models.CharField(_("known by"), max_length=10, choices=KnownBy.choices, blank=True, default=KnownBy.NOBODY)
    was_replaced = models.BooleanField(_("another attempt was chosen"), default=False)
    cost_usd = models.DecimalField(_("cost, US$"), null=True, blank=True, **MONEY)

    class Meta:
        db_table = "validator_outcomes"
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["team", "checker_name"], name="validator_outcomes_checker"),
            models.Index(fields=["team", "-created_at"], name="validator_outcomes_of_team"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "place"], name="verdict_once_per_case"),
            models.UniqueConstraint(fields=["subtask", "place"], name="verdict_once_per_attempt"),
            models.UniqueConstraint(fields=["execution", "place"], name="verdict_once_per_prompt"),
        ]

    def __str__(self) -> str:
        return f"{self.author_name} → {self.checker_name}"


class ResultThumb(Row):
    """What one person thinks of one result: of a task's, of a step's, or of an answer to a prompt."""

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.CASCADE, related_name="thumbs")
    subtask = models.ForeignKey(Subtask, null=True, blank=True, on_delete=models.CASCADE, related_name="thumbs")
    execution = models.ForeignKey(TaskExecution, null=True, blank=True, on_delete=models.CASCADE, related_name="thumbs")
    thumb = models.SmallIntegerField(_("thumb"))  # 1 or -1

    class Meta:
        db_table = "result_thumbs"
        verbose_name = _("thumb")
        verbose_name_plural = _("thumbs")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "task"], name="thumb_once_per_task"),
            models.UniqueConstraint(fields=["person", "subtask"], name="thumb_once_per_subtask"),
            models.UniqueConstraint(fields=["person", "execution"], name="thumb_once_per_execution"),
            models.CheckConstraint(condition=Q(thumb__in=(1, -1)), name="result_thumb_up_or_down"),
        ]

    def __str__(self) -> str:
        return "+" if self.thumb > 0 else "-"


class VerifyingRule(OwnedRow):
    """When steps of a category are checked by another AI; the rule without a category holds for all others."""

    class When(models.TextChoices):
        ALWAYS = "always", _("Always")
        FROM_COMPLEXITY = "from_complexity", _("From a complexity on")
        FROM_PRIORITY = "from_priority", _("From a priority on")
        SAMPLE = "sample", _("A sample")

    category = models.CharField(_("category"), max_length=60, blank=True)  # in small letters; "": all that have no rule
    when = models.CharField(_("checked"), max_length=16, choices=When.choices, default=When.ALWAYS)
    from_complexity = models.DecimalField(_("from complexity"), default=61, **PERCENT)
    from_priority = models.CharField(_("from priority"), max_length=8, default="high")
    sample_percent = models.DecimalField(_("share, %"), default=20, **PERCENT)

    class Meta:
        db_table = "verifying_rules"
        verbose_name = _("rule of checking")
        verbose_name_plural = _("rules of checking")
        ordering = ["category"]
        constraints = [
            models.UniqueConstraint(fields=["team", "category"], name="verifying_rule_once_per_category"),
            models.CheckConstraint(
                condition=Q(when__in=["always", "from_complexity", "from_priority", "sample"]), name="verifying_when_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category or '*'}: {self.when}"


class CheckingSettings(Row):
    """What a team lets the detection of hallucinations use besides the texts: a search, and vectors of meaning. Both are off."""

    class Search(models.TextChoices):
        OFF = "off", _("Off")
        SEARXNG = "searxng", _("SearXNG")
        TEMPLATE = "template", _("Another address that answers in JSON")

    class Vectors(models.TextChoices):
        OFF = "off", _("Off")
        MODEL = "model", _("An embedding model of a provider")
        FOLDER = "folder", _("A model in a folder of this machine")

    team = models.OneToOneField("accounts.Team", on_delete=models.CASCADE, related_name="+")
    search = models.CharField(_("web look-up"), max_length=10, choices=Search.choices, default=Search.OFF)
    search_url = models.CharField(_("address"), max_length=500, blank=True)
    search_results = models.CharField(_("where the results stand"), max_length=120, blank=True)  # "data.items"
    vectors = models.CharField(_("vectors of meaning"), max_length=10, choices=Vectors.choices, default=Vectors.OFF)
    vectors_model = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    vectors_folder = models.CharField(_("folder"), max_length=500, blank=True)

    class Meta:
        db_table = "checking_settings"
        verbose_name = _("settings of checking")
        verbose_name_plural = _("settings of checking")

    def __str__(self) -> str:
        return str(self.team)
