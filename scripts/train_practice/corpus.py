"""The four roles as conversations: plan, work, check and settle. Every draw is decided by the seed."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.train_practice import questions
from scripts.train_practice.questions import Question

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
KINDS = ("plan", "work_arithmetic", "work_words", "check_arithmetic", "check_words", "settle_arithmetic", "settle_words")
LONGEST_PLANS = "plan_longest"  # plans of the most lines only, which are learnt last
MOST_LINES = 4
# The text between the values of an answer. It is learnt at once, so it counts less in the loss.
SKELETONS = (
    '{"expected": "',
    '", "score": ',
    '", "winner": "',
    '"}',
    '{"subtasks": [{"line": ',
    ', "depends_on": ',
    ' {"line": ',
)


@dataclass(frozen=True, slots=True)
class Example:
    kind: str
    system: str
    user: str
    answer: str

    @property
    def prompt(self) -> str:
        """What the chat template makes of the messages."""
        return f"<|im_start|>system\n{self.system}<|im_end|>\n<|im_start|>user\n{self.user}<|im_end|>\n<|im_start|>assistant\n"

    @property
    def completion(self) -> str:
        return f"{self.answer}<|im_end|>"


def examples(count: int, *, seed: int, mix: Mapping[str, float], is_held_out: bool = False) -> list[Example]:
    """Draws `count` examples with kinds in the proportions of `mix`, only from texts that are (or are not) held out."""
    rng = random.Random(seed)
    kinds, weights = list(mix), list(mix.values())
    return [_example(rng, rng.choices(kinds, weights)[0], is_held_out) for _ in range(count)]


def _example(rng: random.Random, kind: str, is_held_out: bool) -> Example:
    if kind.startswith("plan"):
        return _plan(rng, is_held_out, fewest_lines=MOST_LINES if kind == LONGEST_PLANS else 1)
    role, _, matter = kind.partition("_")
    draw = questions.arithmetic if matter == "arithmetic" else questions.word_task
    question = draw(rng)
    while question.is_held_out != is_held_out:
        question = draw(rng)
    if role == "work":
        return Example(kind, "work", question.text, question.answer)
    return (_check if role == "check" else _settle)(rng, kind, question)


def _check(rng: random.Random, kind: str, question: Question) -> Example:
    is_right = rng.random() < 0.5
    shown = question.answer if is_right else questions.wrong_answer(rng, question)
    verdict = {"expected": question.answer, "score": 100 if is_right else 0}
    return Example(kind, "check", f"question: {question.text}\nanswer: {shown}", json.dumps(verdict))


def _settle(rng: random.Random, kind: str, question: Question) -> Example:
    winner = rng.choices(("A", "B", "neither"), (0.4, 0.4, 0.2))[0]
    wrong = questions.wrong_answer(rng, question)
    other = questions.wrong_answer(rng, question) if winner == "neither" else question.answer
    first, second = (wrong, other) if winner == "B" else (other, wrong)
    ruling = {"expected": question.answer, "winner": winner}
    return Example(kind, "settle", f"question: {question.text}\nA: {first}\nB: {second}", json.dumps(ruling))


def _plan(rng: random.Random, is_held_out: bool, *, fewest_lines: int) -> Example:
    while True:
        lines = [_line(rng, number) for number in range(1, rng.randint(fewest_lines, MOST_LINES) + 1)]
        user = "\n".join(f"{number}: {text}" for number, (text, _) in enumerate(lines, start=1))
        if questions.is_held_out(user) == is_held_out:
            break
    subtasks = [{"line": number, "depends_on": named} for number, (_, named) in enumerate(lines, start=1)]
    return Example("plan", "plan", user, json.dumps({"subtasks": subtasks}))


def _line(rng: random.Random, number: int) -> tuple[str, list[int]]:
    """A line of a plan and the earlier steps that it names."""
    if number == 1 or rng.random() < 0.45:
        return (questions.arithmetic if rng.random() < 0.6 else questions.word_task)(rng).text, []
    named = rng.sample(range(1, number), min(number - 1, rng.choice((1, 2, 2))))
    if len(named) == 1 and rng.random() < 0.3:
        phrase, *_rest = rng.choice(questions.WORD_TASKS)
        return phrase.format(words=f"step {named[0]}"), named
    operands = [f"step {one}" for one in named]
    if len(operands) == 1:
        operands.append(str(rng.randint(0, questions.LARGEST_OPERAND)))
        rng.shuffle(operands)
    return rng.choice(questions.ARITHMETIC).format(a=operands[0], b=operands[1]), sorted(named)
