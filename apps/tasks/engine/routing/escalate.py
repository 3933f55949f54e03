"""When an answer is not the last word: the first rule that fits, and the model it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.providers.contract import TIERS
from apps.tasks.engine.routing.types import Attempt, Escalation, Needs, RouteSettings, Rule
from apps.tasks.engine.types import Candidate, ModelRef

DEFAULT_RULES = (
    Rule("error", "error"),
    Rule("timeout", "timeout"),
    Rule("low confidence", "low_confidence", threshold=70.0),
)
BY_HAND = Rule("", "manual")
TIMEOUT_CODES = frozenset({"timeout", "interrupted"})


def next_step(
    attempts: Sequence[Attempt], rules: Iterable[Rule], needs: Needs, candidates: Sequence[Candidate], settings: RouteSettings
) -> Escalation | None:
    """The rise that the last attempt calls for; None: it stands, or nobody is left. Rules come in the order of priority."""
    last = attempts[-1]
    rises = sum(attempt.completion is not None for attempt in attempts[:-1])
    for rule in rules:
        reason = _reason(rule, last, needs)
        if not reason or not _is_from(rule, last.model):
            continue
        if rule.trigger == "low_confidence" and rises >= settings.max_escalations:
            continue
        if to := _target(rule, last, attempts, needs, candidates):
            return Escalation(last.model, to, rule.trigger, rule, reason, last)
    return None


def start_higher(needs: Needs, chosen: ModelRef, rules: Iterable[Rule], candidates: Sequence[Candidate]) -> ModelRef | None:
    """The model that so hard a prompt begins with instead of the chosen one, where a rule says so."""
    for rule in rules:
        is_hard = rule.trigger == "complexity" and needs.complexity.score >= (rule.threshold or 0.0)
        if is_hard and _is_from(rule, chosen) and rule.category in ("", needs.category):
            return _target(rule, Attempt(chosen), [Attempt(chosen)], needs, candidates)
    return None


def rise_by_hand(
    tried: Sequence[ModelRef], needs: Needs, candidates: Sequence[Candidate], rule: Rule = BY_HAND
) -> ModelRef | None:
    """Whom a person's escalation of a finished answer leads to: as `rule` says, by default the next stronger model.

    `tried` are those that have answered, the author of what stands last. None: nobody, or the rule does not fit.
    """
    if not _is_from(rule, tried[-1]) or rule.category not in ("", needs.category):
        return None
    attempts = [Attempt(model) for model in tried]
    return _target(rule, attempts[-1], attempts, needs, candidates)


def _reason(rule: Rule, attempt: Attempt, needs: Needs) -> str:
    """Why the rule fits; "" where it does not."""
    if rule.category and rule.category != needs.category:
        return ""
    if rule.trigger == "timeout" and attempt.error_code in TIMEOUT_CODES:
        return attempt.error
    if rule.trigger == "error" and attempt.error_code:
        return attempt.error
    if rule.trigger == "low_confidence" and attempt.trust is not None and attempt.confidence < (rule.threshold or 70.0):
        return f"{attempt.confidence:.0f} < {rule.threshold or 70.0:.0f}"
    return ""


def _is_from(rule: Rule, model: ModelRef) -> bool:
    return rule.from_model in ("", model.id) and rule.from_tier in ("", model.tier)


def _target(
    rule: Rule, last: Attempt, attempts: Sequence[Attempt], needs: Needs, candidates: Sequence[Candidate]
) -> ModelRef | None:
    """Whom the rule names, else the next stronger; after an error also one as strong. Never one that was tried."""
    tried = {attempt.model.id for attempt in attempts}
    fit = [
        c
        for c in candidates
        if c.ref.id not in tried and not c.unavailable and all(name in c.capabilities for name in needs.capabilities)
    ]
    fit = [c for c in fit if c.context_window is None or c.context_window >= needs.tokens]
    if rule.to_model:
        return next((c.ref for c in fit if c.ref.id == rule.to_model), None)
    if rule.to_tier:
        fit = [c for c in fit if c.ref.tier == rule.to_tier]
    elif not last.error_code:
        fit = [c for c in fit if _strength(c) > _strength_of(last.model, candidates)]
    after_error = last.error_code != "" and not rule.to_tier
    here = TIERS.index(last.model.tier)
    ranked = sorted(fit, key=lambda c: (after_error and TIERS.index(c.ref.tier) < here, *_strength(c), c.price or 0, c.ref.id))
    return ranked[0].ref if ranked else None


def _strength(candidate: Candidate) -> tuple[int, float]:
    return TIERS.index(candidate.ref.tier), candidate.skill if candidate.skill is not None else 50.0


def _strength_of(model: ModelRef, candidates: Sequence[Candidate]) -> tuple[int, float]:
    found = next((c for c in candidates if c.ref.id == model.id), None)
    return _strength(found) if found else (TIERS.index(model.tier), 50.0)
