"""The process that writes answers: one thread with one event loop, in which all of them are at work at once.

It takes up what waits when it is rung for, passes words on as they come, stores all texts together twice a second, and obeys
a Stop that it hears over the live wire. What other workers left behind is marked by whoever looks first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation

from apps.chat import answering, services, verifying, wire
from apps.chat.beginnings import Beginnings
from apps.chat.loading import made_ready
from apps.chat.models import Conversation, Message
from apps.chat.mouth import Mouth
from apps.chat.selectors import message_json, rows_to_tell, utf16_length
from apps.common.db import in_db
from apps.common.hub import Listener, hub
from apps.common.live import LiveMessage
from apps.common.logs import correlation_id
from apps.common.machine import worker_name
from apps.providers.contract import Delta
from apps.providers.models import AIModel
from apps.tasks.runner.routing import Finished, prompt_for, stream_route

log = logging.getLogger(__name__)

STORE_EVERY_S = 0.5
RECONCILE_EVERY_S = 3.0
PURGE_EVERY_S = 3600.0
SAY_EVERY_S = 0.015  # pieces that come faster than this are said together
AT_ONCE = 100  # answers of one process


@dataclass
class Writing:
    """An answer that this process writes now."""

    pk: int
    mouth: Mouth
    message_id: str = ""
    conversation: Conversation | None = None
    text: str = ""
    stored: str = ""
    said: int = 0  # characters of the text that have been passed on
    said_utf16: int = 0
    said_at: float = 0.0  # by the clock of the loop
    restarted: bool = False
    model: AIModel | None = None  # who writes it; kept with the next texts
    stored_model: AIModel | None = None
    work: asyncio.Task | None = None
    is_stopped: bool = False
    is_ending: bool = False  # what came of it is being stored, and then told
    wants_alternative: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        if not self.is_stopped and not self.is_ending and self.work is not None:
            self.is_stopped = True
            self.work.cancel()

    def hear(self, delta: Delta) -> None:
        if delta.restarted:
            self.text, self.said, self.said_utf16, self.restarted = "", 0, 0, True
        self.text += delta.text
        if (delta.text or delta.restarted) and self.timer is None:
            self._say_soon()

    def _say_soon(self) -> None:
        """At once, unless something was said a moment ago: then with whatever comes until that moment is over."""
        loop = asyncio.get_running_loop()
        if (wait_s := self.said_at + SAY_EVERY_S - loop.time()) <= 0:
            self.say()
        else:
            self.timer = loop.call_later(wait_s, self.say)

    def say(self) -> None:
        """Pass on what has come since the last time. `at` and `seq` are where the piece begins and ends."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        piece, at = self.text[self.said :], self.said_utf16
        if not piece and not self.restarted:
            return
        self.said, self.said_utf16 = len(self.text), at + utf16_length(piece)
        self.said_at = asyncio.get_running_loop().time()
        self._publish(at, piece, restarted=self.restarted)
        self.restarted = False

    def say_again(self, at: int) -> None:
        """All from `at` on, for somebody who has just come."""
        self.say()
        piece = self.text.encode("utf-16-le")[at * 2 :].decode("utf-16-le", "ignore")
        if piece:
            self._publish(at, piece, restarted=False)

    def _publish(self, at: int, piece: str, *, restarted: bool) -> None:
        if self.conversation is None:
            return
        about = {"conversation_id": str(self.conversation.public_id), "message_id": self.message_id}
        data = {**about, "at": at, "seq": at + utf16_length(piece), "delta": piece, "restarted": restarted}
        self.mouth.say(LiveMessage.of(wire.topic_of(self.conversation), "chat:streaming", data))


