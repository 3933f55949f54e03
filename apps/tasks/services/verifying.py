"""What a team sets about checking: when steps of a category are checked, and what the detection of inventions may use."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, Conflict
from apps.common.restoring import must_be_of, rows_again
from apps.providers.models import AIModel
from apps.tasks.models import CheckingSettings, Priority, VerifyingRule
from apps.tasks.services.audit import audit_lock, audit_setting

RULE_FIELDS = ("category", "when", "from_complexity", "from_priority", "sample_percent")
SETTING_FIELDS = ("search", "search_url", "search_results", "vectors", "vectors_model", "vectors_folder")
MOST_RULES = 50  # as many as a policy holds


@again_after_deadlock
def verifying_rule_save(actor: Actor, rule: VerifyingRule | None = None, **fields: Any) -> VerifyingRule:
    """A new rule, or a changed one; admins only. New tasks take it over, others keep theirs. Raises BadInput by field."""
    actor.must_manage()
    if rule is None:
        if VerifyingRule.objects.filter(team=actor.team).count() >= MOST_RULES:
            raise Conflict(_("There are %d rules already. Remove some first.") % MOST_RULES)
        rule = VerifyingRule(team=actor.team, owner=actor.user)
    for name in RULE_FIELDS:
        if name in fields:
            setattr(rule, name, fields[name])
    _check_rule(actor, rule)
    about = {name: str(getattr(rule, name)) for name in RULE_FIELDS}
    audit_setting(actor, "verifying_rule_saved", object_id=rule.public_id, object_type="rule", rule=about)
    rule.save()
    return rule


@again_after_deadlock
def verifying_rule_delete(actor: Actor, rule: VerifyingRule) -> None:
    actor.must_manage()
    audit_setting(actor, "verifying_rule_deleted", object_id=rule.public_id, object_type="rule", category=rule.category)
    rule.delete()


@again_after_deadlock
def verifying_rules_restore(actor: Actor, rules: list[VerifyingRule]) -> int:
    """Undo a deletion; admins only. Raises Conflict where its category has another rule by now. Gives how many."""
    actor.must_manage()

    def before(rule: VerifyingRule) -> None:
        must_be_of(actor, rule)
        what = "verifying_rule_restored"
        audit_setting(actor, what, object_id=rule.public_id, object_type="rule", category=rule.category)

    return rows_again(rules, before)


def _check_rule(actor: Actor, rule: VerifyingRule) -> None:
    errors: list[dict[str, str]] = []

    def wrong(field: str, code: str, message: str) -> None:
        errors.append({"field": field, "code": code, "message": message})

    rule.category = (rule.category or "").replace("\x00", "").strip().lower()
    if len(rule.category) > 60:
        wrong("category", "too_long", _("A category has at most 60 characters."))
    elif VerifyingRule.objects.filter(team=actor.team, category=rule.category).exclude(pk=rule.pk).exists():
        wrong("category", "unique", _("There is a rule for this category already."))
    if rule.when not in VerifyingRule.When.values:
        wrong("when", "invalid_choice", _("It is one of: %s.") % ", ".join(VerifyingRule.When.values))
    if rule.from_priority not in [name.lower() for name in Priority.names]:
        wrong("from_priority", "invalid_choice", _("The priority is one of low, medium, high, urgent."))
    for name in ("from_complexity", "sample_percent"):
        value = _number(getattr(rule, name))
        if value is None or not 0 <= value <= 100:
            wrong(name, "invalid", _("This goes from 0 to 100."))
        else:
            setattr(rule, name, value)
    if errors:
        raise BadInput(_("This rule cannot be used."), errors=errors)


def _number(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


@again_after_deadlock
def checking_settings_update(actor: Actor, **fields: Any) -> CheckingSettings:
    """Switch the web look-up or the vectors of meaning on or off; admins only. Raises BadInput by field."""
    actor.must_manage()
    audit_lock(actor.team.pk)
    row = CheckingSettings.objects.select_for_update().filter(team=actor.team).first() or CheckingSettings(team=actor.team)
    if fields.get("vectors_folder", row.vectors_folder) != row.vectors_folder and not actor.user.is_staff:
        message = _("Only who looks after this installation names folders of its machines.")
        raise BadInput(message, field="vectors_folder")
    for name in SETTING_FIELDS:
        if name in fields:
            setattr(row, name, fields[name])
    _check_settings(actor, row)
    changes = {name: str(getattr(row, name) or "") for name in SETTING_FIELDS if name in fields}
    audit_setting(actor, "checking_changed", object_type="settings", changes=changes)
    row.save()
    return row


def _check_settings(actor: Actor, row: CheckingSettings) -> None:
    errors: list[dict[str, str]] = []

    def wrong(field: str, message: str) -> None:
        errors.append({"field": field, "code": "invalid", "message": message})

    row.search_url = (row.search_url or "").strip()
    if row.search not in CheckingSettings.Search.values:
        wrong("search", _("It is one of: %s.") % ", ".join(CheckingSettings.Search.values))
    elif row.search != CheckingSettings.Search.OFF:
        address = urlsplit(row.search_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            wrong("search_url", _("The address begins with https:// or http:// and names a server."))
        elif row.search == CheckingSettings.Search.TEMPLATE and "{query}" not in row.search_url:
            wrong("search_url", _("Write {query} where the words that are looked for belong."))
    if row.vectors not in CheckingSettings.Vectors.values:
        wrong("vectors", _("It is one of: %s.") % ", ".join(CheckingSettings.Vectors.values))
    elif row.vectors == CheckingSettings.Vectors.MODEL:
        model: AIModel | None = row.vectors_model
        if model is None or model.provider.team_id != actor.team.pk or "embeddings" not in model.capabilities:
            wrong("vectors_model", _("Choose a model of the team that makes embeddings."))
    elif row.vectors == CheckingSettings.Vectors.FOLDER and not Path(row.vectors_folder or "-").is_dir():
        wrong("vectors_folder", _("There is no such folder on this machine."))
    if errors:
        raise BadInput(errors[0]["message"], errors=errors)
