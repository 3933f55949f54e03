"""Who plays which role: the cheapest model that can do the work writes, another family checks, a third judges.

Models of one family count as one AI, whatever provider serves them. A model that a person asked for comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from apps.providers.contract import TIERS
from apps.tasks.engine.context import Context
from apps.tasks.engine.due import checks_everything, is_check_due
from apps.tasks.engine.errors import NoModel, TooFewModels
from apps.tasks.engine.personas import families_preferred, persona_for, preferred_first
from apps.tasks.engine.types import Candidate, Cast, ModelRef, Persona, PlannedSubtask, Rejection, TaskSpec, Tried

GOOD_ENOUGH_SCORE = 70.0
NO_OPINION = 3.0  # of five stars
RUNS_TO_KNOW = 3  # fewer checked runs than this say nothing: a new model gets its chance


async def choose_cast(subtask: PlannedSubtask, tried: Tried, ctx: Context) -> Cast:
    """Authors, checkers and judges for one attempt, each best first. Raises NoModel; TooFewModels when the policy says ask."""
    usable, rejected = _sift(await ctx.candidates(), ctx.task)
    cast = cast_from(usable, ctx.task, subtask, tried, await ctx.personas())
    if not cast.executors and not tried:  # with an earlier attempt to stand by, an empty cast is an answer
        raise NoModel("no model can do this", rejected={item.model.label: item.reason for item in rejected})
    if cast.executors and not cast.checkers:
        _must_not_need_checkers(ctx.task, is_due=is_check_due(ctx.task, subtask), author=cast.executors[0])
    await _tell_who_takes_whose_place(cast, ctx)
    return replace(cast, rejected=rejected)


async def late_judges(author: ModelRef, checker: ModelRef, ctx: Context) -> list[ModelRef]:
    """Judges among the models that are there now, for a dispute that could not be settled when it arose."""
    usable, _ = _sift(await ctx.candidates(), ctx.task)
    return [c.ref for c in sorted(usable, key=_ablest) if c.ref.family not in (author.family, checker.family)]


async def choose_planners(ctx: Context, persona: Persona | None = None) -> list[ModelRef]:
    """The ablest first: a plan is one call and everything hangs on it. Raises NoModel, and TooFewModels as `choose_cast`."""
    usable, rejected = _sift(await ctx.candidates(), ctx.task)
    if not usable:
        raise NoModel("no model is in use", rejected={item.model.label: item.reason for item in rejected})
    if _families(usable) < 2:  # said now, before the plan is paid for
        _must_not_need_checkers(ctx.task, is_due=checks_everything(ctx.task), author=usable[0].ref)
    return planners_from(usable, ctx.task, persona)


def planners_from(usable: list[Candidate], task: TaskSpec, persona: Persona | None = None) -> list[ModelRef]:
    """The same ranking, a pure function."""
    ranked = preferred_first(sorted(usable, key=_ablest), persona)
    return [c.ref for c in _asked_first(ranked, task.cast.get("planner"))]


def cast_from(
    usable: list[Candidate], task: TaskSpec, subtask: PlannedSubtask, tried: Tried, personas: Sequence[Persona] = ()
) -> Cast:
    """The ranking itself, a pure function of what is known.

    A model that a person asked for in this task goes first, then those that a specialized AI would rather speak through.
    """
    asked = task.cast
    author_as, checker_as, judge_as = (
        persona_for(personas, role, subtask.category) for role in ("executor", "validator", "tie_breaker")
    )
    authors = _authors(usable, subtask, tried, asked, author_as, families_preferred(usable, checker_as, judge_as))
    if not authors:
        return Cast((), (), ())
    author_family = authors[0].ref.family
    others = [c for c in usable if c.ref.family != author_family]
    judges = _asked_first(preferred_first(sorted(others, key=_ablest), judge_as), asked.get("tie_breaker"))
    checkers = sorted(others, key=lambda c: _checker_rank(c, authors[0]))
    if judges:  # the ablest is kept for disputes, where it is worth its price; the first checker is the next best choice
        checkers = _last(checkers, {judges[0].ref.family})
    checkers = _asked_first(preferred_first(checkers, checker_as), asked.get("validator"))
    roles = _refs(authors), _refs(checkers), _refs(judges)
    return Cast(*roles, executor_as=author_as, validator_as=checker_as, tie_breaker_as=judge_as)


def _authors(
    usable: list[Candidate],
    subtask: PlannedSubtask,
    tried: Tried,
    asked: Mapping[str, str],
    persona: Persona | None,
    families_of_others: set[str],
) -> list[Candidate]:
    """Who could write. Families that are wanted for checking or judging come last, so that they are free for it.

    `families_of_others`: those that the specialized AIs of the other roles would rather speak through.
    """
    if tried:
        failed_families = {outcome.author.family for outcome in tried}
        fresh = sorted((c for c in usable if c.ref.family not in failed_families), key=_ablest)
        return _last(fresh, _families_asked(usable, asked, "validator", "tie_breaker"))
    ranked = sorted(usable, key=lambda c: _author_rank(c, subtask.category))
    wanted = subtask.asked_executor or asked.get("executor")
    if wanted is None and _families(usable) >= 3 and "tie_breaker" not in asked:
        ranked = _last(ranked, {min(usable, key=_ablest).ref.family})
    ranked.sort(key=lambda c: _is_proved_weak(c, subtask.category))
    ranked = preferred_first(_last(ranked, families_of_others), persona)
    return _asked_first(_last(ranked, _families_asked(usable, asked, "validator", "tie_breaker")), wanted)


def _sift(candidates: list[Candidate], task: TaskSpec) -> tuple[list[Candidate], tuple[Rejection, ...]]:
    needs_prices = task.needs_prices or task.budget_usd is not None
    usable: list[Candidate] = []
    rejected: list[Rejection] = []
    for candidate in candidates:
        reason = candidate.unavailable or ("price_unknown" if needs_prices and candidate.price is None else "")
        if reason:
            rejected.append(Rejection(candidate.ref, reason))
        else:
            usable.append(candidate)
    return usable, tuple(rejected)


async def _tell_who_takes_whose_place(cast: Cast, ctx: Context) -> None:
    """Says in the log where a specialized AI cannot speak through the model that it is meant to speak through."""
    for persona, models in ((cast.executor_as, cast.executors), (cast.validator_as, cast.checkers)):
        if persona and persona.models and models and models[0].id != persona.models[0] and not ctx.task.cast.get(persona.role):
            await ctx.note("another_model_speaks", specialized_ai=persona.name, model=models[0].label)


def _must_not_need_checkers(task: TaskSpec, *, is_due: bool, author: ModelRef) -> None:
    if is_due and task.policy.on_too_few_models == "ask":
        raise TooFewModels("nobody to check", role="validator", author=author.label)


def _author_rank(candidate: Candidate, category: str) -> tuple:
    """Good enough or not yet known before proved weak; then the cheapest; then the ablest."""
    return (_is_proved_weak(candidate, category), *_price_rank(candidate), *_ablest(candidate, category))


def _is_proved_weak(candidate: Candidate, category: str) -> bool:
    quality = candidate.quality.get(category)
    return quality is not None and quality.runs >= RUNS_TO_KNOW and (quality.score or 0) < GOOD_ENOUGH_SCORE


def _checker_rank(candidate: Candidate, author: Candidate) -> tuple:
    """A checker should not be weaker than the author; among those, the cheapest, then the ablest."""
    weaker = TIERS.index(candidate.ref.tier) < TIERS.index(author.ref.tier)
    return (weaker, *_price_rank(candidate), *_ablest(candidate))


def _price_rank(candidate: Candidate) -> tuple[bool, Decimal]:
    return (candidate.price is None, candidate.price or Decimal(0))


def _ablest(candidate: Candidate, category: str = "") -> tuple:
    """Highest tier first, then what was measured (in use before shipping), then what people think of it, then the dearest, as
    if its price said something.

    People's stars never go before a measurement: they part only models that are of one tier and were measured alike or not
    at all. The id comes last, so that ties never waver.
    """
    scores = [q.score for q in candidate.quality.values() if q.score is not None and q.runs >= RUNS_TO_KNOW]
    measured = sum(scores) / len(scores) if scores else candidate.skill
    able = measured if measured is not None else 50.0
    liked = candidate.liking.get(category, candidate.liking.get("", NO_OPINION))
    return (-TIERS.index(candidate.ref.tier), -able, -liked, -(candidate.price or Decimal(0)), candidate.ref.id)


def _asked_first(ranked: list[Candidate], asked_id: str | None) -> list[Candidate]:
    return sorted(ranked, key=lambda c: c.ref.id != asked_id) if asked_id else ranked


def _last(ranked: list[Candidate], families: set[str]) -> list[Candidate]:
    """The same order, with these families behind all others."""
    return sorted(ranked, key=lambda c: c.ref.family in families)


def _families_asked(usable: list[Candidate], asked: Mapping[str, str], *roles: str) -> set[str]:
    wanted = {asked[role] for role in roles if role in asked}
    return {c.ref.family for c in usable if c.ref.id in wanted}


def _families(candidates: list[Candidate]) -> int:
    return len({c.ref.family for c in candidates})


def _refs(candidates: list[Candidate]) -> tuple[ModelRef, ...]:
    return tuple(c.ref for c in candidates)
