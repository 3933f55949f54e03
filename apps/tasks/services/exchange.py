"""Rules of escalation as files."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import BadInput
from apps.common.importing import Imported, flag_in, store_all
from apps.tasks.models import EscalationRule
from apps.tasks.selectors.routing import model_named
from apps.tasks.services.routing import RULE_FIELDS, rule_create, rule_update


def rule_record(rule: EscalationRule) -> dict[str, Any]:
    """A rule as a file holds it: its models as provider/model."""
    plain = {name: getattr(rule, name) for name in RULE_FIELDS}
    models = {name: getattr(rule, name) for name in ("from_model", "to_model")}
    named = {name: f"{model.provider.name}/{model.key}" if model else None for name, model in models.items()}
    return {**plain, **named, "threshold": None if rule.threshold is None else float(rule.threshold)}


def rules_import(actor: Actor, rows: list[dict[str, Any]]) -> Imported:
    """Make those that are new, change those whose name is known; admins only. Raises BadInput with every row that is wrong."""
    actor.must_manage()
    known = {rule.name: rule for rule in EscalationRule.objects.filter(team=actor.team)}

    def store(given: Mapping[str, Any]) -> bool:
        if unknown := sorted(set(given) - set(RULE_FIELDS)):
            raise BadInput(_("There is no field “%(name)s”.") % {"name": unknown[0]}, field=unknown[0])
        fields = {name: _value(actor, name, value) for name, value in given.items()}
        rule = known.get(str(fields.get("name", "")).strip())
        if rule is None:
            made = rule_create(actor, **fields)
            known[made.name] = made
        else:
            rule_update(actor, rule, **fields)
        return rule is None

    return store_all(rows, store)


def _value(actor: Actor, name: str, value: Any) -> Any:
    """As the service takes it: a CSV file has texts alone."""
    match name:
        case "from_model" | "to_model":
            return model_named(actor, str(value), field=name) if value else None
        case "threshold":
            return _number(value, name)
        case "priority":
            return int(_number(value, name) or 0) if value not in (None, "") else 100
        case "is_active":
            return flag_in(value)
    return "" if value is None else str(value)


def _number(value: Any, field: str) -> Decimal | None:
    if value in (None, ""):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise BadInput(_("“%(value)s” is not a number.") % {"value": str(value)[:40]}, field=field) from error
    if not found.is_finite() or abs(found) > 30_000:
        raise BadInput(_("“%(value)s” is not a number.") % {"value": str(value)[:40]}, field=field)
    return found
