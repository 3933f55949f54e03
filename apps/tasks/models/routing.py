"""One prompt on its way through the route: what was asked and answered, what it rose to, by which rules; and the audit chain.

A prompt's history is its execution and its escalations. The audit log is a chain: each row holds the hash of the one before.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import MONEY, PERCENT, CheckedJSON, OwnedRow, Row
from apps.common.said_columns import CheckedSaidJSON, SaidText
from apps.providers.contract import TIERS
from apps.providers.models import AIModel, Provider

OBJECT = {"type": "object"}
PARTS = {"type": "array", "items": {"type": "object"}}
TIER_CHOICES = [(tier, tier) for tier in TIERS]


class Strategy(models.TextChoices):
    AUTO = "auto", _("Automatic")
    CHEAPEST = "cheapest", _("Cheapest")
    FASTEST = "fastest", _("Fastest")
    BEST = "best", _("Best")


class Trigger(models.TextChoices):
    LOW_CONFIDENCE = "low_confidence", _("Low confidence")
    ERROR = "error", _("Error")
    TIMEOUT = "timeout", _("Time-out")
    COMPLEXITY = "complexity", _("Complexity")
    MANUAL = "manual", _("By hand")


class TaskExecution(OwnedRow):
    """One routed prompt. What was not measured is null."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        PROCESSING = "processing", _("Being answered")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        ESCALATED = "escalated", _("Completed after escalation")

    ANSWERED = (Status.COMPLETED, Status.ESCALATED)
    SEEN_BY_MANAGERS = ("api", "gateway")  # what came by another way, such as a chat, is its owner's alone

    class Verified(models.TextChoices):
        NOT_ASKED = "not_asked", _("Not asked for")
        YES = "yes", _("Checked by another AI")
        COULD_NOT = "could_not", _("Could not be checked")

    source = models.CharField(_("asked by"), max_length=12, default="api")  # api, gateway, chat
    key_id = models.UUIDField(_("key of the gateway"), null=True, blank=True)
    messages = CheckedJSON(_("what was asked"), default=list, schema=PARTS)
    input = models.TextField(_("input"))
    output = models.TextField(_("output"), blank=True)
    strategy = models.CharField(_("strategy"), max_length=10, choices=Strategy.choices, default=Strategy.AUTO)
    task_type = models.CharField(_("type"), max_length=60, blank=True)
    initial_provider = models.ForeignKey(Provider, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    initial_model = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    current_provider = models.ForeignKey(Provider, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    current_model = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    model_name = models.CharField(_("model"), max_length=250, blank=True)  # outlives the model
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    complexity = models.DecimalField(_("complexity"), null=True, blank=True, **PERCENT)
    confidence = models.DecimalField(_("confidence, %"), null=True, blank=True, **PERCENT)
    divergence = models.DecimalField(_("divergence, %"), null=True, blank=True, **PERCENT)
    verified = models.CharField(_("checked"), max_length=10, choices=Verified.choices, default=Verified.NOT_ASKED)
    escalation_count = models.PositiveSmallIntegerField(_("escalations"), default=0)
    execution_time_ms = models.PositiveIntegerField(_("time, ms"), null=True, blank=True)
    first_token_ms = models.PositiveIntegerField(_("first token, ms"), null=True, blank=True)
    input_tokens = models.PositiveIntegerField(_("tokens in"), default=0)
    output_tokens = models.PositiveIntegerField(_("tokens out"), default=0)
    cost_usd = models.DecimalField(_("cost, US$"), null=True, blank=True, **MONEY)  # null: a price is unknown
    cache = models.CharField(_("from the cache"), max_length=10, blank=True)  # "", exact, semantic
    saved_usd = models.DecimalField(_("saved by the cache, US$"), null=True, blank=True, **MONEY)
    ab_test = models.ForeignKey("tasks.ABTest", null=True, blank=True, on_delete=models.SET_NULL, related_name="executions")
    variant = models.CharField(_("side of the A/B test"), max_length=10, blank=True)  # A or B
    thumb = models.SmallIntegerField(_("what people think of it"), null=True, blank=True)  # 1 or -1
    error_code = models.CharField(max_length=40, blank=True)
    error = SaidText(_("error"), blank=True)
    metadata = CheckedSaidJSON(_("the route in detail"), default=dict, schema=OBJECT)  # features, candidates, signals, calls
    held_by = models.CharField(max_length=60, blank=True)  # machine:start:process that is at it; "" when nobody is
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        db_table = "ai_task_executions"
        verbose_name = _("routed prompt")
        verbose_name_plural = _("routed prompts")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["team", "created_at"], name="execution_of_team"),
            models.Index(fields=["team", "status", "created_at"], name="execution_of_team_by_status"),
            models.Index(fields=["team", "owner", "created_at"], name="execution_of_person"),
            models.Index(fields=["team", "cache", "created_at"], name="execution_by_cache"),
            models.Index(fields=["team", "escalation_count", "created_at"], name="execution_by_escalations"),
            models.Index(fields=["current_model", "-created_at"], name="execution_of_model"),
            models.Index(fields=["held_by"], name="execution_held"),
        ]

    def __str__(self) -> str:
        return self.input[:80]

    @property
    def is_answered(self) -> bool:
        return self.status in self.ANSWERED