@dataclass
class Worker:
    """The writer of one process. Nothing happens until `start`."""

    name: str = field(default_factory=worker_name)
    running: dict[int, Writing] = field(default_factory=dict)
    checking: dict[int, asyncio.Task] = field(default_factory=dict)
    loads: set[asyncio.Task] = field(default_factory=set)  # of models; they go on when nobody waits for them any more
    mouth: Mouth = field(default_factory=Mouth)
    is_stopping: bool = False
    _beginnings: Beginnings = field(default_factory=Beginnings)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _wake: asyncio.Event | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        with self._guard:
            if self._thread is None and not self.is_stopping:
                self._thread = threading.Thread(target=async_to_sync(self._serve), name="orq-chat", daemon=True)
                self._thread.start()

    def look(self) -> None:
        """There may be work."""
        if self._loop is not None and self._wake is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """Let go of everything; what was being written is marked as interrupted."""
        self.is_stopping = True
        self.look()
        if self._thread is not None:
            self._thread.join(5.0)

    # ── the loop ──────────────────────────────────────────────────────────────────────────────────────────────────
    async def _serve(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        listener = Listener()
        hub().subscribe(listener, wire.WORK_TOPIC)
        hearing = asyncio.create_task(self._hear(listener))
        renew_at = reconcile_at = purge_at = 0.0
        try:
            while not self.is_stopping:
                now = time.monotonic()
                try:
                    if now >= reconcile_at:
                        await self._reconcile()
                        reconcile_at = now + RECONCILE_EVERY_S
                    if now >= purge_at:
                        await in_db(services.conversations_purge)
                        purge_at = now + PURGE_EVERY_S
                    await self._take_up()
                    await self._store(renew=now >= renew_at)
                    renew_at = now + settings.ORQ_LEASE_S / 4 if now >= renew_at else renew_at
                except DatabaseError as error:
                    log.warning("the database does not answer (%s); trying again", error)
                await self._rest()
        finally:
            hub().leave(listener)
            hearing.cancel()
            await self._let_go()

    async def _rest(self) -> None:
        assert self._wake is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), STORE_EVERY_S if self.running or self.checking else RECONCILE_EVERY_S)
        self._wake.clear()

    async def _hear(self, listener: Listener) -> None:
        while True:
            said = json.loads(await listener.next())["data"]
            writing = self.running.get(said.get("message"))
            if said.get("do") == "stop" and writing:
                writing.stop()
            elif said.get("do") == "alternative" and writing:
                writing.wants_alternative.set()
            elif said.get("do") == "catch_up" and writing:
                writing.say_again(int(said["at"]))
            else:
                self.look()

    async def _take_up(self) -> None:
        room = AT_ONCE - len(self.running)
        for pk in await in_db(answering.claim, self.name, room) if room > 0 else ():
            writing = self.running[pk] = Writing(pk, self.mouth)
            writing.work = asyncio.create_task(self._write(writing))
        room = AT_ONCE - len(self.checking)
        for pk in await in_db(verifying.claim, self.name, room) if room > 0 else ():
            self.checking[pk] = asyncio.create_task(self._check(pk))

    async def _store(self, *, renew: bool) -> None:
        if renew and self.checking:
            await in_db(answering.lease_renew, self.name, list(self.checking))
        running = dict(self.running)
        if not running:
            return
        texts = {pk: writing.text for pk, writing in running.items() if writing.text != writing.stored}
        models = {pk: one.model for pk, one in running.items() if one.model is not None and one.model is not one.stored_model}
        to_end = await in_db(answering.keep_texts, self.name, texts, list(running), renew=renew, models=models)
        for pk, text in texts.items():
            running[pk].stored = text
        for pk, model in models.items():
            running[pk].stored_model = model
        for pk in to_end & set(self.running):
            self.running[pk].stop()

    async def _reconcile(self) -> None:
        await in_db(verifying.give_up)
        for message in await in_db(answering.interrupted_give_up):
            await in_db(_tell_end, message.pk)

    async def _let_go(self) -> None:
        works = [*self.loads, *self.checking.values(), *(writing.work for writing in self.running.values() if writing.work)]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def _check(self, pk: int) -> None:
        try:
            await verifying.check(self.name, pk)
            await in_db(_tell_checked, pk)
        except Exception:
            log.exception("the check of an answer ended unexpectedly")
            await in_db(verifying.failed, self.name, pk)
        finally:
            self.checking.pop(pk, None)

    # ── one answer ────────────────────────────────────────────────────────────────────────────────────────────────
    async def _write(self, writing: Writing) -> None:
        try:
            await self._answer(writing)
        finally:
            self.running.pop(writing.pk, None)
            self.look()  # what was queued behind it

    async def _answer(self, writing: Writing) -> None:
        end: dict[str, Any] = {}
        finished: Finished | None = None
        try:
            async with self._beginnings.enter() as begun:
                question = await in_db(answering.question_of, writing.pk)
                writing.conversation, writing.message_id = question.message.conversation, str(question.message.public_id)
                correlation_id.set(writing.message_id)
                person = question.message.asked_by
                with translation.override((person and person.language) or translation.get_language()):
                    finished = await self._routed(writing, question, begun)
        except asyncio.CancelledError:
            end = await self._cut(writing)
        except Exception as error:
            end = self._failed(writing, error)
        writing.is_ending = True
        writing.say()
        self.mouth.pass_on()
        await asyncio.shield(in_db(self._end, writing, finished, end))

    async def _routed(self, writing: Writing, question: answering.Question, begun: Callable[[], None]) -> Finished | None:
        message = question.message
        forced = str(question.model.public_id) if question.model else ""
        prompt = prompt_for(
            question.request,
            strategy="auto" if forced else question.strategy,
            forced_model=forced,
            use_cache=not message.is_again,
            id=message.public_id,
            sources=question.sources,
            samples=question.samples,
        )
        made = await made_ready(question, prompt, writing.wants_alternative, self._keep_load)
        prompt = replace(prompt, forced_model=made.forced_model)
        if notes := [*question.notes, *made.notes]:
            await in_db(answering.notes_keep, message, notes)

        def asked(model: AIModel) -> None:
            begun()
            writing.model = model

        async with aclosing(stream_route(question.asker, prompt, on_asked=asked)) as items:
            async for item in items:
                if isinstance(item, Delta):
                    writing.hear(item)
                elif isinstance(item, Finished):
                    return item
        return None

    def _end(self, writing: Writing, finished: Finished | None, end: dict[str, Any]) -> None:
        if finished is not None:
            answering.answered(self.name, writing.pk, writing.text, finished)
        else:
            answering.ended_early(self.name, writing.pk, writing.text, **end)
        _tell_end(writing.pk)

    def _keep_load(self, load: asyncio.Task) -> None:
        self.loads.add(load)
        load.add_done_callback(self._load_ended)

    def _load_ended(self, load: asyncio.Task) -> None:
        self.loads.discard(load)
        if not load.cancelled() and (error := load.exception()) is not None:
            log.error("a load ended unexpectedly", exc_info=error)

    async def _cut(self, writing: Writing) -> dict[str, Any]:
        if writing.is_stopped:
            return {"status": Message.Status.STOPPED}
        return {
            "status": Message.Status.FAILED,
            "error_code": answering.STOPPED_WITH_WORKER,
            "error": answering.interrupted_words(),
        }

    @staticmethod
    def _failed(writing: Writing, error: Exception) -> dict[str, Any]:
        code, words = answering.words_of(error)
        if code == "unexpected":
            log.error("an answer ended unexpectedly", exc_info=error)
        return {"status": Message.Status.FAILED, "error_code": code, "error": words}


def _tell_end(pk: int) -> None:
    message = rows_to_tell().filter(pk=pk).first()
    if message is not None:
        wire.tell_done(message, message_json(message))
        if message.conversation.owner is not None:
            wire.tell_list(message.conversation.owner, message.conversation)


def _tell_checked(pk: int) -> None:
    message = Message.objects.select_related("conversation").filter(pk=pk).first()
    if message is not None:
        wire.tell(message.conversation, "checked", message_id=str(message.public_id))


worker = Worker()  # of this process
