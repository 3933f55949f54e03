"""How far one answer of a route can be trusted: what is seen in the text, and what the score of hallucination makes of it.

The score is the one that steps of tasks have (engine.inspection). What is read of very long texts is bounded, because
somebody waits for the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from apps.providers.contract import Completion
from apps.tasks.engine.divergence import SHORT_ANSWER_WORDS
from apps.tasks.engine.further import with_further
from apps.tasks.engine.hallucination import Assessment
from apps.tasks.engine.inspection import MATERIAL_WORDS, keeps_to_sources, look_at
from apps.tasks.engine.ports import Evidence
from apps.tasks.engine.routing.types import RoutedPrompt
from apps.tasks.engine.trust.assess import Trust, assess
from apps.tasks.engine.types import Draft, Findings, ModelRef

ANSWER_CHARS, SOURCE_CHARS = 20_000, 60_000  # some 0.2 s on one core, measured 2026-11
AT_ONCE_CHARS = 1_000  # more is read beside the event loop, which others wait for
# One thread: several would be no faster together, and the event loop would wait its turn behind each of them.
_beside = ThreadPoolExecutor(1, thread_name_prefix="orq-weighing")
QUESTION_WORDS = 60  # a paragraph so long is no question any more
CUT_SHORT = ("length", "content_filter")
# Seen by the checks of the text and of the call already.
_TOLD_BY_TRUST = frozenset({"repetition", "refusal", "cut"})


@dataclass(frozen=True, slots=True)
class Weighed:
    trust: Trust
    findings: Findings


async def weigh_answer(
    prompt: RoutedPrompt,
    model: ModelRef,
    completion: Completion,
    evidence: Callable[[], Awaitable[Evidence | None]] | None = None,
) -> Weighed:
    """Of an answer that is whole. Short texts are read in the event loop's own thread. `evidence`: where more may be asked."""
    size = len(completion.text) + sum(map(len, prompt.sources)) + sum(len(one.content) for one in prompt.request.messages)
    if size <= AT_ONCE_CHARS:
        findings = findings_of(prompt, model, completion)
    else:
        findings = await asyncio.get_running_loop().run_in_executor(_beside, findings_of, prompt, model, completion)
    further = None
    if evidence is not None and len(completion.text.split()) > SHORT_ANSWER_WORDS:
        further = await evidence()
    question, material = parted(prompt.text)
    sources = _within(sources_of(prompt, material), SOURCE_CHARS) if findings.is_bound else ()
    findings = await with_further(findings, completion.text[:ANSWER_CHARS], question, sources, further)
    return Weighed(_trust(prompt, completion, findings), findings)


def _trust(prompt: RoutedPrompt, completion: Completion, findings: Findings) -> Trust:
    against = [item.score for item in findings.items if item.kind not in _TOLD_BY_TRUST]
    return assess(
        prompt.text,
        completion.text,
        finish_reason=completion.finish_reason,
        logprobs=[token.logprob for token in completion.logprobs] if completion.logprobs else None,
        samples=prompt.samples,
        hallucination=max(against) if against else None,  # a text that looks good is not thereby right
    )


def findings_of(prompt: RoutedPrompt, model: ModelRef, completion: Completion) -> Findings:
    """What counts against the answer, held against the texts that it must keep to; none where it may add to them."""
    question, material = parted(prompt.text)
    sources = sources_of(prompt, material)
    is_bound = bool(sources) and (keeps_to_sources(question) or (bool(prompt.sources or material) and "?" in question))
    draft = Draft(
        completion.text[:ANSWER_CHARS],
        model,
        is_complete=completion.finish_reason not in CUT_SHORT,
        latency_ms=completion.latency_ms,
        longest_pause_s=completion.longest_pause_ms / 1000,
    )
    read = _within(sources, SOURCE_CHARS) if is_bound else ()
    findings = look_at(draft, question, sources=read, samples=prompt.samples, is_bound=is_bound)
    is_cut = len(completion.text) > ANSWER_CHARS or sum(map(len, read)) < (sum(map(len, sources)) if is_bound else 0)
    if is_cut and findings.assessment is not None:
        return replace(findings, assessment=_partial(findings.assessment))
    return findings


def parted(text: str) -> tuple[str, str]:
    """The question, and the text that it brings along, "" where it brings none: a question stands at the end, or in front."""
    if len(text.split()) < MATERIAL_WORDS:
        return text, ""
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    for place in (-1, 0):
        if len(paragraphs) > 1 and len(paragraphs[place].split()) <= QUESTION_WORDS:
            rest = paragraphs[:-1] if place else paragraphs[1:]
            return paragraphs[place], "\n\n".join(rest)
    return text, ""


def sources_of(prompt: RoutedPrompt, material: str) -> tuple[str, ...]:
    """Texts that were given with the prompt: documents, what the question brings along, instructions that hold a text."""
    given = [*prompt.sources, material]
    for message in prompt.request.messages[:-1]:
        if message.role in ("system", "user", "tool"):
            given.append(message.content if message.role != "user" else parted(message.content)[1])
    return tuple(dict.fromkeys(text for text in given if text in prompt.sources or len(text.split()) >= MATERIAL_WORDS))


def _within(texts: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The texts up to `most` characters together."""
    kept: list[str] = []
    for text in texts:
        kept.append(text[:most])
        most -= len(kept[-1])
        if most <= 0:
            break
    return tuple(kept)


def _partial(assessment: Assessment) -> Assessment:
    return replace(assessment, is_partial=True)
