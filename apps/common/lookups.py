"""One row of those that somebody may see, by its public id."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from apps.common.errors import NotFound

M = TypeVar("M", bound=Model)


def access_row(rows: QuerySet[M], public_id: UUID | str, words: str) -> M:
    """The row of `rows`; NotFound with the words for any other, the same for what is not to be seen as for what never was."""
    try:
        row = rows.filter(public_id=as_uuid(public_id)).first()
    except NotFound as error:
        raise NotFound(words) from error
    if row is None:
        raise NotFound(words)
    return row


def as_uuid(public_id: UUID | str) -> UUID:
    """Raises NotFound for what is no id."""
    try:
        return public_id if isinstance(public_id, UUID) else UUID(str(public_id))
    except ValueError as error:
        raise NotFound(_("There is nothing here under that id.")) from error
