"""What can be seen to be wrong with a draft without asking any AI."""

from __future__ import annotations

import re
from collections import Counter

from apps.tasks.engine.context import Context
from apps.tasks.engine.types import Draft, Finding, Findings, PlannedSubtask

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]?")
_TIMES = 3  # said so often, a sentence is said too often
_WORDS = 3  # fewer different words make no sentence: a table's ruler, an empty cell
_REFUSAL = re.compile(
    r"^\W*(?:(?:i(?:'m| am) )?sorry\W+|desculpe\w*\W+|sinto muito\W+|lamento\W+)?(?:but |mas |porém )?(?:"
    r"i can(?:no|')t (?:help with|help you|assist|provide|fulfil|comply|do that|answer)|"
    r"i(?:'m| am) (?:unable|not able) to (?:help|assist|provide|fulfil|comply|do|answer)|"
    r"as an ai(?: language| assistant|,| i )|"
    r"(?:eu )?não posso (?:ajudar|atender|fornecer|cumprir|responder|fazer isso)|"
    r"como uma? (?:ia\b|(?:modelo de )?inteligência artificial|modelo de linguagem))",
    re.IGNORECASE,
)


def inspect(subtask: PlannedSubtask, draft: Draft, ctx: Context) -> Findings:
    """Repetition, refusal, an answer that was cut, each with a score of 0-100 and a quote."""
    found = (_repetition(draft.text), _refusal(draft.text), _cut(draft))
    return Findings(tuple(finding for finding in found if finding is not None))


def _repetition(text: str) -> Finding | None:
    """How much of the text, code left out, is sentences that stand in it three times or more."""
    sentences = [sentence.strip().casefold() for sentence in _SENTENCE.findall(_FENCED.sub("", text))]
    counts = Counter(sentence for sentence in sentences if len(set(re.findall(r"[^\W\d_]+", sentence))) >= _WORDS)
    repeated = {sentence: times for sentence, times in counts.items() if times >= _TIMES}
    if not repeated:
        return None
    share = sum(len(sentence) * times for sentence, times in repeated.items()) / sum(map(len, sentences))
    return Finding("repetition", round(100.0 * share, 2), max(repeated, key=lambda s: len(s) * repeated[s])[:200])


def _refusal(text: str) -> Finding | None:
    match = _REFUSAL.match(text.replace("’", "'"))
    return Finding("refusal", 80.0, text[:200]) if match and len(text) < 600 else None


def _cut(draft: Draft) -> Finding | None:
    return None if draft.is_complete else Finding("cut", 60.0, draft.text[-120:])
