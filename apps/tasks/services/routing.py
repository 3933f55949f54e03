"""What people change about routing: rules of escalation, the team's settings, and what they think of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, Conflict
from apps.common.events import AnswerRated
from apps.common.restoring import must_be_of, rows_again
from apps.providers.contract import TIERS
from apps.providers.models import AIModel
from apps.tasks.models import EscalationRule, RoutingSettings, TaskExecution, Trigger
from apps.tasks.services.audit import audit_lock, audit_setting
from apps.tasks.services.verdicts import answer_rated

RULE_FIELDS = (
    "name", "trigger", "threshold", "from_tier", "to_tier", "from_model", "to_model", "category", "priority", "is_active",
)  # fmt: skip
SETTING_FIELDS = ("bands", "max_escalations", "max_cost_usd", "exploration")
MOST_RULES = 200


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@again_after_deadlock
def rule_create(actor: Actor, **fields: Any) -> EscalationRule:
    """A new rule; admins only. Raises BadInput. As soon as a team has one, the rules of the code no longer hold for it."""
    actor.must_manage()
    if EscalationRule.objects.filter(team=actor.team).count() >= MOST_RULES:
        raise Conflict(_("There are %d rules already. Remove some first.") % MOST_RULES)
    rule = EscalationRule(team=actor.team, owner=actor.user)
    return _rule_save(actor, rule, fields, "rule_created")


@again_after_deadlock
def rule_update(actor: Actor, rule: EscalationRule, **fields: Any) -> EscalationRule:
    actor.must_manage()
    audit_lock(actor.team.pk)  # before the rule, as where a rise by it is kept
    return _rule_save(actor, EscalationRule.objects.select_for_update().get(pk=rule.pk), fields, "rule_changed")


@again_after_deadlock
def rule_delete(actor: Actor, rule: EscalationRule) -> None:
    """Take a rule away. Rises by it stay on record, with its name."""
    actor.must_manage()
    audit_setting(actor, "rule_deleted", object_id=rule.public_id, object_type="rule", rule=_rule_json(rule))
    rule.delete()


@again_after_deadlock
def rules_restore(actor: Actor, rules: list[EscalationRule]) -> int:
    """Undo a deletion; admins only. Raises Conflict where another rule has the name by now. Gives how many."""
    actor.must_manage()

    def before(rule: EscalationRule) -> None:
        must_be_of(actor, rule)
        audit_setting(actor, "rule_restored", object_id=rule.public_id, object_type="rule", rule=_rule_json(rule))

    return rows_again(rules, before)


def _rule_save(actor: Actor, rule: EscalationRule, fields: Mapping[str, Any], what: str) -> EscalationRule:
    before = _rule_json(rule) if rule.pk else {}
    for name in RULE_FIELDS:
        if name in fields:
            setattr(rule, name, fields[name])
    _rule_check(actor, rule)
    after = _rule_json(rule)
    changes = {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}
    audit_setting(actor, what, object_id=rule.public_id, object_type="rule", name=rule.name, changes=changes)
    rule.save()
    return rule


def _rule_check(actor: Actor, rule: EscalationRule) -> None:
    errors: list[dict[str, str]] = []

    def wrong(field: str, code: str, message: str) -> None:
        errors.append({"field": field, "code": code, "message": message})

    rule.name, rule.category = (rule.name or "").strip(), (rule.category or "").strip()
    if not 1 <= len(rule.name) <= 120:
        wrong("name", "required", _("A rule has a name of 1 to 120 characters."))
    elif EscalationRule.objects.filter(team=actor.team, name=rule.name).exclude(pk=rule.pk).exists():
        wrong("name", "unique", _("There is a rule of that name already."))
    if rule.trigger not in Trigger.values:
        wrong("trigger", "invalid_choice", _("The trigger is one of: %s.") % ", ".join(Trigger.values))
    if rule.threshold is not None and not 0 <= rule.threshold <= 100:
        wrong("threshold", "invalid", _("A threshold goes from 0 to 100."))
    if rule.trigger == Trigger.COMPLEXITY and rule.threshold is None:
        wrong("threshold", "required", _("Say from which complexity on."))
    for field in ("from_tier", "to_tier"):
        if getattr(rule, field) not in ("", *TIERS):
            wrong(field, "invalid_choice", _("The tier is one of: %s.") % ", ".join(TIERS))
    for field in ("from_model", "to_model"):
        model: AIModel | None = getattr(rule, field)
        if model is not None and (model.provider.team_id != actor.team.pk or not model.is_chat):
            wrong(field, "does_not_exist", _("There is no such model that can chat."))
    if rule.from_model_id and rule.from_model_id == rule.to_model_id:
        wrong("to_model", "invalid", _("A rule leads to another model than the one it comes from."))
    if errors:
        raise BadInput(_("This rule cannot be used."), errors=errors)


def _rule_json(rule: EscalationRule) -> dict[str, Any]:
    shown = {name: getattr(rule, name) for name in RULE_FIELDS}
    return {name: str(value) if isinstance(value, AIModel | Decimal) else value for name, value in shown.items()}


# ── the team's settings ───────────────────────────────────────────────────────────────────────────────────────────


@again_after_deadlock
def routing_settings_update(actor: Actor, **fields: Any) -> RoutingSettings:
    """Change bands, most escalations, most cost or exploration; admins only. A band of None goes back to the default."""
    actor.must_manage()
    audit_lock(actor.team.pk)
    row = RoutingSettings.objects.select_for_update().filter(team=actor.team).first() or RoutingSettings(team=actor.team)
    changes = {name: [getattr(row, name), fields[name]] for name in SETTING_FIELDS if name in fields}
    for name, (_before, value) in changes.items():
        setattr(row, name, value)
    _settings_check(row)
    audit_setting(actor, "routing_changed", object_type="settings", changes=changes)
    row.save()
    return row


def _settings_check(row: RoutingSettings) -> None:
    bands = row.bands
    if bands is not None:
        try:
            limits = [Decimal(str(bands[tier])) for tier in TIERS if tier in bands]
        except (InvalidOperation, TypeError) as error:
            raise BadInput(_("A band is a number from 0 to 100."), field="bands") from error
        if set(bands) - set(TIERS) or any(not 0 <= limit <= 100 for limit in limits) or limits != sorted(limits):
            message = _("Bands go from 0 to 100 and rise in the order %s.") % ", ".join(TIERS)
            raise BadInput(message, field="bands")
    if not 0 <= row.max_escalations <= 10:
        raise BadInput(_("At most 10 escalations can be set."), field="max_escalations")
    if row.max_cost_usd is not None and row.max_cost_usd <= 0:
        raise BadInput(_("The most cost is more than nothing; leave it empty for no limit."), field="max_cost_usd")
    if not 0 <= row.exploration <= 100:
        raise BadInput(_("A share goes from 0 to 100 %."), field="exploration")


# ── what people think ─────────────────────────────────────────────────────────────────────────────────────────────


def execution_rate(actor: Actor, execution: TaskExecution, *, thumb: int | None) -> TaskExecution:
    """1: good, -1: not good, None: no opinion any more. Of an answer of one's own, or as an admin."""
    actor.must_own(execution.owner_id)
    if thumb not in (1, -1, None):
        raise BadInput(_("A thumb is up (1), down (-1), or taken back (null)."), field="thumb")
    if not execution.is_answered:
        raise Conflict(_("There is no answer to have an opinion of."))
    answer_rated(AnswerRated(execution.public_id, actor.user.pk, 0 if thumb is None else cast(Literal[1, -1], thumb)))
    execution.thumb = thumb
    return execution
