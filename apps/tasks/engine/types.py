"""The values that flow through a task. All frozen; all can be written to JSON and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from apps.providers.contract import Completion, Message
from apps.tasks.engine.hallucination.types import Assessment, Span

Profile = Literal["full", "compact"]
Side = Literal["author", "checker", "neither"]
Severity = Literal["minor", "major", "critical"]
PRIORITIES = ("low", "medium", "high", "urgent")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model by its public id, with what a step needs to remember of it."""

    id: str
    provider: str
    model: str
    label: str
    family: str
    tier: str = "fast"
    profile: Profile = "full"
    context_window: int | None = None  # tokens it can read and write at once; None: nobody says


@dataclass(frozen=True, slots=True)
class Persona:
    """A specialized AI: what a model is told to be in a role, and the models (public ids) that should be it, best first."""

    id: str
    name: str
    role: str  # planner, executor, validator, tie_breaker
    system_prompt: str
    categories: tuple[str, ...] = ()  # in small letters; empty: all
    models: tuple[str, ...] = ()
    temperature: float | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """How a model did in a category so far. `score` is the mean verdict, 0-100; None: never checked."""

    runs: int
    score: float | None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could be chosen. Prices are US dollars per million tokens; None is unknown, never free."""

    ref: ModelRef
    price_input: Decimal | None
    price_output: Decimal | None
    context_window: int | None = None
    is_practice: bool = False
    size_bytes: int | None = None
    skill: float | None = None  # measured before shipping, 0-100
    quality: Mapping[str, Quality] = field(default_factory=dict)
    liking: Mapping[str, float] = field(default_factory=dict)  # category → what people think, 1-5; "" is for all of them
    unavailable: str = ""  # why it cannot be used now; empty when it can
    capabilities: tuple[str, ...] = ("chat",)

    @property
    def price(self) -> Decimal | None:
        """One figure to compare by: a typical step reads three times what it writes."""
        if self.price_input is None or self.price_output is None:
            return None
        return self.price_input * 3 + self.price_output


@dataclass(frozen=True, slots=True)
class VerifyRule:
    """When a step's work is checked by another AI. Only the figure that `when` names counts."""

    when: Literal["always", "from_complexity", "from_priority", "sample"] = "always"
    from_complexity: float = 61.0  # 0-100, as estimated of the step
    from_priority: Literal["low", "medium", "high", "urgent"] = "high"  # of the task: what is at stake
    sample_percent: float = 20.0  # of the steps, drawn by lot


@dataclass(frozen=True, slots=True)
class Policy:
    """`cross_validate` False: nothing is checked. `verify_by_category`: rules for steps of these categories, in small letters."""

    cross_validate: bool = True
    verify: VerifyRule = VerifyRule()
    verify_by_category: Mapping[str, VerifyRule] = field(default_factory=dict)
    divergence_threshold: float = 20.0
    confidence_threshold: float = 70.0
    max_escalations: int = 3
    on_too_few_models: Literal["ask", "continue"] = "ask"


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a run needs to know of a task. `cast` maps a role to the id of the model that was asked for."""

    id: str
    title: str
    description: str
    category: str
    policy: Policy
    cast: Mapping[str, str] = field(default_factory=dict)
    approve_plan: bool = False
    budget_usd: Decimal | None = None
    priority: str = "medium"  # one of PRIORITIES
    needs_prices: bool = False  # a budget of its team or person is in force
    subtasks_at_once: int = 4


@dataclass(frozen=True, slots=True)
class PlannedSubtask:
    order: int
    title: str
    description: str
    category: str = "general"
    depends_on: tuple[int, ...] = ()
    acceptance_criteria: tuple[str, ...] = ()
    asked_executor: str | None = None  # a person chose this model for a retry
    round: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Subtasks in order. `is_fallback`: no usable plan came, so the task is done in one step; `note` says why."""

    subtasks: tuple[PlannedSubtask, ...]
    planned_by: ModelRef | None = None
    planned_as: str = ""  # the specialized AI's name
    is_fallback: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    model: ModelRef
    reason: str  # a code


@dataclass(frozen=True, slots=True)
class Cast:
    """Who may do what, best first. Families never overlap between roles once a role is taken."""

    executors: tuple[ModelRef, ...]
    checkers: tuple[ModelRef, ...]
    judges: tuple[ModelRef, ...]
    rejected: tuple[Rejection, ...] = ()
    executor_as: Persona | None = None
    validator_as: Persona | None = None
    tie_breaker_as: Persona | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to send to one model for one purpose."""

    messages: tuple[Message, ...]
    json_schema: Mapping[str, Any] | None = None
    schema_name: str = "answer"
    max_output_tokens: int = 4096
    temperature: float | None = None
    spoken_as: str = ""  # the id of the specialized AI that speaks


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored or fresh answer together with who gave it."""

    by: ModelRef
    completion: Completion


