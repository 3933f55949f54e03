"""One training run; the three models are the same run looked at early, halfway and at its end."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from scripts.train_practice import corpus
from scripts.train_practice.corpus import Example
from scripts.train_practice.model import Llama, Shape
from scripts.train_practice.optimizer import Optimizer

IGNORED = -100
VERDICT = -3  # where the score or the winner stands in an answer: before the closing brace and the end of the message
BATCH = 64
POOL = 60000  # examples drawn for each lesson
WARM_UP_STEPS = 20
VALUE_WEIGHT = 4.0  # a value in a JSON answer counts as much as this many tokens of its skeleton,
VERDICT_WEIGHT = 15.0  # and a score or a winner as much as this many: to compare two answers is learnt last


@dataclass(frozen=True, slots=True)
class Lesson:
    steps: int
    shares: tuple[float, ...]  # of each kind, in the order of corpus.KINDS
    seed: int
    reference_weight: float = VALUE_WEIGHT  # of what a plan says about the steps that a line depends on
    longest_plans: float = 0.0  # share of plans of the most lines, besides those of any length


@dataclass(frozen=True, slots=True)
class Stage:
    """Lessons with one optimizer, whose learning rate rises shortly to `full_rate` and then falls in a straight line.

    `fall_steps` is how long the fall from full to nothing would take, and `zero_at` the step at which it would end.
    """

    lessons: tuple[Lesson, ...]
    full_rate: float
    fall_steps: float
    zero_at: int
    seed: int

    @property
    def steps(self) -> int:
        return sum(lesson.steps for lesson in self.lessons)

    def rate(self, step: int) -> float:
        return self.full_rate * min(1.0, step / WARM_UP_STEPS, 0.01 + (self.zero_at - step) / self.fall_steps)


# First learn to calculate, then to judge: with much judging from the start, verdicts stay poor. Then, more slowly, what is
# hardest: to settle, and at last to find the steps that a line names.
STAGES = (
    Stage(
        lessons=(
            Lesson(720, (0.10, 0.42, 0.15, 0.14, 0.06, 0.08, 0.05), seed=10),
            Lesson(1280, (0.10, 0.16, 0.06, 0.30, 0.11, 0.17, 0.10), seed=11),
        ),
        full_rate=1.0,
        fall_steps=1920.0,
        zero_at=2400,
        seed=0,
    ),
    Stage(
        lessons=(Lesson(600, (0.16, 0.06, 0.02, 0.22, 0.12, 0.24, 0.18), seed=12),),
        full_rate=0.25,
        fall_steps=1400.0,
        zero_at=1400,
        seed=1,
    ),
    Stage(
        lessons=(Lesson(1200, (0.32, 0.06, 0.02, 0.15, 0.10, 0.20, 0.15), seed=13, reference_weight=15.0),),
        full_rate=0.25,
        fall_steps=1600.0,
        zero_at=1600,
        seed=2,
    ),
    Stage(
        lessons=(Lesson(900, (0.45, 0.05, 0.02, 0.10, 0.16, 0.12, 0.10), seed=14, reference_weight=15.0),),
        full_rate=0.22,
        fall_steps=900.0,
        zero_at=900,
        seed=3,
    ),
    Stage(
        lessons=(Lesson(600, (0.12, 0.04, 0.02, 0.14, 0.12, 0.11, 0.09), seed=15, reference_weight=15.0, longest_plans=0.36),),
        full_rate=0.2,
        fall_steps=600.0,
        zero_at=600,
        seed=4,
    ),
)
STEPS = sum(stage.steps for stage in STAGES)


@dataclass(frozen=True, slots=True)
class Row:
    """An example as tokens, with a weight for each token of the completion."""

    kind: str
    prompt: list[int]
    completion: list[int]
    weights: list[float] = field(repr=False)

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def train(tokenizer: Tokenizer, *, after_step: Callable[[int, Llama, float], None]) -> Llama:
    """Trains one model; `after_step` gets the step, the model and the loss, and must not change the model."""
    torch.manual_seed(0)
    model = Llama(Shape(vocabulary=tokenizer.get_vocab_size()))
    taken = 0
    for stage in STAGES:
        optimizer = Optimizer(model)
        for step, rows in enumerate(_batches(tokenizer, stage), start=1):
            loss = _loss(model, rows)
            optimizer.step(loss, learning_rate_share=stage.rate(step))
            taken += 1
            after_step(taken, model, loss.item())
    return model


@torch.no_grad()
def held_out_scores(model: Llama, rows: Sequence[Row]) -> dict[str, float]:
    """Share of exactly right answers by kind.

    Greedy decoding gives the whole answer exactly when each of its tokens is the likeliest one after the right tokens before
    it, so one pass over prompt and answer together is enough.
    """
    right: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(rows), 200):
        part = rows[start : start + 200]
        tokens, targets, _ = _tensors(part)
        hits = (model.logits(model(tokens)[:, :-1]).argmax(-1) == targets) | (targets == IGNORED)
        for row, is_right in zip(part, hits.all(1).tolist(), strict=True):
            right[row.kind].append(is_right)
    return {kind: round(sum(hits) / len(hits), 3) for kind, hits in sorted(right.items())}


def encode(tokenizer: Tokenizer, examples: Sequence[Example], *, reference_weight: float = VALUE_WEIGHT) -> list[Row]:
    skeleton = {token for text in corpus.SKELETONS for token in tokenizer.encode(text).ids}
    prompts = tokenizer.encode_batch_fast([one.prompt for one in examples])
    completions = tokenizer.encode_batch([one.completion for one in examples])  # the fast one gives no tokens
    rows = []
    for one, prompt, answer in zip(examples, prompts, completions, strict=True):
        weights = [1.0 if token in skeleton else VALUE_WEIGHT for token in answer.ids]
        weights[-1] = 1.0
        if one.kind.startswith(("check", "settle")):
            weights[VERDICT] = VERDICT_WEIGHT
        if one.kind == "plan":
            weights = _weigh_references(answer.tokens, weights, reference_weight)
        rows.append(Row(one.kind, prompt.ids, answer.ids, weights))
    return rows


def _weigh_references(tokens: Sequence[str], weights: Sequence[float], reference_weight: float) -> list[float]:
    """The values between "depends_on" and the next "line" get this weight."""
    weighed, is_reference = [], False
    for token, weight in zip(tokens, weights, strict=True):
        is_reference = token == "on" or (is_reference and token != "line")
        weighed.append(reference_weight if is_reference and weight > 1 else weight)
    return weighed


def _batches(tokenizer: Tokenizer, stage: Stage) -> Iterator[list[Row]]:
    """Batches of rows of about the same length, in random order."""
    rng = random.Random(stage.seed)
    for lesson in stage.lessons:
        mix = {**dict(zip(corpus.KINDS, lesson.shares, strict=True)), corpus.LONGEST_PLANS: lesson.longest_plans}
        pool = encode(tokenizer, corpus.examples(POOL, seed=lesson.seed, mix=mix), reference_weight=lesson.reference_weight)
        waiting: list[list[Row]] = []
        for _step in range(lesson.steps):
            if not waiting:
                drawn = sorted(rng.sample(pool, BATCH * 8), key=len)
                waiting = [drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH)]
                rng.shuffle(waiting)
            yield waiting.pop()


def _loss(model: Llama, rows: Sequence[Row]) -> Tensor:
    """Every example weighs the same, or long JSON would drown the answers of one token."""
    tokens, targets, weights = _tensors(rows)
    counted = targets != IGNORED
    losses = F.cross_entropy(model.logits(model(tokens)[:, :-1][counted]), targets[counted], reduction="none")
    return (losses * (weights / weights.sum(1, keepdim=True))[counted]).sum() / len(rows)


def _tensors(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens padded on the right; what each position should say next, and how much it counts."""
    longest = max(len(row) for row in rows)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    targets = torch.full((len(rows), longest), IGNORED)
    weights = torch.zeros(len(rows), longest)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = torch.tensor(row.prompt + row.completion)
        targets[index, len(row.prompt) : len(row)] = torch.tensor(row.completion)
        weights[index, len(row.prompt) : len(row)] = torch.tensor(row.weights)
    return tokens, targets[:, 1:], weights[:, 1:]


def stopwatch() -> Callable[[], float]:
    """Processor seconds since it was made, which a busy machine does not lengthen."""
    began = time.process_time()
    return lambda: time.process_time() - began