class EscalationRule(OwnedRow):
    """When an answer is not the last word: from where, to where, on what sign."""

    name = models.CharField(_("name"), max_length=120)
    from_tier = models.CharField(_("from"), max_length=10, choices=TIER_CHOICES, blank=True)  # "": any
    to_tier = models.CharField(_("to"), max_length=10, choices=TIER_CHOICES, blank=True)  # "": the next that is stronger
    from_model = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    to_model = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    trigger = models.CharField(_("trigger"), max_length=16, choices=Trigger.choices)
    threshold = models.DecimalField(_("threshold"), null=True, blank=True, **PERCENT)  # confidence below, complexity from
    category = models.CharField(_("only for this type"), max_length=60, blank=True)
    priority = models.PositiveSmallIntegerField(_("priority"), default=100, help_text=_("The lowest number is looked at first."))
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "ai_escalation_rules"
        verbose_name = _("rule of escalation")
        verbose_name_plural = _("rules of escalation")
        ordering = ["priority", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="escalation_rule_once_per_team"),
            models.CheckConstraint(condition=Q(trigger__in=Trigger.values), name="escalation_trigger_known"),
        ]

    def __str__(self) -> str:
        return self.name


class EscalationHistory(Row):
    """One rise to another model, with what was there before: nothing is thrown away."""

    execution = models.ForeignKey(TaskExecution, on_delete=models.CASCADE, related_name="escalations")
    from_model = models.ForeignKey(AIModel, null=True, on_delete=models.SET_NULL, related_name="+")
    to_model = models.ForeignKey(AIModel, null=True, on_delete=models.SET_NULL, related_name="+")
    from_name = models.CharField(max_length=250)
    to_name = models.CharField(max_length=250)
    trigger = models.CharField(_("trigger"), max_length=16, choices=Trigger.choices)
    rule = models.ForeignKey(EscalationRule, null=True, on_delete=models.SET_NULL, related_name="+")
    rule_name = models.CharField(max_length=120, blank=True)
    reason = SaidText(_("reason"))
    previous_confidence = models.DecimalField(_("confidence before, %"), null=True, blank=True, **PERCENT)
    previous_output = models.TextField(_("answer before"), blank=True)
    cost_usd = models.DecimalField(_("cost, US$"), null=True, blank=True, **MONEY)

    class Meta:
        db_table = "ai_escalation_history"
        verbose_name = _("escalation")
        verbose_name_plural = _("escalations")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.from_name} → {self.to_name}"


class ProviderMetric(Row):
    """What a provider did on a day (UTC), kept up in the transaction that ends each execution."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="metrics")
    date = models.DateField()
    total = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    latency_ms_sum = models.BigIntegerField(default=0)
    confidence_sum = models.DecimalField(max_digits=16, decimal_places=2, default=0)
    confidences = models.PositiveIntegerField(default=0)  # executions that have a confidence
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(default=0, **MONEY)
    unpriced = models.PositiveIntegerField(default=0)  # executions whose price is unknown

    class Meta:
        db_table = "ai_provider_metrics"
        verbose_name = _("day of a provider")
        verbose_name_plural = _("days of providers")
        ordering = ["-date"]
        constraints = [models.UniqueConstraint(fields=["provider", "date"], name="metric_once_per_provider_and_day")]

    def __str__(self) -> str:
        return f"{self.provider} · {self.date}"


class AuditLog(models.Model):
    """One entry of a team's audit chain. Rows are only ever added; `hash` covers the row and `previous_hash`."""

    class Category(models.TextChoices):
        TASK_SUBMISSION = "task_submission", _("Prompt received")
        COMPLEXITY_ANALYSIS = "complexity_analysis", _("Prompt analysed")
        PROVIDER_SELECTION = "provider_selection", _("Model chosen")
        TASK_EXECUTION = "task_execution", _("Model asked")
        CONFIDENCE_EVALUATION = "confidence_evaluation", _("Answer weighed")
        VALIDATION = "validation", _("Answer checked by another AI")
        TIE_BREAK = "tie_break", _("Settled by a third AI")
        ESCALATION = "escalation", _("Escalated")
        CACHE = "cache", _("Answered from the cache")
        TASK_COMPLETION = "task_completion", _("Finished")
        ERROR = "error", _("Error")
        SETTINGS = "settings", _("Settings changed")

    team = models.ForeignKey("accounts.Team", on_delete=models.PROTECT, related_name="+")
    number = models.PositiveBigIntegerField()  # 1, 2, 3 … in each team, without a gap
    time = models.DateTimeField()
    category = models.CharField(max_length=24, choices=Category.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=250, blank=True)  # outlives the person
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.UUIDField(null=True, blank=True)
    data = CheckedJSON(default=dict, schema=OBJECT)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "ai_audit_logs"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["team", "number"], name="audit_number_once_per_team")]
        indexes = [models.Index(fields=["object_id", "number"], name="audit_of_object")]

    def __str__(self) -> str:
        return f"{self.number} · {self.category}"