@dataclass(frozen=True, slots=True)
class Failed:
    """A model that was tried and did not deliver."""

    model: ModelRef
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The author's whole work. `pieces`: answers it took (more than one when length cut it)."""

    text: str
    by: ModelRef
    pieces: int = 1
    is_complete: bool = True
    parts_read: int = 1  # more than one: what it could build on was too long for it and was read in so many parts
    failed_before: tuple[Failed, ...] = ()
    latency_ms: int = 0
    tokens: int = 0
    longest_pause_s: float = 0.0  # how long it stood still in the middle of writing; 0: not for long


@dataclass(frozen=True, slots=True)
class ConfidencePart:
    """One summand of a confidence. `name` is a code; `detail` says more where there is more to say."""

    name: str
    points: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something suspicious that was found without asking any AI. `score` 0-100; `spans` point into the draft."""

    kind: str
    score: float
    quote: str = ""
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What counts against a draft, and where it comes from.

    `assessment`: the fitted score of hallucination with the part of each detector. `signals`: what the checks of the text against
    its question hold against it, in points below zero. `is_bound`: it had to keep to its sources, and was held against them.
    """

    items: tuple[Finding, ...] = ()
    assessment: Assessment | None = None
    signals: tuple[ConfidencePart, ...] = ()
    is_bound: bool = False

    @property
    def worst(self) -> float:
        return max((item.score for item in self.items), default=0.0)


@dataclass(frozen=True, slots=True)
class CriterionScore:
    criterion: str
    score: float
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Defect:
    problem: str
    quote: str = ""
    severity: Severity = "major"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker says. `own_answer`: the checker's answer where the question has a definite one."""

    score: float
    by: ModelRef
    criteria: tuple[CriterionScore, ...] = ()
    defects: tuple[Defect, ...] = ()
    own_answer: str | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far author and checker are apart, 0-100, and the parts it was made of."""

    total: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Check:
    """The checking stage: a verdict and its divergence, or the reason why there is none."""

    verdict: Verdict | None = None
    divergence: Divergence | None = None
    reason_not: str = ""  # switched_off, not_due, too_few_models, no_checker_answered
    failed: tuple[Failed, ...] = ()
    parts_read: int = 1

    @property
    def other_answer(self) -> str | None:
        """The checker's own answer where it is not the author's."""
        if self.verdict is None or self.divergence is None or not self.divergence.parts.get("answer"):
            return None
        return self.verdict.own_answer


@dataclass(frozen=True, slots=True)
class Ruling:
    winner: Side
    reason: str
    by: ModelRef
    author_was: Literal["A", "B"]  # which letter the judge knew the author's side by


@dataclass(frozen=True, slots=True)
class Settlement:
    """The settling stage: a ruling where there was a dispute, or the reason why there is none."""

    ruling: Ruling | None = None
    reason_not: str = ""  # in_agreement, not_checked, too_few_models, no_judge_answered
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True, slots=True)
class Confidence:
    """0-100, and the parts that it is the sum of (kept between 0 and 100)."""

    value: float
    parts: tuple[ConfidencePart, ...]


@dataclass(frozen=True, slots=True)
class AttemptWeighed:
    """One attempt at a step in a comparison, by its number, oldest first."""

    number: int
    author: ModelRef
    confidence: float
    divergence: float | None
    worst: float
    against: str  # why it did not stand at once; "" where nothing is held against it


@dataclass(frozen=True, slots=True)
class Comparison:
    """All attempts at a step side by side. `best` is the number of the one to stand by and `because` a code.

    `agreement` 0-100: how near the newest is to the one before it. `kept` 0-100: how much of the earlier text it took over.
    """

    best: int
    because: str
    agreement: float
    kept: float
    attempts: tuple[AttemptWeighed, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt at a subtask came to. `escalate_because` is empty when it stands."""

    text: str
    author: ModelRef
    checker: ModelRef | None
    judge: ModelRef | None
    confidence: float
    divergence: float | None
    cross_validated: bool
    winner: Side | None = None
    reason: str = ""
    suspect: bool = False
    escalations: int = 0
    escalate_because: str = ""
    verdict: Verdict | None = None
    divergence_parts: Mapping[str, float] = field(default_factory=dict)
    latency_ms: int = 0
    tokens: int = 0
    found: tuple[Finding, ...] = ()
    confidence_parts: tuple[ConfidencePart, ...] = ()

    @property
    def worst(self) -> float:
        return max((finding.score for finding in self.found), default=0.0)

    @property
    def authors_score(self) -> float | None:
        """How the author did, 0-100: as the judge ruled, else how far the checker agreed; None: nobody checked.

        Not the verdict's bare score: a checker that gives full marks and another answer has not agreed.
        """
        if self.winner is not None:
            return 100.0 if self.winner == "author" else 0.0
        return None if self.divergence is None else 100.0 - self.divergence


Inputs = dict[int, Outcome]  # what a subtask can build on, by the order of the subtask that made it
Tried = tuple[Outcome, ...]  # earlier attempts at the same subtask, oldest first


@dataclass(frozen=True, slots=True)
class Result:
    """The final answer. Every part of it went through the checking that its confidence speaks of."""

    text: str
    confidence: float
    is_cross_validated: bool
