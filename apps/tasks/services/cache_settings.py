"""What a team sets about its cached answers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput
from apps.providers.models import AIModel
from apps.tasks.models import RoutingSettings
from apps.tasks.services.audit import audit_lock, audit_setting

SETTING_FIELDS = ("cache_is_on", "cache_is_shared", "cache_keep_s", "semantic_model", "semantic_threshold")
LEAST_THRESHOLD = 50


@again_after_deadlock
def cache_settings_update(actor: Actor, **fields: Any) -> RoutingSettings:
    """Change what a team set about its cached answers; admins only. Off keeps what there is. Raises BadInput."""
    actor.must_manage()
    audit_lock(actor.team.pk)
    row = RoutingSettings.objects.select_for_update().filter(team=actor.team).first() or RoutingSettings(team=actor.team)
    changes = {name: [_said(getattr(row, name)), _said(fields[name])] for name in SETTING_FIELDS if name in fields}
    for name in changes:
        setattr(row, name, fields[name])
    if not LEAST_THRESHOLD <= row.semantic_threshold <= 100:
        raise BadInput(_("The likeness needed goes from 50 to 100 %."), field="semantic_threshold")
    model = row.semantic_model
    if model is not None and (model.provider.team_id != actor.team.pk or "embeddings" not in model.capabilities):
        raise BadInput(_("There is no such model that makes embeddings."), field="semantic_model")
    audit_setting(actor, "cache_changed", object_type="settings", changes=changes)
    row.save()
    return row


def _said(value: Any) -> Any:
    return str(value) if isinstance(value, AIModel) else value
