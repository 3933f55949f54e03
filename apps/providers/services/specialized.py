"""Changing specialized AIs, and giving each team the five that ship with the product."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.actor import Actor
from apps.accounts.contract import TeamCreated
from apps.accounts.models import Team
from apps.common.errors import BadInput, NotFound
from apps.providers.models import AIModel, SpecializedAI, SpecializedAIFallback
from apps.providers.selectors.lookups import access_model
from apps.providers.services import checks
from apps.providers.services.checks import FieldErrors
from apps.providers.services.ratings import category_text

SEEDS = Path(__file__).parent.parent / "data" / "specialized_ais.json"
# The names as they are stored; pages show them in the reader's language.
SEED_NAMES = {
    "researcher": gettext_noop("Researcher"),
    "developer": gettext_noop("Developer"),
    "writer": gettext_noop("Writer"),
    "analyst": gettext_noop("Analyst"),
    "reviewer": gettext_noop("Reviewer"),
}
MOST_PROMPT_CHARS = 20_000
MOST_CATEGORIES = 20
MOST_FALLBACKS = 10
MOST_OUTPUT_TOKENS = 1_000_000
_FIELDS = (
    "name", "role", "system_prompt", "categories", "default_model", "fallbacks", "temperature", "max_output_tokens", "is_active",
)  # fmt: skip


def specialized_ai_create(actor: Actor, **given: Any) -> SpecializedAI:
    """A new one of the team. `default_model` and `fallbacks` are models or their public ids. Raises BadInput by field."""
    actor.must_work()
    row = SpecializedAI(owner=actor.user, team=actor.team)
    missing = {name: "" for name in ("name", "system_prompt") if name not in given}
    return _store(actor, row, {**missing, **given})


def specialized_ai_update(actor: Actor, row: SpecializedAI, **changes: Any) -> SpecializedAI:
    """Change what was given. Tasks that are at work go on with what they have stored. Raises BadInput by field."""
    actor.must_own(row.owner_id)
    return _store(actor, row, changes)


def specialized_ai_toggle(actor: Actor, row: SpecializedAI, *, on: bool | None = None) -> SpecializedAI:
    """Take it into use or out of it; without `on`, to the other."""
    actor.must_own(row.owner_id)
    row.is_active = not row.is_active if on is None else on
    row.save(update_fields=["is_active", "updated_at"])
    return row


def specialized_ai_delete(actor: Actor, row: SpecializedAI) -> None:
    """Hide it for good, or until it is brought back; a shipped one does not come again by itself."""
    actor.must_own(row.owner_id)
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at", "updated_at"])


def specialized_ai_restore(actor: Actor, row: SpecializedAI) -> SpecializedAI:
    """Undo a deletion. Raises BadInput where another has taken its name meanwhile."""
    actor.must_own(row.owner_id)
    row.deleted_at = None
    return _save(row)


# ── the shipped ones ──────────────────────────────────────────────────────────────────────────────────────────────


def specialized_ais_ensure(team_id: int) -> int:
    """Give the team those of the five that it never had; what people changed or deleted stays as it is. Gives how many."""
    had = set(SpecializedAI.objects.filter(team_id=team_id, seed__isnull=False).values_list("seed", flat=True))
    names = set(SpecializedAI.objects.filter(team_id=team_id, deleted_at=None).values_list("name_in_use", flat=True))
    made = 0
    for seed in _seeds():
        name = SEED_NAMES[seed["seed"]]
        if seed["seed"] not in had and name.lower() not in names:
            SpecializedAI.objects.create(team_id=team_id, owner=None, name=name, **seed)
            made += 1
    return made


def specialized_ais_ensure_for_all() -> int:
    """The same for every team; gives how many were made."""
    return sum(specialized_ais_ensure(pk) for pk in Team.objects.order_by("pk").values_list("pk", flat=True))


def furnish_team(event: TeamCreated) -> None:
    """Gives a new team the five, in the transaction that makes the team."""
    specialized_ais_ensure(event.team_id)


@cache
def _seeds() -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(SEEDS.read_text(encoding="utf-8")))


# ── judging what people enter ─────────────────────────────────────────────────────────────────────────────────────


def _store(actor: Actor, row: SpecializedAI, given: Mapping[str, Any]) -> SpecializedAI:
    errors = FieldErrors()
    checks.unknown_fields(given, _FIELDS, errors)
    for field, value in given.items():
        _apply(actor, row, field, value, errors)
    fallbacks = _fallbacks(actor, given["fallbacks"], errors) if "fallbacks" in given else None
    errors.raise_if_any()
    with transaction.atomic():
        _save(row)
        if fallbacks is not None:
            row.links.all().delete()
            links = (SpecializedAIFallback(specialized_ai=row, model=model, position=n) for n, model in enumerate(fallbacks, 1))
            SpecializedAIFallback.objects.bulk_create(links)
    if hasattr(row, "_prefetched_objects_cache"):
        row._prefetched_objects_cache.clear()
    return row


def _save(row: SpecializedAI) -> SpecializedAI:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        message = _("Your team has a specialized AI named “%s” already.") % row.name
        raise BadInput(message, errors=[{"field": "name", "code": "unique", "message": message}]) from error
    return row


def _apply(actor: Actor, row: SpecializedAI, field: str, value: Any, errors: FieldErrors) -> None:
    match field:
        case "name":
            row.name = checks.text(value, field, errors, most=80, required=True)
        case "role":
            if value not in SpecializedAI.Role.values:
                errors.add(field, _("The role is one of: %s.") % ", ".join(SpecializedAI.Role.values))
            row.role = value
        case "system_prompt":
            row.system_prompt = checks.text(value, field, errors, most=MOST_PROMPT_CHARS, required=True)
        case "categories":
            row.categories = _categories(value, errors)
        case "default_model":
            row.default_model = _model(actor, value, field, errors) if value else None
        case "temperature":
            _set_parameter(row, field, _temperature(value, errors))
        case "max_output_tokens":
            _set_parameter(row, field, checks.whole_number(value, field, errors, most=MOST_OUTPUT_TOKENS))
        case "is_active":
            row.is_active = bool(value)


def _set_parameter(row: SpecializedAI, name: str, value: Any) -> None:
    others = {key: kept for key, kept in row.parameters.items() if key != name}
    row.parameters = others if value is None else {**others, name: value}


def _categories(value: Any, errors: FieldErrors) -> list[str]:
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        errors.add("categories", _("Categories are a list of words, such as “code” and “research”."))
        return []
    found = list(dict.fromkeys(text for one in given if (text := category_text(one, "categories", errors))))
    if len(found) > MOST_CATEGORIES:
        errors.add("categories", _("At most %d categories.") % MOST_CATEGORIES)
    return found


def _temperature(value: Any, errors: FieldErrors) -> float | None:
    if value in (None, ""):
        return None
    try:
        temperature = float(value)
    except (TypeError, ValueError):
        temperature = -1.0
    if not 0 <= temperature <= 2:
        errors.add("temperature", _("The temperature is a number from 0 to 2, or nothing to leave it to the model."))
        return None
    return temperature


def _model(actor: Actor, value: Any, field: str, errors: FieldErrors) -> AIModel | None:
    try:
        model = access_model(actor, value.public_id if isinstance(value, AIModel) else str(value))
    except NotFound as error:
        errors.add(field, error.message, code="does_not_exist")
        return None
    if not model.is_chat:
        errors.add(field, _("The model %s cannot chat. Choose one that can.") % model)
    return model


def _fallbacks(actor: Actor, value: Any, errors: FieldErrors) -> list[AIModel]:
    given: Iterable[Any] = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    found = [model for one in given if one and (model := _model(actor, one, "fallbacks", errors))]
    unique = list({model.pk: model for model in found}.values())
    if len(unique) > MOST_FALLBACKS:
        errors.add("fallbacks", _("At most %d fallbacks.") % MOST_FALLBACKS)
    return unique
