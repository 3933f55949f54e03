"""One answer in the database: what is asked, what has come, and how it ended. Called by the worker, each in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from apps.chat.context import Reader, reader_of, said_to
from apps.chat.models import Attachment, Message
from apps.common.db import again_after_deadlock
from apps.common.errors import OrquestradorError
from apps.common.said import gettext as _
from apps.providers.adapters.answer import estimated_usage
from apps.providers.contract import ChatRequest, Completion
from apps.providers.models import AIModel, CreditUsage
from apps.providers.services import usage_record
from apps.tasks.engine.routing.types import StrategyName
from apps.tasks.models import TaskExecution
from apps.tasks.runner.executions import Asker
from apps.tasks.runner.routing import Finished

STOPPED_WITH_WORKER = "interrupted"
MOST_SAMPLES = 5  # of answers given before, to compare with
NOBODY_NEW: Mapping[int, AIModel] = {}
NO_FILES = Reader(window=None, sees=True)  # nothing is to be cut


@dataclass(frozen=True, slots=True)
class Question:
    """All that the route needs to answer. `model`: the one that was chosen; None: auto, by `strategy`.

    `notes`: what it is not given.
    """

    message: Message
    asker: Asker
    request: ChatRequest
    model: AIModel | None
    strategy: StrategyName = "auto"
    notes: tuple[dict[str, Any], ...] = ()
    sources: tuple[str, ...] = ()  # the texts of attached files
    samples: tuple[str, ...] = ()  # what was answered to the same before


def lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.ORQ_LEASE_S)


def claim(owner: str, room: int) -> list[int]:
    """Up to `room` waiting answers, oldest first, now leased to `owner`. What another was quicker to take is not among them."""
    waiting = list(Message.objects.waiting().values_list("pk", flat=True)[:room])
    if not waiting:
        return []
    mine = Message.objects.filter(pk__in=waiting, status=Message.Status.QUEUED)
    now = timezone.now()
    taken = mine.update(status="streaming", lease_owner=owner, lease_until=lease_end(), started_at=now, content="")
    if taken == len(waiting):
        return waiting
    ours = Message.objects.filter(pk__in=waiting, status=Message.Status.STREAMING, lease_owner=owner)
    return list(ours.order_by("pk").values_list("pk", flat=True))


def question_of(pk: int) -> Question:
    """What the person said last, with all that was said before it in this branch."""
    row = Message.every.select_related("conversation", "asked_by").get(pk=pk)
    conversation, persona = row.conversation, row.conversation.specialized_ai
    # Who asks anew has said who is to answer; auto then means auto.
    forced = row.wants_model or (persona.default_model if persona and not row.is_again else None)
    turns, files = _branch(row)
    reader = reader_of(conversation.team_id, forced, [file for some in files.values() for file in some]) if files else NO_FILES
    system = "\n\n".join(filter(None, (persona.system_prompt if persona else "", conversation.system_prompt)))
    most = persona.max_output_tokens if persona else None
    messages, notes = said_to(reader, system, turns, files, max_output_tokens=most)
    request = ChatRequest(
        model="", messages=messages, temperature=persona.temperature if persona else None, max_output_tokens=most
    )
    person = row.asked_by
    asker = Asker(conversation.team_id, row.asked_by_id, source="chat", actor_name=str(person or ""))
    sources = tuple(file.text for some in files.values() for file in some if file.text)
    strategy = cast(StrategyName, conversation.strategy)
    samples = _said_before(row) if row.is_again else ()
    return Question(row, asker, request, forced, strategy, tuple(notes), sources, samples)


def _said_before(answer: Message) -> tuple[str, ...]:
    """Other answers to the same message."""
    others = answer.conversation.messages.filter(parent=answer.parent_id, status=Message.Status.COMPLETE).exclude(pk=answer.pk)
    return tuple(others.exclude(content="").order_by("-pk").values_list("content", flat=True)[:MOST_SAMPLES])


def _branch(answer: Message) -> tuple[list[Message], dict[int, list[Attachment]]]:
    """What was said up to the answer, oldest first, and the files of each message."""
    rows = {row.pk: row for row in Message.every.filter(conversation=answer.conversation_id, pk__lt=answer.pk)}
    branch: list[Message] = []
    at = answer.parent_id
    while at is not None:
        branch.append(rows[at])
        at = rows[at].parent_id
    with_files = [row.pk for row in branch if row.attachments]
    files: dict[int, list[Attachment]] = {}
    for file in Attachment.objects.filter(message__in=with_files).order_by("pk") if with_files else ():
        files.setdefault(file.message_id or 0, []).append(file)
    return [row for row in reversed(branch) if row.content or row.pk in files], files


@again_after_deadlock
def keep_texts(
    owner: str, texts: dict[int, str], running: list[int], *, renew: bool, models: Mapping[int, AIModel] = NOBODY_NEW
) -> set[int]:
    """Store what has come of all answers that this process writes, and give those that are to end: stopped, removed, taken.

    `models`: who writes an answer, where that is new: for the pages, and for whoever counts what a worker that died has paid.
    """
    # By their keys alone and in their order: what goes by another column first would meet others crosswise.
    locked = Message.objects.select_for_update().filter(pk__in=running).order_by("pk")
    rows = locked.values_list("pk", "stop_asked", "lease_owner", "status")
    found = {pk: is_asked for pk, is_asked, holder, status in rows if (holder, status) == (owner, Message.Status.STREAMING)}
    _put_texts([(texts[pk], pk) for pk in found if pk in texts])
    for model in set(models.values()):
        written = [pk for pk in found if models.get(pk) == model]
        Message.objects.filter(pk__in=written).update(model=model, model_name=str(model)[:300])
    if renew:
        Message.objects.filter(pk__in=found).update(lease_until=lease_end())
    return {pk for pk in running if found.get(pk, True)}


def _put_texts(texts: list[tuple[str, int]]) -> None:
    """The same statement for each: `bulk_update` would make one of them all, which takes twenty times as long to put together."""
    if texts:
        table, text, key = (connection.ops.quote_name(name) for name in ("chat_messages", "content", "id"))
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {text} = %s WHERE {key} = %s", texts)


@again_after_deadlock
def answered(owner: str, pk: int, text: str, end: Finished) -> bool:
    """The answer is whole. False when it is no longer this worker's."""
    routed, usage = end.routed, end.routed.completion.usage
    return _end(
        owner,
        pk,
        status=Message.Status.COMPLETE,
        content=routed.completion.text or text,
        model_id=_key_of(AIModel, routed.by.id),
        model_name=routed.by.label[:300],
        execution_id=_key_of(TaskExecution, end.execution_id),
        confidence=None if routed.confidence is None else Decimal(str(round(routed.confidence, 2))),
        escalations=len(routed.escalations),
        input_tokens=end.input_tokens,
        output_tokens=end.output_tokens,
        is_estimated=usage.is_estimated,
        cost_usd=end.cost_usd,
        latency_ms=end.latency_ms,
        first_token_ms=end.first_token_ms,
    )


