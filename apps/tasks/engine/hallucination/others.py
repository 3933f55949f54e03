"""Signs that no word of the answer gives: an earlier answer, a judge, a stall."""

from __future__ import annotations

from apps.tasks.engine.hallucination.sources import Source, content
from apps.tasks.engine.hallucination.support import contradiction
from apps.tasks.engine.hallucination.text import NAME, NUMBER, Text
from apps.tasks.engine.hallucination.types import Signal, Span


def earlier(answer: Text, before: Text) -> Signal | None:
    """How different the answer is from an earlier one of the same question. None without an earlier one."""
    if not before.words or not answer.words:
        return None
    said, said_before = content(answer.words), content(before.words)
    now, then = {word.stem for word in said}, {word.stem for word in said_before}
    likeness = len(now & then) / (min(len(now), len(then)) or 1)
    facts = [word for word in said if word.kind in (NAME, NUMBER)]
    new = [word for word in facts if word.stem not in then]
    has_facts_before = any(word.kind in (NAME, NUMBER) for word in said_before)
    turned = contradiction(answer, Source(before))
    novelty = len(new) / len(facts) if facts and has_facts_before else 0.0
    score = max(1.0 - likeness, 0.6 * novelty, 0.8 * turned.score if turned else 0.0)
    spans = tuple(Span(word.start, word.end, "not_in_earlier_answer") for word in new) if has_facts_before else ()
    return Signal("earlier", min(1.0, score), spans)


def judged(probability: float | None) -> Signal | None:
    """What an AI judge said: the chance, 0 to 1, that the answer is hallucinated."""
    return None if probability is None else Signal("judge", min(1.0, max(0.0, probability)))


def stalled(*, is_cut: bool, longest_pause_s: float, patience_s: float) -> Signal | None:
    """An answer that ended before its end, or stood still for long while it was written. None where neither is known to be so."""
    pause = min(1.0, longest_pause_s / patience_s) if patience_s > 0 else 0.0
    score = max(0.6 if is_cut else 0.0, pause if pause >= 0.5 else 0.0)
    return Signal("stall", score) if score else None
