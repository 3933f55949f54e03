"""Which model answers a prompt: the cheapest that meets the need, or what the strategy asks for. Every reason is kept."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from apps.providers.contract import TIERS
from apps.tasks.engine import longtext
from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.routing.types import Considered, Needs, RoutedPrompt, RouteSettings, Selection
from apps.tasks.engine.types import Candidate

ROOM_TO_ANSWER_TOKENS = 1_024
TOKENS_OF_AN_IMAGE = 1_000
RUNS_TO_KNOW = 3  # fewer checked runs than this say nothing
GOOD_ENOUGH_SCORE = 70.0
UNKNOWN_LATENCY_MS = 5_000.0


def analyse(prompt: RoutedPrompt, settings: RouteSettings) -> Needs:
    """How hard it is and what it takes, estimated here without asking any AI."""
    request = prompt.request
    tokens = sum(longtext.estimate_tokens(m.content) + TOKENS_OF_AN_IMAGE * len(m.images) for m in request.messages)
    around = max(0, tokens - longtext.estimate_tokens(prompt.text))
    complexity = estimate(prompt.text, has_images=prompt.has_images, context_tokens=around)
    wanted = {"vision": prompt.has_images, "tools": bool(request.tools), "json": request.json_schema is not None}
    return Needs(
        complexity=complexity,
        category=prompt.category or complexity.task_type,
        capabilities=tuple(name for name, is_wanted in wanted.items() if is_wanted),
        tokens=tokens + min(request.max_output_tokens or ROOM_TO_ANSWER_TOKENS, ROOM_TO_ANSWER_TOKENS),
        tier=tier_for(complexity.score, settings),
    )


def tier_for(complexity: float, settings: RouteSettings) -> str:
    return next((tier for tier in TIERS if complexity <= settings.bands.get(tier, -1.0)), TIERS[-1])


def select(
    prompt: RoutedPrompt, needs: Needs, candidates: Sequence[Candidate], settings: RouteSettings, *, chance: float
) -> Selection:
    """Candidates in the order in which they are asked. `chance`, 0 to 1, decides whether a model that is little known goes first.

    A forced model is asked alone. With nothing in or above the tier that is needed, the strongest below it are asked: an
    answer with its confidence said is better than none.
    """
    if prompt.forced_model:
        candidates = [c for c in candidates if c.ref.id == prompt.forced_model]
    reasons = {c.ref.id: _unfit(c, needs) for c in candidates}
    fit = [c for c in candidates if not reasons[c.ref.id]]
    strong = [c for c in fit if _is_strong_enough(c, needs)]
    if prompt.strategy == "auto" and strong and not prompt.forced_model:
        reasons |= {c.ref.id: "below_the_band" for c in fit if c not in strong}
    pool = strong if prompt.strategy in ("auto", "cheapest", "fastest") and strong else fit
    ranked = sorted(pool, key=lambda c: _rank(c, prompt.strategy, needs))
    if prompt.strategy == "auto" and not strong:
        ranked = sorted(pool, key=lambda c: _rank(c, "best", needs))
    unknown = next((c for c in ranked[1:] if not _is_known(c, needs.category)), None)
    is_exploring = prompt.strategy == "auto" and unknown is not None and chance < settings.exploration
    if is_exploring and unknown is not None:
        ranked = [unknown, *(c for c in ranked if c is not unknown)]
    chosen = ranked[0].ref.id if ranked else ""
    return Selection(
        ranked=tuple(c.ref for c in ranked),
        considered=tuple(_considered(c, needs, reasons[c.ref.id], chosen) for c in [*ranked, *_others(candidates, ranked)]),
        is_exploring=is_exploring,
    )


def _unfit(candidate: Candidate, needs: Needs) -> str:
    if candidate.unavailable:
        return candidate.unavailable
    for name in needs.capabilities:
        if name not in candidate.capabilities:
            return f"no_{name}"
    if candidate.context_window is not None and candidate.context_window < needs.tokens:
        return "context_too_small"
    return ""


def _is_strong_enough(candidate: Candidate, needs: Needs) -> bool:
    """Its tier suffices, or it has proved good in this very category."""
    quality = candidate.quality.get(needs.category)
    if quality is not None and quality.runs >= RUNS_TO_KNOW and quality.score is not None:
        if quality.score < GOOD_ENOUGH_SCORE:
            return False
        if quality.score >= GOOD_ENOUGH_SCORE and needs.tier != TIERS[-1]:
            return True
    return TIERS.index(candidate.ref.tier) >= TIERS.index(needs.tier)


def _rank(candidate: Candidate, strategy: str, needs: Needs) -> tuple:
    """Smaller is better. The id comes last, so that ties never waver."""
    price = (candidate.price is None, candidate.price or Decimal(0))
    able = _able(candidate, needs.category)
    if strategy == "best":
        return (-TIERS.index(candidate.ref.tier), -able, *price, candidate.ref.id)
    if strategy == "fastest":
        return (_latency(candidate, needs.category), *price, -able, candidate.ref.id)
    return (*price, TIERS.index(candidate.ref.tier), -able, candidate.ref.id)


def _able(candidate: Candidate, category: str) -> float:
    quality = candidate.quality.get(category)
    if quality is not None and quality.score is not None and quality.runs >= RUNS_TO_KNOW:
        return quality.score
    return candidate.skill if candidate.skill is not None else 50.0


def _latency(candidate: Candidate, category: str) -> float:
    """Milliseconds of an answer as measured, in this category if it was; an unmeasured model stands in the middle."""
    quality = candidate.quality.get(category)
    measured = [quality.latency_ms] if quality and quality.latency_ms else [q.latency_ms for q in candidate.quality.values()]
    known = [ms for ms in measured if ms]
    return sum(known) / len(known) if known else UNKNOWN_LATENCY_MS


def _is_known(candidate: Candidate, category: str) -> bool:
    quality = candidate.quality.get(category)
    return quality is not None and quality.runs >= RUNS_TO_KNOW


def _others(candidates: Sequence[Candidate], ranked: list[Candidate]) -> list[Candidate]:
    return [c for c in candidates if c not in ranked]


def _considered(candidate: Candidate, needs: Needs, reason: str, chosen: str) -> Considered:
    quality = candidate.quality.get(needs.category)
    return Considered(
        model=candidate.ref,
        reason=reason,
        is_chosen=candidate.ref.id == chosen,
        price=candidate.price,
        score=quality.score if quality else None,
        latency_ms=quality.latency_ms if quality else None,
    )
