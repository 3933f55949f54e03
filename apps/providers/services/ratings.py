"""What people think of models: a rating for each person, model and category, and what routing makes of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import NotAllowed
from apps.providers.models import AIModel, ModelRating
from apps.providers.services import checks
from apps.providers.services.checks import FieldErrors

GENERAL = "general"
NEUTRAL_STARS, NEUTRAL_VOTES = 3.0, 5  # as if five people had said "so-so" before anybody rated


def model_rate(actor: Actor, model: AIModel, *, stars: int, category: str = GENERAL, comment: str = "") -> ModelRating:
    """Keep what the person thinks of the model in a category, in the place of what they thought before. Raises BadInput."""
    actor.must_work()
    errors = FieldErrors()
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= 5:
        errors.add("stars", _("A rating is 1 to 5 stars."))
    category = category_text(category, "category", errors) or GENERAL
    comment = checks.text(comment, "comment", errors, most=2_000)
    errors.raise_if_any()
    row: dict[str, Any] = {"owner": actor.user, "model": model, "category": category}
    said: dict[str, Any] = {"stars": stars, "comment": comment, "team": actor.team}
    try:
        with transaction.atomic():
            return ModelRating.objects.update_or_create(**row, defaults=said)[0]
    except IntegrityError:  # the same person, twice at the same moment
        return ModelRating.objects.update_or_create(**row, defaults=said)[0]


def rating_update(actor: Actor, rating: ModelRating, *, stars: int | None = None, comment: str | None = None) -> ModelRating:
    """Change one's own rating; nobody else speaks for a person."""
    _must_be_own(actor, rating)
    return model_rate(
        actor,
        rating.model,
        category=rating.category,
        stars=rating.stars if stars is None else stars,
        comment=rating.comment if comment is None else comment,
    )


def rating_delete(actor: Actor, rating: ModelRating) -> None:
    """Take it back; an admin may remove another's."""
    actor.must_own(rating.owner_id)
    rating.delete()


def liking_of(ratings: Iterable[ModelRating]) -> dict[str, float]:
    """What people think of one model, 1-5, by category; "" is for all categories together. Empty when nobody rated it.

    (5 · 3 + sum of stars) / (5 + number of ratings): one enthusiast moves it by a third of a star, twenty by nearly two.
    """
    by_category: defaultdict[str, list[int]] = defaultdict(list)
    for rating in ratings:
        by_category[rating.category].append(rating.stars)
        by_category[""].append(rating.stars)
    return {category: _weighed(stars) for category, stars in by_category.items()}


def category_text(value: object, field: str, errors: FieldErrors) -> str:
    """A category as it is kept: in small letters, without spaces around it."""
    return checks.text(value, field, errors, most=60).lower()


def _weighed(stars: list[int]) -> float:
    return (NEUTRAL_STARS * NEUTRAL_VOTES + sum(stars)) / (NEUTRAL_VOTES + len(stars))


def _must_be_own(actor: Actor, rating: ModelRating) -> None:
    actor.must_work()
    if rating.owner_id != actor.user.pk:
        raise NotAllowed(_("Only the person who rated can change a rating."))
