"""Listening to one streamed answer: shown live, kept while it comes, cut when it runs in circles."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from apps.providers.contract import ChatRequest, Completion, Delta, Usage
from apps.tasks.engine.circles import StreamGuard
from apps.tasks.engine.errors import RunawayAnswer
from apps.tasks.engine.moves import Moved, Queued
from apps.tasks.engine.types import ModelRef

if TYPE_CHECKING:
    from apps.tasks.engine.context import Context

LIVE_TEXT_EVERY_S = 0.1
KEEP_PARTIAL_EVERY_S = 1.0
CHARS_PER_TOKEN = 3
PAUSE_WORTH_TELLING_S = 10.0


class Ear:
    """For one answer. `text` is what has come so far."""

    def __init__(self, ctx: Context, key: str, model: ModelRef) -> None:
        self.ctx, self.key, self.model = ctx, key, model
        self.text = ""
        self._shown, self._seq, self._restarted = 0, 0, False
        self._guard = StreamGuard()
        now = ctx.run.clock.monotonic()
        self._began = self._last_shown = self._last_kept = self._last_heard = now
        self._longest_pause_s = 0.0

    async def listen(self, request: ChatRequest) -> Completion:
        stream = self.ctx.run.ais.ask(self.model, request)
        try:
            async for item in stream:
                match item:
                    case Completion():
                        self._show()
                        return self._with_pause(item)
                    case Moved():
                        await self._follow(item)
                    case Queued():
                        await self.ctx.note("queued", model=item.model.label, at_most_s=round(item.at_most_s))
                    case _:
                        await self._hear(item)
        except RunawayAnswer as error:
            error.extra["partial"] = self._so_far(request)  # what was cut was paid for
            raise
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # closes the upstream call, also when we leave early
        raise RuntimeError("a provider's stream ended without a completion")

    def _so_far(self, request: ChatRequest) -> Completion:
        asked = sum(len(message.content) for message in request.messages)
        usage = Usage(asked // CHARS_PER_TOKEN + 1, len(self.text) // CHARS_PER_TOKEN + 1, is_estimated=True)
        took_ms = round((self.ctx.run.clock.monotonic() - self._began) * 1000)
        return Completion(self.text, "unknown", usage, self.model.model, latency_ms=took_ms)

    def _with_pause(self, completion: Completion) -> Completion:
        """Told only where it was long, so that an answer is the same each time it is heard at its usual pace."""
        pause_s = self._longest_pause_s
        return replace(completion, longest_pause_ms=round(pause_s * 1000)) if pause_s >= PAUSE_WORTH_TELLING_S else completion

    async def _follow(self, moved: Moved) -> None:
        """Another server of the model answers; the log says so where the first one failed."""
        self.model = moved.to_model
        self.ctx.run.spent_usd += await self.ctx.run.journal.call_moved(self.key, moved) or Decimal(0)
        if moved.was_asked:
            where = {"server": moved.from_model.provider, "next": moved.to_model.provider}
            why = {"code": moved.code, "message": moved.message, "restarted": moved.after_first_token}
            await self.ctx.note("server_failed", model=moved.from_model.label, **where, **why)

    async def _hear(self, delta: Delta) -> None:
        if delta.restarted:
            self.text, self._shown, self._restarted, self._guard = "", 0, True, StreamGuard()
            self._longest_pause_s = 0.0
        now = self.ctx.run.clock.monotonic()
        if self.text:  # before the first word it reads, which may take long
            self._longest_pause_s = max(self._longest_pause_s, now - self._last_heard)
        self._last_heard = now
        self.text += delta.text
        self._guard.feed(delta.text)
        if now - self._last_shown >= LIVE_TEXT_EVERY_S:
            self._last_shown = now
            self._show()
        if now - self._last_kept >= KEEP_PARTIAL_EVERY_S:
            self._last_kept = now
            await self.ctx.run.journal.call_partial(self.key, self.text)

    def _show(self) -> None:
        fresh = self.text[self._shown :]
        if not fresh and not self._restarted:
            return
        self._seq += 1
        self.ctx.run.audience.text(
            call=self.key,
            subtask=self.ctx.subtask,
            stage=self.ctx.stage_name,
            model=self.model,
            seq=self._seq,
            delta=fresh,
            restarted=self._restarted,
        )
        self._shown, self._restarted = len(self.text), False