@again_after_deadlock
def ended_early(owner: str, pk: int, text: str, *, status: str, error_code: str = "", error: str = "") -> bool:
    """It was stopped or failed: what had come stays, with what was paid for it."""
    row = Message.every.filter(pk=pk).first()
    if row is None:
        return False
    facts = _paid_for(row)
    return _end(owner, pk, status=status, content=text, error_code=error_code[:60], error=error, **facts)


def _paid_for(row: Message) -> dict[str, Any]:
    calls = CreditUsage.objects.filter(linked_execution=row.public_id)
    sums = calls.aggregate(cost=Sum("cost_usd"), read=Sum("input_tokens"), wrote=Sum("output_tokens"))
    last = calls.select_related("model").order_by("-pk").first()
    is_unknown = calls.filter(cost_usd=None).filter(Q(output_tokens__gt=0) | Q(input_tokens__gt=0)).exists()
    return {
        "execution": TaskExecution.objects.filter(public_id=row.public_id).first(),
        "model": last.model if last else row.model,
        "model_name": str(last.model)[:300] if last and last.model else row.model_name,
        "input_tokens": sums["read"] or 0,
        "output_tokens": sums["wrote"] or 0,
        "is_estimated": bool(last and last.is_estimated),
        "cost_usd": None if is_unknown else sums["cost"] or Decimal(0),
        "latency_ms": round((timezone.now() - row.started_at).total_seconds() * 1000) if row.started_at else None,
    }


def _key_of(table: type[Any], public_id: Any) -> int | None:
    """Of a row that may be gone; it is large, and nothing else of it is wanted."""
    found: int | None = table.objects.filter(public_id=public_id).values_list("pk", flat=True).first() if public_id else None
    return found


def _end(owner: str, pk: int, **facts: Any) -> bool:
    mine = Message.every.filter(pk=pk, lease_owner=owner, status=Message.Status.STREAMING)
    ended = {"lease_owner": "", "lease_until": None, "finished_at": timezone.now()}
    return bool(mine.update(**facts, **ended))


def notes_keep(message: Message, notes: list[dict[str, Any]]) -> None:
    """What is done otherwise than asked, in the row before the answer begins."""
    Message.objects.filter(pk=message.pk).update(notes=notes)


def lease_renew(owner: str, keys: list[int]) -> None:
    Message.every.filter(pk__in=keys, lease_owner=owner).update(lease_until=lease_end())


def interrupted_give_up() -> list[Message]:
    """Answers whose worker died: marked, with what had come and about what it cost. Gives those that were marked here."""
    rows = Message.every.abandoned().filter(status=Message.Status.STREAMING)
    return [row for row in rows.select_related("conversation", "model__provider") if _give_up(row)]


@again_after_deadlock
def _give_up(row: Message) -> bool:
    mine = Message.every.filter(pk=row.pk, lease_owner=row.lease_owner, lease_until__lt=timezone.now())
    if not mine.update(lease_owner=STOPPED_WITH_WORKER, lease_until=lease_end()):
        return False
    row.refresh_from_db(fields=["content"])
    if row.content and row.model and not CreditUsage.objects.filter(linked_execution=row.public_id).exists():
        request = question_of(row.pk).request
        completion = Completion(row.content, "unknown", estimated_usage(request, row.content), row.model.key)
        usage_record(
            team_id=row.conversation.team_id,
            owner_id=row.asked_by_id,
            model=row.model,
            purpose="chat",
            completion=completion,
            error_code=STOPPED_WITH_WORKER,
            linked_execution=row.public_id,
        )
    end = {"status": Message.Status.FAILED, "error_code": STOPPED_WITH_WORKER, "error": interrupted_words()}
    return ended_early(STOPPED_WITH_WORKER, row.pk, row.content, **end)


def interrupted_words() -> str:
    return _("The program that wrote this answer was ended in the middle. What had come is kept; have it answered again.")


def words_of(error: BaseException) -> tuple[str, str]:
    """The code of what went wrong, and a sentence for people."""
    if isinstance(error, OrquestradorError):
        return error.code, error.message
    return "unexpected", _("Something went wrong in the product itself; the log has the details. Have it answered again.")
