"""Rows for tests. Each app adds one object of each of its kinds to `OBJECTS`, so that the access test can try to reach it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.accounts import services
from apps.accounts.actor import Actor
from apps.accounts.models import Invitation, Membership, Notification, Role, SignIn, Team, User
from apps.chat.models import Attachment, Conversation, Message
from apps.gateway.models import VirtualKey
from apps.knowledge.models import Template, TemplateVersion
from apps.providers.models import (
    AIModel,
    Benchmark,
    Budget,
    Comparison,
    CreditUsage,
    ExternalAccount,
    ModelDiscovery,
    ModelDownload,
    ModelRating,
    Provider,
    ProviderKey,
    SpecializedAI,
)
from apps.tasks.logbook import log_write
from apps.tasks.models import ABTest, CachedAnswer, EscalationRule, ExecutionLog, Subtask, Task, TaskExecution

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)

OBJECTS: dict[str, Callable[[Actor], Any]] = {}  # what URLs call it → makes one that belongs to the actor


def object_of(name: str) -> Callable[[Callable[[Actor], Any]], Callable[[Actor], Any]]:
    """Register a factory under the URL prefix, such as "teams" for /api/teams/{id}/ and "member" for {member_id}."""

    def keep(factory: Callable[[Actor], Any]) -> Callable[[Actor], Any]:
        OBJECTS[name] = factory
        return factory

    return keep


def make_user(email: str = "", **more: Any) -> User:
    return User.objects.create_user(email or f"person{next(_numbers)}@example.org", PASSWORD, **more)


def make_actor(role: str = Role.OWNER, *, team: Team | None = None, user: User | None = None) -> Actor:
    """A person with a role in a team: a new one that nobody has furnished, or the one given."""
    user = user or make_user()
    team = team or Team.objects.create(name=f"Team {next(_numbers)}")
    Membership.objects.create(user=user, team=team, role=role)
    return Actor(user=user, team=team, role=role)


def signed_in(actor: Actor) -> Client:
    """A browser in which the person has signed in."""
    browser = Client()
    browser.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def make_link(actor: Actor, **more: Any) -> tuple[Invitation, str]:
    """An open invitation to the actor's team, and its token."""
    token = f"token-{next(_numbers)}"
    row = {"email": f"guest{next(_numbers)}@example.org", "role": Role.MEMBER, "expires_at": timezone.now() + timedelta(days=1)}
    kept = {"team": actor.team, "invited_by": actor.user, "token_hash": services.token_hash(token)}
    return Invitation.objects.create(**kept, **{**row, **more}), token


@object_of("teams")
def team_of(actor: Actor) -> Team:
    return actor.team


@object_of("members")
@object_of("member")
def member_of(actor: Actor) -> Membership:
    return Membership.objects.get(user=actor.user, team=actor.team)


@object_of("invitations")
def invitation_of(actor: Actor) -> Invitation:
    return make_link(actor)[0]


@object_of("notifications")
def notification_of(actor: Actor) -> Notification:
    return Notification.objects.create(user=actor.user, kind="task_completed", title="Done")


@object_of("sessions")
def sign_in_of(actor: Actor) -> SignIn:
    return SignIn.objects.create(user=actor.user, session_key=f"key{next(_numbers)}")


@object_of("providers")
def provider_of(actor: Actor) -> Provider:
    number = next(_numbers)
    about = {"name": f"provider-{number}", "display_name": f"Provider {number}", "kind": "lmstudio", "is_local": True}
    return Provider.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("api-keys")
def key_of(actor: Actor) -> ProviderKey:
    about = {"name": f"Key {next(_numbers)}", "kind": "openai", "secret": "sk-test-1234567890"}
    return ProviderKey.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("external-accounts")
@object_of("external-api-accounts")
def account_of(actor: Actor) -> ExternalAccount:
    about = {"name": f"Account {next(_numbers)}", "vendor": "deepseek"}
    return ExternalAccount.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("models")
def model_of(actor: Actor) -> AIModel:
    number = next(_numbers)
    provider = provider_of(actor)
    return AIModel.objects.create(provider=provider, key=f"model-{number}", family=f"family-{number}", capabilities=["chat"])


@object_of("found")
@object_of("discovered")
def discovery_of(actor: Actor) -> ModelDiscovery:
    now = timezone.now()
    row = {"owner": actor.user, "team": actor.team, "provider": provider_of(actor)}
    return ModelDiscovery.objects.create(**row, model_key="secret-model", details={}, found_at=now, seen_at=now)


@object_of("downloads")
def download_of(actor: Actor) -> ModelDownload:
    return ModelDownload.objects.create(provider=provider_of(actor), name="secret/model", state="completed")


@object_of("budgets")
def budget_of(actor: Actor) -> Budget:
    about = {"name": "Secret budget", "scope": "team", "period": "month", "limit_usd": 10}
    return Budget.objects.create(owner=actor.user, team=actor.team, period_started_at=timezone.now(), **about)


@object_of("tasks")
def task_of(actor: Actor) -> Task:
    about = {"title": "Secret title", "description": "Secret words", "is_started": False}
    return Task.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("steps")
