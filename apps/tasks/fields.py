"""Reads what people send about tasks: every field that cannot be used is named, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonschema
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import BadInput, NotFound
from apps.providers.models import AIModel
from apps.providers.selectors import access_model
from apps.tasks.engine.errors import BadPlan
from apps.tasks.engine.plan import must_be_feasible
from apps.tasks.engine.types import PlannedSubtask
from apps.tasks.models import MODEL_ROLES, POLICY_SCHEMA, Priority, Task

MAX_DESCRIPTION_CHARS = 100_000
MAX_TITLE_CHARS = 200
SMALLEST_BUDGET_USD = Decimal("0.00000001")  # the columns keep eight decimals
MOST_BUDGET_USD = Decimal("100000")


def read_plan(plan: Mapping[str, Any]) -> tuple[PlannedSubtask, ...]:
    try:
        planned = tuple(
            PlannedSubtask(
                order=int(item.get("order", number)),
                title=str(item.get("title") or item["description"]).strip()[:MAX_TITLE_CHARS],
                description=str(item["description"]),
                category=str(item.get("category") or "general").strip().lower()[:60],
                depends_on=tuple(sorted({int(need) for need in item.get("depends_on", [])})),
                acceptance_criteria=tuple(str(text) for text in item.get("acceptance_criteria", []) if str(text).strip()),
            )
            for number, item in enumerate(plan["subtasks"], 1)
        )
        must_be_feasible(planned)
    except BadPlan as error:
        raise BadInput(error.message, field="plan") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            _("A plan is {“subtasks”: [{order, title, description, depends_on, acceptance_criteria}]}."), field="plan"
        ) from error
    return planned


def chat_model(actor: Actor, public_id: str, *, field: str) -> AIModel:
    """The model, or BadInput that says which of the three is wrong: unknown, switched off, or unable to chat."""
    try:
        model = access_model(actor, public_id)
    except NotFound as error:
        raise BadInput(_("There is no model with the id %s.") % public_id, field=field) from error
    if not model.is_active or not model.provider.is_active:
        raise BadInput(_("The model %s is switched off. Switch it on under Providers, or choose another.") % model, field=field)
    if not model.is_chat:
        raise BadInput(_("The model %s cannot chat. Choose one that can.") % model, field=field)
    return model


class Fields:
    """Reads what a person sent, gathers what is wrong with it, and says it all at once."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.errors: list[dict[str, str]] = []

    def add(self, field: str, code: str, message: str) -> None:
        self.errors.append({"field": field, "code": code, "message": message})

    def raise_errors(self) -> None:
        if self.errors:
            raise BadInput(self.errors[0]["message"], errors=self.errors)

    def description(self, value: Any) -> str:
        text = str(value or "").replace("\x00", "").strip()
        if not text:
            self.add("description", "required", _("Say what is to be done."))
        elif len(text) > MAX_DESCRIPTION_CHARS:
            self.add(
                "description",
                "too_long",
                _("The description has %(has)s characters; at most %(most)s fit. Shorten it, or split it into several tasks.")
                % {"has": len(text), "most": MAX_DESCRIPTION_CHARS},
            )
        return text

    def title(self, value: Any, description: str) -> str:
        given = str(value or "").replace("\x00", "").strip()
        if len(given) > MAX_TITLE_CHARS:
            self.add("title", "too_long", _("The title has more than %s characters.") % MAX_TITLE_CHARS)
        first_line = description.strip().splitlines()[0] if description.strip() else ""
        return (given or first_line)[:MAX_TITLE_CHARS] if len(given or first_line) <= 80 or given else first_line[:79] + "…"

    def category(self, value: Any) -> str:
        return str(value or "").replace("\x00", "").strip().lower()[:60] or "general"

    def priority(self, value: Any) -> int:
        name = str(value or "medium").upper()
        if name not in Priority.names:
            self.add("priority", "unknown", _("The priority is one of low, medium, high, urgent."))
            return Priority.MEDIUM
        return Priority[name]

    def budget(self, value: Any) -> Decimal | None:
        if value in (None, ""):
            return None
        try:
            budget = Decimal(str(value))
        except InvalidOperation:
            budget = Decimal("NaN")
        if not budget.is_finite() or not SMALLEST_BUDGET_USD <= budget <= MOST_BUDGET_USD:
            self.add("budget", "invalid", _("The budget is an amount in US dollars above zero, up to %s.") % MOST_BUDGET_USD)
            return None
        return budget.quantize(SMALLEST_BUDGET_USD)

    def deadline(self, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        when = timezone.make_aware(value) if timezone.is_naive(value) else value
        if when <= timezone.now():
            self.add("deadline", "past", _("The deadline is in the past."))
        return when

    def policy(self, value: Mapping[str, Any] | None) -> dict[str, Any]:
        if value is not None and not isinstance(value, Mapping):
            self.add("policy", "invalid", _("The policy is an object, such as {“divergence_threshold”: 20}."))
            return {}
        policy = dict(value or {})
        try:
            jsonschema.validate(policy, POLICY_SCHEMA)
        except jsonschema.ValidationError as error:
            where = ".".join(["policy", *map(str, error.absolute_path)])
            self.add(where, "invalid", error.message)
        return policy

    def merged_policy(self, task: Task, value: Mapping[str, Any] | None) -> dict[str, Any]:
        changed = self.policy(value)
        return {**task.policy, **changed}

    def cast(self, value: Mapping[str, str] | None) -> dict[str, str]:
        if value is not None and not isinstance(value, Mapping):
            self.add("models", "invalid", _("The models are an object of role and id, such as {“executor”: “…”}."))
            return {}
        cast = {role: str(model) for role, model in (value or {}).items() if model}
        families: dict[str, str] = {}
        for role, public_id in cast.items():
            if role not in MODEL_ROLES:
                self.add(f"models.{role}", "unknown", _("The roles are planner, executor, validator and tie_breaker."))
                continue
            try:
                model = chat_model(self.actor, public_id, field=f"models.{role}")
            except BadInput as error:
                self.errors.extend(error.errors)
                continue
            if role != "planner" and (other := families.get(model.family)):
                self.add(
                    f"models.{role}",
                    "same_family",
                    _("%(model)s is of the same family as the %(role)s: no AI checks its own work.")
                    % {"model": model, "role": other},
                )
            if role != "planner":
                families[model.family] = role
        return cast
