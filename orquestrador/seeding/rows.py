"""Many rows into one table, without an object for each: some thousands a statement, their keys known before."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Field, Max, Model

AT_ONCE = 2_000
AS_THEY_ARE = frozenset(  # the database takes Python's own values of these
    "BigAutoField IntegerField SmallIntegerField PositiveIntegerField PositiveSmallIntegerField BigIntegerField BooleanField"
    " ForeignKey OneToOneField CharField TextField SlugField".split()
)


def first_key(model: type[Model]) -> int:
    """The key of the next row: those behind it are free."""
    return (model._default_manager.aggregate(most=Max("pk"))["most"] or 0) + 1


def insert(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], **same: Any) -> int:
    """Insert `rows`, whose values stand in the order of `columns`; `same` holds what is equal in all of them.

    What is named nowhere gets the field's default. Values are Python's own, relations are keys. Gives how many there were.
    """
    fields = [field for field in model._meta.concrete_fields if field.attname not in columns]
    by_column = {field.attname: field for field in model._meta.concrete_fields}
    given = [by_column[name] for name in columns]
    constant = {field: _default(field, same) for field in fields if not field.primary_key}
    prepare = [_preparer(field) for field in given]
    fresh = [field for field, value in constant.items() if value is _FRESH]
    fixed = [(field, _preparer(field)(value)) for field, value in constant.items() if value is not _FRESH]
    names = [str(field.column) for field in (*given, *fresh, *(field for field, _value in fixed))]
    tail = tuple(value for _field, value in fixed)
    to_uuid = _preparer(fresh[0]) if fresh else None

    def values() -> Iterator[tuple[Any, ...]]:
        for row in rows:
            made = tuple(to_uuid(uuid.uuid4()) for _field in fresh) if to_uuid else ()
            yield (*(prep(value) for prep, value in zip(prepare, row, strict=True)), *made, *tail)

    quoted = ", ".join(connection.ops.quote_name(name) for name in names)
    places = ", ".join(["%s"] * len(names))
    statement = f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({quoted}) VALUES ({places})"
    return _run(statement, values())


def _run(statement: str, values: Iterator[tuple[Any, ...]]) -> int:
    done = 0
    while part := list(itertools.islice(values, AT_ONCE * 10)):
        with transaction.atomic(), connection.cursor() as cursor:
            for start in range(0, len(part), AT_ONCE):
                cursor.executemany(statement, part[start : start + AT_ONCE])
        done += len(part)
    return done


_FRESH = object()  # a new id for each row


def _default(field: Field, same: dict[str, Any]) -> Any:
    for name in (field.name, field.attname):
        if name in same:
            value = same[name]
            return value.pk if isinstance(value, Model) else value
    if field.name == "public_id":
        return _FRESH
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        raise ValueError(f"{field} is a time that a row has of its own: name it among the columns or in `same`.")
    return None if field.null and not field.has_default() else field.get_default()


def _preparer(field: Field) -> Any:
    """From Python's value to the database's, as quick as its type allows."""
    kept: dict[Any, Any] = {}

    def slow(value: Any) -> Any:
        return field.get_db_prep_save(value, connection)

    def remembered(value: Any) -> Any:
        if value not in kept:
            if len(kept) > 5_000:
                kept.clear()
            kept[value] = slow(value)
        return kept[value]

    kind = field.get_internal_type()
    if kind in AS_THEY_ARE:
        return lambda value: value
    if kind == "JSONField":
        return _json(slow)
    return remembered if kind == "DecimalField" else slow


def _json(slow: Any) -> Any:
    """The same object is turned into JSON once: seeds share theirs."""
    kept: dict[int, tuple[Any, Any]] = {}

    def prepared(value: Any) -> Any:
        found = kept.get(id(value))
        if found is None or found[0] is not value:
            if len(kept) > 5_000:
                kept.clear()
            found = kept[id(value)] = (value, slow(value))
        return found[1]

    return prepared


def spread(start: datetime, end: datetime, number: int) -> Iterator[datetime]:
    """`number` moments from `start` to `end`, each later than the one before."""
    step = (end - start) / max(1, number)
    return (start + step * index for index in range(number))