@object_of("subtasks")
def subtask_of(actor: Actor) -> Subtask:
    return Subtask.objects.create(task=task_of(actor), order=1, title="Secret step", description="Secret words")


@object_of("spend")
def call_of(actor: Actor) -> CreditUsage:
    return CreditUsage.objects.create(owner=actor.user, team=actor.team, provider_name="Secret", model_key="m", purpose="chat")


@object_of("logs")
@object_of("execution-logs")
def execution_log_of(actor: Actor) -> ExecutionLog:
    return log_write(task_of(actor), "started", message="Secret words")


@object_of("specialized-ais")
def specialized_ai_of(actor: Actor) -> SpecializedAI:
    about = {"name": f"Persona {next(_numbers)}", "system_prompt": "Secret words", "categories": ["code"]}
    return SpecializedAI.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("model-ratings")
@object_of("ratings")
def rating_of(actor: Actor) -> ModelRating:
    return ModelRating.objects.create(owner=actor.user, team=actor.team, model=model_of(actor), stars=4, comment="Secret words")


@object_of("benchmarks")
def benchmark_of(actor: Actor) -> Benchmark:
    about = {"model": model_of(actor), "rounds": 1, "questions_version": 1, "status": "completed"}
    return Benchmark.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("compare")
def comparison_of(actor: Actor) -> Comparison:
    return Comparison.objects.create(owner=actor.user, team=actor.team, prompt="Secret words", status="completed")


@object_of("keys")
@object_of("gateway/keys")
def virtual_key_of(actor: Actor) -> VirtualKey:
    number = next(_numbers)
    about = {"name": f"Program {number}", "key_hash": f"{number:064x}", "ending": "abcd"}
    return VirtualKey.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("execution")
def execution_of(actor: Actor) -> TaskExecution:
    about = {"input": "Secret question", "output": "Secret answer", "status": "completed", "model_name": "Secret model"}
    return TaskExecution.objects.create(owner=actor.user, team=actor.team, finished_at=timezone.now(), **about)


@object_of("rule")
@object_of("escalation-rules")
def rule_of(actor: Actor) -> EscalationRule:
    about = {"name": f"Secret rule {next(_numbers)}", "trigger": "low_confidence", "threshold": 60}
    return EscalationRule.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("cached")
@object_of("response-cache")
def cached_of(actor: Actor) -> CachedAnswer:
    usage = {"input_tokens": 1, "output_tokens": 1}
    completion = {"text": "Secret cached answer", "finish_reason": "stop", "usage": usage, "model": "m"}
    answer = {"completion": completion, "by": {}, "confidence": 90.0, "verified": "not_asked"}
    about = {"prompt": "Secret cached question", "answer": answer, "model_name": "Secret model", "context_hash": "c"}
    about |= {"scope": f"person:{actor.team.pk}:{actor.user.pk}", "request_hash": f"hash-{next(_numbers)}"}
    expires_at = timezone.now() + timedelta(hours=1)
    return CachedAnswer.objects.create(owner=actor.user, team=actor.team, expires_at=expires_at, **about)


@object_of("ab-tests")
@object_of("ab_test")
def ab_test_of(actor: Actor) -> ABTest:
    about = {"name": f"Secret test {next(_numbers)}", "strategy_a": "auto", "strategy_b": "best"}
    return ABTest.objects.create(owner=actor.user, team=actor.team, **about)


@object_of("validator_run")
@object_of("validator-runs")
def make_validator_run(actor: Actor) -> Any:
    from apps.tasks.models import ValidatorRun

    return ValidatorRun.objects.create(team=actor.team, owner=actor.user, models_asked=[{"id": "m", "label": "Secret model"}])


@object_of("verifying_rule")
@object_of("verifying-rules")
def make_verifying_rule(actor: Actor) -> Any:
    from apps.tasks.models import VerifyingRule

    return VerifyingRule.objects.create(team=actor.team, owner=actor.user, category=f"secret {next(_numbers)}")


@object_of("conversations")
@object_of("conversation")
def conversation_of(actor: Actor) -> Conversation:
    return Conversation.objects.create(owner=actor.user, team=actor.team, title="Secret conversation")


@object_of("messages")
def message_of(actor: Actor) -> Message:
    return Message.objects.create(conversation=conversation_of(actor), role="user", content="Secret words")


@object_of("attachments")
def attachment_of(actor: Actor) -> Attachment:
    about = {"name": "secret.txt", "kind": "text", "media_type": "text/plain", "size": 12, "text": "Secret words"}
    return Attachment.objects.create(owner=actor.user, team=actor.team, conversation=conversation_of(actor), **about)


@object_of("templates")
def template_of(actor: Actor) -> Template:
    said = {"name": "Secret template", "body": "Say {{word}}.", "variables": [{"name": "word", "kind": "text"}]}
    row = Template.objects.create(owner=actor.user, team=actor.team, slug=f"secret-{next(_numbers)}", **said)
    TemplateVersion.objects.create(template=row, number=1, edited_by=actor.user, **said)
    return row
