"""Which model to use for a kind of task: by what was measured, what people think, what is ready or fits, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.actor import Actor
from apps.providers.adapters import load_options_of
from apps.providers.models import AIModel
from apps.providers.selectors.lookups import models_visible
from apps.providers.selectors.suggest import NEUTRAL, Rejected, quality_of
from apps.providers.services.fitting import fit_of, size_words
from apps.providers.services.ratings import liking_of

# Points out of a hundred: what was measured counts most, then what people say, then whether it could begin at once.
MEASURED, LIKED, READY = 60, 20, 20
# What a kind of task cannot do without, beyond chatting.
NEEDS = {"visual_analysis": ("vision",), "embeddings": ("embeddings",)}
State = AIModel.State


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`points` is 0-100; `reasons` say where they come from."""

    model: AIModel
    points: int
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Recommendations:
    category: str
    needs: list[str]
    found: list[Recommendation]
    rejected: list[Rejected]


def recommend(actor: Actor, *, category: str, needs: tuple[str, ...] = (), most: int = 5) -> Recommendations:
    """The best first. Practice models only where there is nothing else. Three queries, and a look at the memory for each."""
    wanted = list(dict.fromkeys((*(() if category == "embeddings" else ("chat",)), *NEEDS.get(category, ()), *needs)))
    rows = models_visible(actor).with_breakers().in_use().prefetch_related("quality", "ratings")  # type: ignore[attr-defined]
    able: list[Recommendation] = []
    rejected: list[Rejected] = []
    for row in rows.exclude(state=State.INACTIVE):
        missing = [one for one in wanted if one not in row.capabilities]
        if missing:
            rejected.append(Rejected(row, _("It lacks what is needed: %s.") % ", ".join(missing)))
        elif row.is_resting:
            rejected.append(Rejected(row, _("It failed lately: %s") % (row.trouble or _("no reason was given"))))
        else:
            ready, words = _readiness(row)
            if ready is None:
                rejected.append(Rejected(row, words))
            else:
                able.append(_recommendation(row, category, ready, words))
    real = [one for one in able if not one.model.is_practice]
    if real:
        words = _("A practice model: only when there is no other.")
        rejected += [Rejected(one.model, words) for one in able if one.model.is_practice]
    found = sorted(real or able, key=lambda one: (-one.points, one.model.price_output or Decimal(0), one.model.key))
    return Recommendations(category, wanted, found[:most], rejected)


def _recommendation(row: AIModel, category: str, ready: float, words: str) -> Recommendation:
    measured, said = _measured(row, category)
    liking = liking_of(row.ratings.all())
    stars = liking.get(category, liking.get("", NEUTRAL))
    reasons = [said, words, _price(row)]
    if liking:
        reasons.insert(1, _("People give it %.1f of 5 stars.") % stars)
    points = MEASURED * measured / 100 + LIKED * (stars - 1) / 4 + READY * ready
    return Recommendation(row, round(points), reasons)


def _measured(row: AIModel, category: str) -> tuple[float, str]:
    """0-100, and in words. What it did in other kinds of task counts where nothing is known of this one."""
    here = [one for one in row.quality.all() if one.category == category and one.executions]
    if here:
        metric = here[0]
        words = ngettext(
            "%(n)d task of this kind: %(rate)d %% succeeded",
            "%(n)d tasks of this kind: %(rate)d %% succeeded",
            metric.executions,
        ) % {"n": metric.executions, "rate": round(metric.success_rate or 0)}
        if metric.validation_score_mean is not None:
            words += ", " + _("checkers gave %d of 100") % round(metric.validation_score_mean)
        return quality_of(row, category), words + "."
    if any(one.executions for one in row.quality.all()):
        return quality_of(row), _("Not measured in this kind of task; what it did in others counts.")
    if row.skill is not None:
        return float(row.skill), _("Measured before it shipped: %d of 100.") % round(row.skill)
    return 50.0, _("Nothing was measured of it yet.")


def _readiness(row: AIModel) -> tuple[float | None, str]:
    """0-1, None when it cannot be had; and in words."""
    if not row.provider.is_local:
        if row.provider.last_check_ok is False:
            return None, _("%s did not answer its last check.") % row.provider
        return 1.0, _("Answers at once, at %s.") % row.provider
    if row.state == State.LOADED:
        return 1.0, _("In memory already.")
    if row.state == State.LOADING:
        return 0.8, _("It is just being loaded.")
    if load_options_of(row.provider.kind) is None:
        return 0.5, _("%s decides by itself what it keeps in memory.") % row.provider
    fit = fit_of(row)
    if fit.fits is None:
        return 0.4, _("Not loaded; whether it fits cannot be told.")
    if not fit.fits:
        return None, _("It is not loaded, and %s of memory is missing for it.") % size_words(fit.missing_bytes or 0)
    return 0.6, _("Not loaded, but it fits.")


def _price(row: AIModel) -> str:
    if row.provider.is_local:
        return _("It runs on your own machines and costs nothing.")
    if row.price_output is None:
        return _("Its price is unknown.")
    return _("US$ %s for a million tokens of answer.") % f"{row.price_output.normalize():f}"
