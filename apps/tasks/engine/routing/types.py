"""The values that flow along a prompt's route. All frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from apps.providers.contract import ChatRequest, Completion
from apps.tasks.engine.complexity import Complexity
from apps.tasks.engine.trust.assess import Trust
from apps.tasks.engine.types import Check, ConfidencePart, Findings, ModelRef, Settlement

StrategyName = Literal["auto", "fastest", "cheapest", "best"]
TriggerName = Literal["low_confidence", "error", "timeout", "complexity", "manual"]
Verified = Literal["not_asked", "yes", "could_not"]
DEFAULT_BANDS: Mapping[str, float] = {"local": 30.0, "fast": 60.0, "balanced": 80.0, "top": 100.0}


@dataclass(frozen=True, slots=True)
class RoutedPrompt:
    """What was asked, and how it may be answered. `request.model` is empty: the route fills it."""

    id: str
    request: ChatRequest
    text: str  # what the last message of the person says
    strategy: StrategyName = "auto"
    forced_model: str = ""  # a model's public id
    verify: bool = False
    use_cache: bool = True  # False: an answer that was given before will not do
    may_restart: bool = True  # False: whoever reads along cannot take a word back
    category: str = ""  # set by a person; empty: estimated
    sources: tuple[str, ...] = ()  # documents that were given with it
    samples: tuple[str, ...] = ()  # answers that were given to it before

    @property
    def has_images(self) -> bool:
        return any(message.images for message in self.request.messages)


@dataclass(frozen=True, slots=True)
class Rule:
    """One escalation rule. Empty names mean: any from, the next stronger to."""

    name: str
    trigger: TriggerName
    threshold: float | None = None  # confidence below it, complexity from it on
    from_tier: str = ""
    to_tier: str = ""
    from_model: str = ""
    to_model: str = ""
    category: str = ""
    id: int | None = None


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """What a team set about routing."""

    bands: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_BANDS))  # tier → complexity up to which it answers
    max_escalations: int = 2
    max_cost_usd: Decimal | None = None
    exploration: float = 0.05  # share of prompts that go to a model that is little known
    divergence_threshold: float = 20.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What the prompt asks of a model."""

    complexity: Complexity
    category: str
    capabilities: tuple[str, ...]
    tokens: int  # that the prompt takes, with room for the answer; estimated
    tier: str  # the least that suffices by the bands


@dataclass(frozen=True, slots=True)
class Considered:
    """One candidate and what became of it. `reason` is a code; "" for those that could be asked."""

    model: ModelRef
    reason: str = ""
    is_chosen: bool = False
    price: Decimal | None = None  # US dollars, for what a typical step reads and writes; None: unknown
    score: float | None = None  # measured in this category, 0-100
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is asked, best first, and every candidate with its reason."""

    ranked: tuple[ModelRef, ...]
    considered: tuple[Considered, ...]
    is_exploring: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One model's try at the prompt: an answer that was weighed, or the error."""

    model: ModelRef
    completion: Completion | None = None
    trust: Trust | None = None
    error_code: str = ""
    error: str = ""
    cost_usd: Decimal | None = None
    findings: Findings | None = None
    partial: str = ""  # what had come of an answer that was cut

    @property
    def confidence(self) -> float:
        return self.trust.score if self.trust else 0.0


@dataclass(frozen=True, slots=True)
class Escalation:
    """A rise to another model. What was there before is kept."""

    from_model: ModelRef
    to_model: ModelRef
    trigger: TriggerName
    rule: Rule
    reason: str
    previous: Attempt


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What a different AI said of the answer, and a third where they disagreed."""

    findings: Findings
    check: Check
    settlement: Settlement

    @property
    def divergence(self) -> float | None:
        return self.check.divergence.total if self.check.divergence else None


@dataclass(frozen=True, slots=True)
class Cached:
    """An answer that was given before."""

    completion: Completion
    by: ModelRef
    kind: Literal["exact", "semantic"]
    confidence: float | None
    saved_usd: Decimal | None
    likeness: float | None = None  # of the prompts, 0-100; None: the same prompt
    verified: Verified = "not_asked"


@dataclass(frozen=True, slots=True)
class Routed:
    """The end of the route. `cost_usd` None: the price of a call is unknown."""

    completion: Completion
    by: ModelRef
    confidence: float | None
    needs: Needs | None
    selection: Selection | None
    attempts: tuple[Attempt, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    verified: Verified = "not_asked"
    why_not_verified: str = ""
    opinion: SecondOpinion | None = None
    confidence_parts: tuple[ConfidencePart, ...] = ()  # of an answer that was checked; else its attempt's signals make the number
    cached: Cached | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
