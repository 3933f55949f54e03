"""Years of work in a few minutes: people, models, chats, tasks, prompts, calls and the log, as large as is asked for."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.accounts.models import Membership, Notification, Role, Team, User
from apps.chat.models import Conversation, Message
from apps.providers.models import AIModel, Budget, CreditUsage, ModelRating, Provider, ProviderKey
from apps.tasks.models import CachedAnswer, Call, EscalationRule, ExecutionLog, ProviderMetric, Step, Subtask, Task, TaskExecution
from orquestrador.seeding import words
from orquestrador.seeding.rows import first_key, insert, spread

YEARS = timedelta(days=365)
WITH_CALLS = 10  # one task in so many has its calls as well
STATUSES = (
    *["completed"] * 30,
    *["failed"] * 5,
    *["cancelled"] * 3,
    "pending",
    "paused",
)
EVENTS = (
    *[("started", "info")] * 4,
    *[("completed", "info")] * 4,
    *[("compared", "info")] * 3,
    *[("escalated", "info")] * 2,
    ("author_failed", "warning"),
    ("suspect", "warning"),
    ("failed", "error"),
)


@dataclass(frozen=True)
class Sizes:
    messages: int = 100_000
    conversations: int = 2_000
    tasks: int = 50_000
    logs: int = 1_000_000

    @property
    def prompts(self) -> int:
        """One message in four was answered by the route."""
        return self.messages // 4


@dataclass
class Load:
    """`say` hears what is done. Everything belongs to `team`; the same `seed` makes the same rows."""

    team: Team
    owner: User
    sizes: Sizes
    say: Callable[[str], None]
    seed: int = 7
    made: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.end = timezone.now() - timedelta(minutes=1)
        self.start = self.end - YEARS

    def run(self) -> dict[str, int]:
        """Makes all of it. {table: rows}."""
        self.people = self._people()
        self.models = self._models()
        self._small_tables()
        self._prompts()
        self._chats()
        self._tasks()
        self._logs()
        return self.made

    def _insert(self, model: Any, columns: tuple[str, ...], rows: Iterator[Any], **same: Any) -> None:
        number = insert(model, columns, rows, **same)
        name = str(model._meta.db_table)
        self.made[name] = self.made.get(name, 0) + number
        self.say(f"{name}: {number:,}")

    def _person(self) -> int:
        """Its key. The owner did half of it all."""
        return self.owner.pk if self.chance.random() < 0.5 else self.chance.choice(self.people)

    # ── who and what with ─────────────────────────────────────────────────────────────────────────────────────────
    def _people(self) -> list[int]:
        found = []
        for name in words.PEOPLE:
            email = f"{name.split()[0].lower()}.{self.team.pk}@seeded.example"
            user, _is_new = User.objects.get_or_create(email=email, defaults={"name": name})
            Membership.objects.get_or_create(user=user, team=self.team, defaults={"role": Role.MEMBER})
            found.append(user.pk)
        return found

    def _models(self) -> list[AIModel]:
        made = []
        for name in words.PROVIDERS:
            provider, _is_new = Provider.objects.get_or_create(
                team=self.team,
                name=f"seeded-{name}",
                defaults={
                    "owner": self.owner,
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

    def _small_tables(self) -> None:
        mine = {"owner": self.owner, "team": self.team}
        for number in range(60):
            ProviderKey.objects.create(
                **mine, name=f"Key {number}", kind="openai", secret=f"sk-seeded-{number:012}", is_active=False
            )
            EscalationRule.objects.get_or_create(
                team=self.team,
                name=f"Rule {number}",
                defaults={"owner": self.owner, "trigger": "low_confidence", "threshold": 60, "is_active": False},
            )
            Notification.objects.create(user=self.owner, kind="task_completed", title=f"Finished: {words.ask(self.chance)[:80]}")
        for number in range(12):
            about = {"scope": "team", "period": "month", "limit_usd": 1000, "is_active": False, "period_started_at": self.start}
            Budget.objects.create(**mine, name=f"Budget {number}", **about)
        for model in self.models:
            ModelRating.objects.get_or_create(
                owner=self.owner,
                model=model,
                category="general",
                defaults={"team": self.team, "stars": self.chance.randint(2, 5)},
            )

    # ── prompts on their way through the route ────────────────────────────────────────────────────────────────────
    def _prompts(self) -> None:
        number = self.sizes.prompts
        self.first_prompt, self.prompt_ids = first_key(TaskExecution), [uuid.uuid4() for _one in range(number)]
        route = {"request": {}, "selection": {"considered": []}, "attempts": []}
        columns = (
            *("id", "public_id", "owner_id", "created_at", "updated_at", "started_at", "finished_at", "input", "output"),
            *("model_name", "current_model_id", "status", "source", "confidence", "escalation_count", "execution_time_ms"),
            *("input_tokens", "output_tokens", "cost_usd", "cache"),
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            for index, at in enumerate(spread(self.start, self.end, number)):
                model, rises = self.chance.choice(self.models), self.chance.choice((0,) * 9 + (1,))
                status = self.chance.choice(("failed", *["escalated" if rises else "completed"] * 19))
                text = "" if status == "failed" else words.answer(self.chance)
                took = self.chance.randint(400, 9_000)
                yield (
                    *(self.first_prompt + index, self.prompt_ids[index], self._person(), at, at, at, at),
                    *(words.ask(self.chance), text, str(model), model.pk, status, self.chance.choice(("api", "gateway", "chat"))),
                    *(Decimal(self.chance.randint(50, 99)), rises, took, self.chance.randint(20, 900)),
                    *(self.chance.randint(20, 900), self._cost(), self.chance.choice(("", "", "", "exact"))),
                )

        self._insert(TaskExecution, columns, rows(), team=self.team, metadata=route, messages=[])
        self._usage(self.prompt_ids, "answer")
        self._cached()
        self._days()

    def _usage(self, ids: list[uuid.UUID], purpose: str) -> None:
        columns = (
            *("owner_id", "model_id", "provider_name", "model_key", "linked_execution", "created_at", "updated_at"),
            *("input_tokens", "output_tokens", "cost_usd", "latency_ms", "first_token_ms"),
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            for public_id, at in zip(ids, spread(self.start, self.end, len(ids)), strict=True):
                model = self.chance.choice(self.models)
                provider = model.provider.name
                yield (
                    *(self._person(), model.pk, provider, model.key, public_id, at, at, self.chance.randint(20, 900)),
                    *(self.chance.randint(20, 900), self._cost(), self.chance.randint(400, 9_000), self.chance.randint(80, 900)),
                )

        self._insert(CreditUsage, columns, rows(), team=self.team, purpose=purpose, price_source="seeded")

    def _cost(self) -> Decimal:
        return Decimal(self.chance.randint(1, 2_000)) / 100_000

    def _cached(self) -> None:
        usage = {"input_tokens": 1, "output_tokens": 1}
        completion = {"text": words.answer(self.chance), "finish_reason": "stop", "usage": usage, "model": "seeded"}
        answer = {"completion": completion, "by": {}, "confidence": 90.0, "verified": "not_asked"}
        number = self.sizes.prompts // 20
        columns = (
            "owner_id",
            "scope",
            "request_hash",
            "context_hash",
            "prompt",
            "created_at",
            "updated_at",
            "expires_at",
            "hits",
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            later = self.end + timedelta(days=3)
            for at in spread(self.start, self.end, number):
                person, hashed = self._person(), uuid.uuid4().hex
                scope = f"person:{self.team.pk}:{person}"
                yield (person, scope, hashed, hashed, words.ask(self.chance), at, at, later, self.chance.randint(0, 9))

        self._insert(CachedAnswer, columns, rows(), team=self.team, answer=answer, model_name="seeded")

    def _days(self) -> None:
        """A year of figures for each provider."""
        providers = sorted({model.provider_id for model in self.models})
        known = set(ProviderMetric.objects.filter(provider__in=providers).values_list("provider", "date"))
        days = [(key, (self.start + timedelta(days=day)).date()) for key in providers for day in range(366)]
        rows = ((*pair, self.chance.randint(0, 400), self.end, self.end) for pair in days if pair not in known)
        self._insert(ProviderMetric, ("provider_id", "date", "total", "created_at", "updated_at"), rows, succeeded=0)

    # ── chats ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _chats(self) -> None:
        threads = self._threads()
        first, first_message = first_key(Conversation), first_key(Message)
        ends, at_message = [], first_message
        for length in threads:
            at_message += length
            ends.append(at_message - 1)
        moments = list(spread(self.start, self.end, len(threads)))
        columns = (
            *("id", "public_id", "owner_id", "title", "is_pinned", "is_archived", "is_shared"),
            *("last_message_at", "created_at", "updated_at"),
        )
        rows = (
            (
                *(first + index, uuid.uuid4(), self.owner.pk if index % 2 else self._person(), words.ask(self.chance)[:80]),
                *(self.chance.random() < 0.01, self.chance.random() < 0.2, self.chance.random() < 0.1, at, at, at),
            )
            for index, at in enumerate(moments)
        )
        self._insert(Conversation, columns, iter(rows), team=self.team)
        self._messages(threads, moments, first, first_message)
        Conversation.objects.bulk_update(
            [Conversation(pk=first + index, current_id=last) for index, last in enumerate(ends)], ["current"], batch_size=500
        )

    def _threads(self) -> list[int]:
        """How many messages each conversation has: one is very long, most are short, together they are what was asked for."""
        number, messages = max(1, min(self.sizes.conversations, self.sizes.messages // 2)), self.sizes.messages // 2 * 2
        longest = min(2_000, messages // 5 * 2 // 2 * 2) if number > 1 else messages
        rest = (messages - longest) // max(1, number - 1) // 2 * 2
        threads = [rest] * (number - 1) + [longest]
        threads[-1] += messages - sum(threads)
        return [length for length in threads if length]

    def _messages(self, threads: list[int], moments: list[Any], first: int, first_message: int) -> None:
        columns = (
            *("id", "public_id", "conversation_id", "parent_id", "role", "content", "model_id", "model_name", "execution_id"),
            *("confidence", "input_tokens", "output_tokens", "cost_usd", "latency_ms", "created_at", "updated_at", "asked_by_id"),
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            key, prompts = first_message, len(self.prompt_ids)
            for index, length in enumerate(threads):
                for place in range(length):
                    at, parent = moments[index] + timedelta(seconds=place * 20), key - 1 if place else None
                    about = (key, uuid.uuid4(), first + index, parent)
                    if place % 2 == 0:
                        yield (
                            *about,
                            "user",
                            words.ask(self.chance),
                            None,
                            "",
                            None,
                            None,
                            0,
                            0,
                            None,
                            None,
                            at,
                            at,
                            self.owner.pk,
                        )
                    else:
                        model = self.chance.choice(self.models)
                        prompt = self.first_prompt + self.chance.randrange(prompts) if prompts else None
                        yield (
                            *(*about, "assistant", words.answer(self.chance), model.pk, str(model), prompt),
                            *(Decimal(self.chance.randint(50, 99)), self.chance.randint(20, 900), self.chance.randint(20, 900)),
                            *(self._cost(), self.chance.randint(400, 9_000), at, at, None),
                        )
                    key += 1

        self._insert(Message, columns, rows(), status="complete")

    # ── tasks ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _tasks(self) -> None:
        number = self.sizes.tasks
        self.first_task, self.task_ids = first_key(Task), [uuid.uuid4() for _one in range(number)]
        moments = list(spread(self.start, self.end, number))
        statuses = [self.chance.choice(STATUSES) for _one in range(number)]
        columns = (
            *("id", "public_id", "owner_id", "title", "description", "category", "priority", "status", "is_started", "result"),
            *("confidence", "created_at", "updated_at", "started_at", "finished_at"),
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            for index, at in enumerate(moments):
                text, status = words.ask(self.chance), statuses[index]
                is_done = status == "completed"
                yield (
                    *(self.first_task + index, self.task_ids[index], self._person(), text[:200], f"{text} Reference {index:06}."),
                    *(self.chance.choice(("general", "text", "code", "data")), self.chance.choice((0, 1, 1, 1, 2, 3)), status),
                    *(status != "pending", words.answer(self.chance) if is_done else ""),
                    *(Decimal(self.chance.randint(60, 99)) if is_done else None, at, at, at, None if status == "paused" else at),
                )

        self._insert(Task, columns, rows(), team=self.team)
        self._steps(moments, statuses)

    def _steps(self, moments: list[Any], statuses: list[str]) -> None:
        first = first_key(Subtask)
        counts = [2 + index % 3 for index in range(len(moments))]
        columns = (
            *("id", "public_id", "task_id", "order", "title", "description", "status", "created_at", "updated_at", "finished_at"),
            *(
                "executor_id",
                "executor_family",
                "validator_id",
                "validator_family",
                "divergence",
                "confidence",
                "cross_validated",
                "result",
            ),
        )
        taking_part = [self.chance.sample(self.models, 2) for _one in range(500)]

        def rows() -> Iterator[tuple[Any, ...]]:
            key = first
            for index, at in enumerate(moments):
                for order in range(1, counts[index] + 1):
                    author, checker = taking_part[key % 500]
                    status = statuses[index] if statuses[index] in ("completed", "failed", "cancelled") else "pending"
                    title = words.STEPS[(index + order) % len(words.STEPS)]
                    yield (
                        *(key, uuid.uuid4(), self.first_task + index, order, title, f"{title}, carefully.", status, at, at, at),
                        *(author.pk, author.family, checker.pk, checker.family, Decimal(self.chance.randint(0, 40))),
                        *(Decimal(self.chance.randint(60, 99)), True, words.ANSWERS[key % 5].format(about="it")),
                    )
                    key += 1

        self._insert(Subtask, columns, rows())
        self.first_step, self.step_counts = first, counts
        self._calls(moments, counts, first)

    def _calls(self, moments: list[Any], counts: list[int], first: int) -> None:
        """The journal of one task in ten: each step was written and checked, and what that cost."""
        places, key = [], first
        for index, count in enumerate(counts):
            if index % WITH_CALLS == 0:
                places += [
                    (index, key + order, f"s{order + 1}.r1.a1/{stage}")
                    for order in range(count)
                    for stage in ("execute", "validate")
                ]
            key += count
        usage = first_key(CreditUsage)
        self._usage([self.task_ids[index] for index, _subtask, _key in places], "execute")
        result = {"text": "Done."}
        steps = (
            (self.first_task + index, subtask, name, name.rpartition("/")[2], result, moments[index], moments[index])
            for index, subtask, name in places
        )
        self._insert(Step, ("task_id", "subtask_id", "key", "stage", "result", "started_at", "finished_at"), steps)
        columns = (
            *("public_id", "task_id", "subtask_id", "key", "purpose", "model_id", "model_name", "text", "usage_id"),
            *("started_at", "finished_at"),
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            for number, (index, subtask, name) in enumerate(places):
                model, at = self.models[number % len(self.models)], moments[index]
                text = words.ANSWERS[number % 5].format(about="it")
                yield (
                    *(uuid.uuid4(), self.first_task + index, subtask, f"{name}#1", name.rpartition("/")[2], model.pk, str(model)),
                    *(text, usage + number, at, at),
                )

        self._insert(Call, columns, rows(), status="done", request=[{"role": "user", "content": "Do it."}])

    # ── the log ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _logs(self) -> None:
        number, tasks = self.sizes.logs, max(1, self.sizes.tasks)
        prompts = len(self.prompt_ids)
        names = [str(model) for model in self.models]
        said = [
            ({"model": name, "message": text, "reason": "refusal", "kind": "refusal"}, text)
            for name in names
            for text in words.MESSAGES
        ]
        empty: dict[str, Any] = {}
        by = {name: {"model": name, "because": "more_trusted", "cache": ""} for name in names}
        columns = (
            *("public_id", "task_id", "execution_id", "person_id", "audience", "level", "event", "model_name", "message", "data"),
            "created_at",
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            for index, at in enumerate(spread(self.start, self.end, number)):
                if prompts and index % 8 == 0:
                    execution, model = self.first_prompt + index * prompts // number, self.chance.choice(names)
                    about = (uuid.uuid4(), None, execution, self.owner.pk, "managers", "info", "prompt_answered")
                    yield (*about, model, "", by[model], at)
                    continue
                task = self.first_task + index * tasks // number if self.sizes.tasks else None
                event, level = self.chance.choice(EVENTS)
                if event == "compared":
                    model = self.chance.choice(names)
                    yield (uuid.uuid4(), task, None, self._person(), "team", level, event, model, "", by[model], at)
                elif event in ("author_failed", "suspect", "failed", "escalated"):
                    data, text = self.chance.choice(said)
                    yield (uuid.uuid4(), task, None, self._person(), "team", level, event, data["model"], text, data, at)
                else:
                    yield (uuid.uuid4(), task, None, self._person(), "team", level, event, "", "", empty, at)

        self._insert(ExecutionLog, columns, rows(), team=self.team, request_id="")
