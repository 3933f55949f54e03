"""What can be seen to be wrong with a draft without asking any AI."""

from __future__ import annotations

import re
from collections import Counter

from apps.tasks.engine.context import Context
from apps.tasks.engine.types import Draft, Finding, Findings, PlannedSubtask

_SENTENCE = re.compile(r"[^.!?\n]{12,}[.!?\n]?")
_REFUSAL = re.compile(
    r"^\W*(i('m| am) (sorry|unable)|i can(no|')t (help|assist|do)|as an ai|sinto muito|desculpe|não posso|como uma? (ia|modelo))",
    re.IGNORECASE,
)


def inspect(subtask: PlannedSubtask, draft: Draft, ctx: Context) -> Findings:
    """Repetition, refusal, an answer that was cut, each with a score of 0-100 and a quote."""
    found = (_repetition(draft.text), _refusal(draft.text), _cut(draft))
    return Findings(tuple(finding for finding in found if finding is not None))


def _repetition(text: str) -> Finding | None:
    sentences = Counter(match.strip().casefold() for match in _SENTENCE.findall(text))
    if not sentences:
        return None
    sentence, times = sentences.most_common(1)[0]
    return Finding("repetition", min(100.0, 25.0 * times), sentence[:200]) if times >= 3 else None


def _refusal(text: str) -> Finding | None:
    match = _REFUSAL.match(text)
    return Finding("refusal", 80.0, text[:200]) if match and len(text) < 600 else None


def _cut(draft: Draft) -> Finding | None:
    return None if draft.is_complete else Finding("cut", 60.0, draft.text[-120:])
