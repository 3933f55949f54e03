"""Who took part: people, models, and the small tables of settings around them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apps.accounts.models import Membership, Notification, Role, User
from apps.providers.models import AIModel, Budget, ModelRating, Provider, ProviderKey
from apps.tasks.models import EscalationRule
from orquestrador.seeding import words
from orquestrador.seeding.stage import Stage


def people_make(stage: Stage) -> None:
    stage.people = _people(stage)
    stage.models = _models(stage)
    _small_tables(stage)


def _people(stage: Stage) -> list[int]:
    found = []
    for name in words.PEOPLE:
        email = f"{name.split()[0].lower()}.{stage.team.pk}@seeded.example"
        user, _is_new = User.objects.get_or_create(email=email, defaults={"name": name})
        Membership.objects.get_or_create(user=user, team=stage.team, defaults={"role": Role.MEMBER})
        found.append(user.pk)
    return found


def _models(stage: Stage) -> list[AIModel]:
    made = []
    for name in words.PROVIDERS:
        provider, _is_new = Provider.objects.get_or_create(
            team=stage.team,
            name=f"seeded-{name}",
            defaults={
                "owner": stage.owner,
                "display_name": f"{name.title()} (seeded)",
                "kind": "openai_compatible",
                "base_url": "http://127.0.0.1:9/v1",
                "is_local": True,
                "status": Provider.Status.INACTIVE,
            },
        )
        for number, size in enumerate(words.MODEL_NAMES):
            about: dict[str, Any] = {
                "display_name": f"{name.title()} {size}",
                "family": f"{name}-{size}",
                "capabilities": ["chat"],
            }
            about |= {"price_input": Decimal("0.2") * number, "price_output": Decimal("0.8") * number}
            model, _is_new = AIModel.objects.get_or_create(provider=provider, key=f"{name}-{size}", defaults=about)
            made.append(model)
    return made


def _small_tables(stage: Stage) -> None:
    mine = {"owner": stage.owner, "team": stage.team}
    for number in range(60):
        ProviderKey.objects.create(**mine, name=f"Key {number}", kind="openai", secret=f"sk-seeded-{number:012}", is_active=False)
        EscalationRule.objects.get_or_create(
            team=stage.team,
            name=f"Rule {number}",
            defaults={"owner": stage.owner, "trigger": "low_confidence", "threshold": 60, "is_active": False},
        )
        Notification.objects.create(user=stage.owner, kind="task_completed", title=f"Finished: {words.ask(stage.chance)[:80]}")
    for number in range(12):
        about = {"scope": "team", "period": "month", "limit_usd": 1000, "is_active": False, "period_started_at": stage.start}
        Budget.objects.create(**mine, name=f"Budget {number}", **about)
    for model in stage.models:
        ModelRating.objects.get_or_create(
            owner=stage.owner,
            model=model,
            category="general",
            defaults={"team": stage.team, "stars": stage.chance.randint(2, 5)},
        )
