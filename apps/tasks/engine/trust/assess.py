"""The assessment of one answer: signals, each with its weight, summed as log-odds and given as a number of 0-100.

What is known about a signal is in model.json: the checks of answers to questions about quantities are fitted; the signals for
which there is no data have stated weights. A signal that is not there adds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp
from pathlib import Path
from typing import Any

from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.divergence import answer_distance
from apps.tasks.engine.trust.arithmetic import sums_in
from apps.tasks.engine.trust.final import final_number
from apps.tasks.engine.trust.form import READ_CHARS, broken_code, forms_asked, is_cut, refusal, repeated_share
from apps.tasks.engine.trust.problem import asks_for_a_number, check_problem, hedges_in, shows_working, wrong_sums

FILE = Path(__file__).with_name("model.json")
CUT_BY_LENGTH = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
WITHHELD = frozenset({"content_filter", "refusal", "safety", "SAFETY"})


@dataclass(frozen=True, slots=True)
class Signal:
    """`contribution`: the points of 0-100 by which the number would be higher without it when negative, to first order."""

    name: str
    value: float
    contribution: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """`score`: how likely the answer is right, in percent. `signals` in order of weight, only those that were there."""

    score: float
    signals: tuple[Signal, ...]


Found = tuple[str, float, str]  # name, value, detail


def assess(
    prompt: str,
    answer: str,
    *,
    finish_reason: str = "stop",
    samples: Sequence[str] = (),
    logprobs: Sequence[float] | None = None,
    verdict_score: float | None = None,
    divergence: float | None = None,
    hallucination: float | None = None,
    model: Mapping[str, Any] | None = None,
) -> Trust:
    """Confidence of 0-100 with the signals that made it.

    `samples`: other answers of the same model to the same prompt. `logprobs`: natural logarithms, one for each token.
    `verdict_score`: a checker's, 100 is best. `divergence` and `hallucination`: 0-100, 0 is best.
    """
    model = model or shipped()
    is_problem = asks_for_a_number(prompt)
    kind = "problem" if is_problem and shows_working(answer) else "other"  # what was fitted was worked out step by step
    found = [
        ("complexity", estimate(prompt).score / 100.0, ""),
        *signals_of_text(prompt, answer, is_problem=is_problem),
        *_of_the_call(answer, finish_reason, samples, logprobs),
        *_of_checks(verdict_score, divergence, hallucination),
    ]
    return _summed(found, model["base"][kind], {**model["stated"], **model[kind]})


def signals_of_text(prompt: str, answer: str, *, is_problem: bool) -> Iterator[Found]:
    """What the text alone shows; of a very long answer its beginning and its end."""
    if len(answer) > READ_CHARS:
        answer = answer[: READ_CHARS // 2] + "\n" + answer[-READ_CHARS // 2 :]
    if not answer.strip():
        yield "empty", 1.0, ""
        return
    value, detail = wrong_sums(sums_in(answer))
    yield "wrong_sums", value, detail
    value, detail = hedges_in(answer)
    yield "hedges", value, detail
    cut = is_cut(answer)
    yield "cut", float(cut), answer[-60:] if cut else ""
    if is_problem:
        yield from ((name, value, detail) for name, (value, detail) in check_problem(prompt, answer).items())
    yield from _of_form(prompt, answer)


def _of_form(prompt: str, answer: str) -> Iterator[Found]:
    if words := refusal(answer):
        yield "refusal", 1.0, words
    if (share := repeated_share(answer)) > 0.0:
        yield "repetition", share, ""
    blocks, problem = broken_code(answer)
    if blocks:
        yield ("code_broken", 1.0, problem) if problem else ("code_parses", 1.0, "")
    forms = forms_asked(prompt, answer)
    missed = [name for name, is_met in forms.items() if not is_met]
    if forms:
        yield ("form_missed", float(len(missed)), ", ".join(missed)) if missed else ("form_met", 1.0, ", ".join(forms))


def _of_the_call(answer: str, finish_reason: str, samples: Sequence[str], logprobs: Sequence[float] | None) -> Iterator[Found]:
    if finish_reason in CUT_BY_LENGTH:
        yield "cut_by_length", 1.0, finish_reason
    if finish_reason in WITHHELD:
        yield "withheld", 1.0, finish_reason
    if samples:
        agreeing = sum(agreement(answer, sample) for sample in samples) / len(samples)
        yield "samples_agree", agreeing, f"{len(samples)}"
    if logprobs:
        yield "mean_probability", exp(max(-20.0, min(0.0, sum(logprobs) / len(logprobs)))), ""


def _of_checks(verdict_score: float | None, divergence: float | None, hallucination: float | None) -> Iterator[Found]:
    if verdict_score is not None:
        yield "verdict", verdict_score / 100.0, ""
    if divergence is not None:
        yield "divergence", divergence / 100.0, ""
    if hallucination is not None:
        yield "hallucination", hallucination / 100.0, ""


def agreement(answer: str, sample: str) -> float:
    """1: the same result, 0: another. Final numbers are compared where both have one, else the texts."""
    ours, theirs = final_number(answer), final_number(sample)
    if ours.value is not None and theirs.value is not None and {ours.how, theirs.how} <= {"marked", "concluded"}:
        return float(abs(ours.value - theirs.value) <= 1e-6 * max(1.0, abs(ours.value)))
    return 1.0 - answer_distance(sample, answer) / 100.0


def _summed(found: list[Found], base: float, weights: Mapping[str, Sequence[float]]) -> Trust:
    """Each weight is a pair: log-odds for one unit, and the value at which the signal says nothing."""
    moves = [
        (name, value, weights[name][0] * (value - weights[name][1]), detail) for name, value, detail in found if name in weights
    ]
    odds = base + sum(move for _name, _value, move, _detail in moves)
    right = 1.0 / (1.0 + exp(-max(-30.0, min(30.0, odds))))
    slope = 100.0 * right * (1.0 - right)
    moves.sort(key=lambda item: -abs(item[2]))
    signals = (Signal(name, round(value, 3), round(move * slope, 2), detail) for name, value, move, detail in moves if move)
    return Trust(round(100.0 * right, 3), tuple(signals))


@cache
def shipped() -> Mapping[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))
