"""Which other model could take the place of one: in the order that the team set, with a reason for each that could not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.providers.adapters import load_options_of
from apps.providers.models import AIModel
from apps.providers.selectors.lookups import models_visible
from apps.providers.selectors.management import model_settings
from apps.providers.services.fitting import fit_of, size_words
from apps.providers.services.ratings import liking_of

State = AIModel.State


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A model that can take over now. `group` is external, loaded or not_loaded."""

    model: AIModel
    group: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    model: AIModel
    reason: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The best first. `practice_only`: there are none but practice models."""

    order: list[str]
    needs: list[str]
    found: list[Suggestion]
    rejected: list[Rejected]
    practice_only: bool = False

    @property
    def best(self) -> Suggestion | None:
        return self.found[0] if self.found else None


def suggest_alternative(actor: Actor, model: AIModel, *, needs: Iterable[str] | None = None) -> Suggestions:
    """Who could answer in the place of `model`: with the same capabilities, or those in `needs`. Four queries."""
    wanted = list(model.capabilities if needs is None else needs)
    order = list(model_settings(actor).suggestion_order)
    rows = models_visible(actor).with_breakers().exclude(pk=model.pk).prefetch_related("quality", "ratings")  # type: ignore[attr-defined]
    found: list[Suggestion] = []
    practice: list[Suggestion] = []
    rejected: list[Rejected] = []
    for row in rows.order_by("provider__priority", "provider__name", "key"):
        why_not = _why_not(row, wanted)
        if why_not:
            rejected.append(Rejected(row, why_not))
        elif row.is_practice:
            practice.append(_suggestion(row))
        else:
            found.append(_suggestion(row))
    if found:
        rejected += [Rejected(one.model, _("A practice model: only when there is no other.")) for one in practice]
    chosen = found or practice
    return Suggestions(order, wanted, sorted(chosen, key=_rank(order)), rejected, practice_only=bool(practice and not found))


def _why_not(row: AIModel, wanted: list[str]) -> str:
    """Why this one cannot, in words; "" when it can."""
    if not row.provider.is_active:
        return _("%s is switched off.") % row.provider
    if not row.is_active:
        return _("It is switched off.")
    if row.state == State.INACTIVE:
        return _("%s no longer lists it.") % row.provider
    if missing := [one for one in wanted if one not in row.capabilities]:
        return _("It lacks what is needed: %s.") % ", ".join(missing)
    if row.is_resting:
        return _("It failed lately: %s") % (row.trouble or _("no reason was given"))
    if row.provider.last_check_ok is False:
        return _("%(provider)s did not answer its last check: %(why)s") % {
            "provider": row.provider,
            "why": row.provider.last_check_message,
        }
    if row.state == State.LOADING:
        return _("It is just being loaded.")
    if row.provider.is_local and row.state != State.LOADED and load_options_of(row.provider.kind) is not None:
        missing_bytes = fit_of(row).missing_bytes
        if missing_bytes:
            return _("It is not loaded, and %s of memory is missing for it.") % size_words(missing_bytes)
    return ""


def _suggestion(row: AIModel) -> Suggestion:
    if not row.provider.is_local:
        words = _("At %s, which answers.") if row.provider.last_check_ok else _("At %s.")
        return Suggestion(row, "external", words % row.provider)
    if row.state == State.LOADED:
        return Suggestion(row, "loaded", _("In the memory of %s already.") % row.provider)
    return Suggestion(row, "not_loaded", _("At %s, to be loaded first.") % row.provider)


def _rank(order: list[str]) -> Callable[[Suggestion], tuple]:
    """The team's order; in each group the best measured, then the best liked, then the cheapest."""

    def rank(one: Suggestion) -> tuple:
        price = one.model.price_output
        return (order.index(one.group), -quality_of(one.model), -_liking(one.model), price is None, price or Decimal(0))

    return rank


def quality_of(model: AIModel, category: str = "") -> float:
    """0-100: successes, weighed by what checkers said, drawn towards 50 as long as there are few. Of one category, or all."""
    rows = [row for row in model.quality.all() if category in ("", row.category)]
    executions = sum(row.executions for row in rows)
    successes = sum(row.successes for row in rows)
    validations = sum(row.validations for row in rows)
    mean = float(sum(row.validation_score_sum for row in rows)) / validations if validations else 100.0
    return (successes * mean + FEW * 50.0) / (executions + FEW)


def _liking(model: AIModel) -> float:
    return liking_of(model.ratings.all()).get("", NEUTRAL)


FEW = 5  # executions that count as much as knowing nothing
NEUTRAL = 3.0  # stars
