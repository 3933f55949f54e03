"""Rows that were deleted and kept elsewhere, stored again as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy

from apps.common.errors import Conflict, NotFound

_NOT_AGAIN = gettext_lazy("It cannot be brought back: another has its place by now, or what it names is gone.")


def rows_again(rows: Iterable[Model], before: Callable[[Any], object]) -> int:
    """Store the rows again, all or none, each after `before`, which refuses what is not the actor's. Gives how many.

    Raises Conflict where meanwhile another has their place, or what they refer to is gone.
    """
    number = 0
    try:
        with transaction.atomic():
            for row in rows:
                _must_find_what_it_names(row)
                before(row)
                row.save_base(raw=True, force_insert=True)  # raw: it keeps the time at which it was made
                number += 1
    except IntegrityError as error:
        raise Conflict(str(_NOT_AGAIN)) from error
    return number


def must_be_of(actor: Any, row: Any) -> None:
    """Rows of a session outlive a change of teams: raises NotFound for what is not the team's."""
    if row.team_id != actor.team.pk:
        raise NotFound()


def _must_find_what_it_names(row: Model) -> None:
    """SQLite would complain only at the end of the request."""
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname) if field.is_relation else None
        if value is not None and not _is_there(field, value):
            raise Conflict(str(_NOT_AGAIN))


def _is_there(field: Any, value: Any) -> bool:
    there: bool = field.related_model._base_manager.filter(**{field.target_field.attname: value}).exists()
    return there