class AuditHead(models.Model):
    """The end of a team's chain. Who appends locks it; removing the last rows of the chain is seen by it."""

    team = models.OneToOneField("accounts.Team", on_delete=models.CASCADE, primary_key=True, related_name="+")
    number = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "ai_audit_heads"

    def __str__(self) -> str:
        return str(self.number)


class RoutingSettings(Row):
    """What a team set about routing; what it did not set is the default of the code."""

    team = models.OneToOneField("accounts.Team", on_delete=models.CASCADE, related_name="+")
    bands = CheckedJSON(_("complexity up to which each tier answers"), null=True, blank=True, schema={"type": ["object", "null"]})
    max_escalations = models.PositiveSmallIntegerField(_("most escalations"), default=2)
    max_cost_usd = models.DecimalField(_("most cost of one prompt, US$"), null=True, blank=True, **MONEY)
    exploration = models.DecimalField(_("share of prompts for models that are little known, %"), default=5, **PERCENT)
    cache_is_on = models.BooleanField(_("answers are cached"), default=True)
    cache_keep_s = models.PositiveIntegerField(_("answers are kept, seconds"), default=86_400)
    cache_is_shared = models.BooleanField(_("people of the team share cached answers"), default=False)
    semantic_model = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    semantic_threshold = models.DecimalField(_("likeness needed"), default=95, **PERCENT)

    class Meta:
        db_table = "ai_routing_settings"
        verbose_name = _("routing settings")
        verbose_name_plural = _("routing settings")

    def __str__(self) -> str:
        return str(self.team)


class CachedAnswer(OwnedRow):
    """A finished answer that may be given again to its owner, or to the team where that was allowed."""

    scope = models.CharField(max_length=80)  # whose: "person:…", "key:…" or "team:…"
    request_hash = models.CharField(max_length=64)  # all that the answer depends on
    context_hash = models.CharField(max_length=64)  # all but the last message; meaning is compared within it
    prompt = models.TextField(_("what was asked"))
    answer = CheckedJSON(default=dict, schema=OBJECT)
    vector = models.BinaryField(null=True, blank=True)  # float32, of length 1
    vector_model = models.CharField(max_length=250, blank=True)
    model = models.ForeignKey(AIModel, null=True, on_delete=models.SET_NULL, related_name="+")
    model_name = models.CharField(_("model"), max_length=250)
    execution = models.ForeignKey(TaskExecution, null=True, on_delete=models.SET_NULL, related_name="+")
    cost_usd = models.DecimalField(_("cost of the answer, US$"), null=True, blank=True, **MONEY)
    hits = models.PositiveIntegerField(_("times used"), default=0)
    saved_usd = models.DecimalField(_("saved, US$"), default=0, **MONEY)
    last_hit_at = models.DateTimeField(_("last used"), null=True, blank=True)
    expires_at = models.DateTimeField(_("kept until"))

    class Meta:
        db_table = "ai_response_cache"
        verbose_name = _("cached answer")
        verbose_name_plural = _("cached answers")
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["scope", "request_hash"], name="cached_once_per_scope")]
        indexes = [
            models.Index(fields=["scope", "context_hash", "expires_at"], name="cached_of_context"),
            models.Index(fields=["team", "-created_at"], name="cached_of_team"),
        ]

    def __str__(self) -> str:
        return self.prompt[:80]


class ABTest(OwnedRow):
    """Two strategies, each on its share of the traffic, until enough is known to compare them."""

    class Status(models.TextChoices):
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")

    class Measure(models.TextChoices):
        CONFIDENCE = "confidence", _("Confidence")
        COST = "cost", _("Cost")
        LATENCY = "latency", _("Time")
        ESCALATIONS = "escalations", _("Escalations")
        THUMBS = "thumbs", _("Thumbs up")

    name = models.CharField(_("name"), max_length=120)
    strategy_a = models.CharField(_("A"), max_length=10, choices=Strategy.choices)
    strategy_b = models.CharField(_("B"), max_length=10, choices=Strategy.choices)
    share_percent = models.DecimalField(_("share of the traffic in the test, %"), default=100, **PERCENT)
    measure = models.CharField(_("what decides"), max_length=12, choices=Measure.choices, default=Measure.CONFIDENCE)
    minimum_sample = models.PositiveIntegerField(_("prompts needed on each side"), default=100)
    design = CheckedJSON(_("how that number came about"), default=dict, schema=OBJECT)  # effect, spread or rate, alpha, power
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.RUNNING)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "ai_ab_tests"
        verbose_name = _("A/B test")
        verbose_name_plural = _("A/B tests")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name
