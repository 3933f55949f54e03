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

# First learn to calculate, then to judge: with the judging mix from the start, verdicts stay poor.
LEARN_TO_WORK = dict(zip(corpus.KINDS, (0.10, 0.42, 0.15, 0.14, 0.06, 0.08, 0.05), strict=True))
LEARN_TO_JUDGE = dict(zip(corpus.KINDS, (0.10, 0.16, 0.06, 0.30, 0.11, 0.17, 0.10), strict=True))
IGNORED = -100
VERDICT = -3  # where the score or the winner stands in an answer: before the closing brace and the end of the message


@dataclass(frozen=True, slots=True)
class Plan:
    steps: int = 2400
    batch: int = 64
    pool: int = 60000  # examples drawn for each mix
    work_share: float = 0.3  # of the steps on the first mix
    warm_up_steps: int = 20
    value_weight: float = 4.0  # a value in a JSON answer counts as much as this many tokens of its skeleton,
    verdict_weight: float = 15.0  # and a score or a winner as much as this many: to compare two answers is learnt last
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """An example as tokens, with a weight for each token of the completion."""

    kind: str
    prompt: list[int]
    completion: list[int]
    weights: list[float] = field(repr=False)

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def train(tokenizer: Tokenizer, plan: Plan, *, after_step: Callable[[int, Llama, float], None]) -> Llama:
    """Trains one model; `after_step` gets the step, the model and the loss, and must not change the model."""
    torch.manual_seed(plan.seed)
    model = Llama(Shape(vocabulary=tokenizer.get_vocab_size()))
    optimizer = Optimizer(model)
    for step, rows in enumerate(_batches(tokenizer, plan), start=1):
        loss = _loss(model, rows)
        optimizer.step(loss, learning_rate_share=_learning_rate_share(step, plan))
        after_step(step, model, loss.item())
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


def encode(tokenizer: Tokenizer, examples: Sequence[Example], plan: Plan) -> list[Row]:
    skeleton = {token for text in corpus.SKELETONS for token in tokenizer.encode(text).ids}
    prompts = tokenizer.encode_batch_fast([one.prompt for one in examples])
    completions = tokenizer.encode_batch_fast([one.completion for one in examples])
    rows = []
    for one, prompt, answer in zip(examples, prompts, completions, strict=True):
        weights = [1.0 if token in skeleton else plan.value_weight for token in answer.ids]
        weights[-1] = 1.0
        if one.kind.startswith(("check", "settle")):
            weights[VERDICT] = plan.verdict_weight
        rows.append(Row(one.kind, prompt.ids, answer.ids, weights))
    return rows


def _batches(tokenizer: Tokenizer, plan: Plan) -> Iterator[list[Row]]:
    """Batches of rows of about the same length, in random order."""
    pools = [
        encode(tokenizer, corpus.examples(plan.pool, seed=10 + plan.seed + index, mix=mix), plan)
        for index, mix in enumerate((LEARN_TO_WORK, LEARN_TO_JUDGE))
    ]
    rng = random.Random(plan.seed)
    waiting: list[list[Row]] = []
    for step in range(plan.steps):
        if not waiting:
            drawn = sorted(rng.sample(pools[step >= plan.work_share * plan.steps], plan.batch * 8), key=len)
            waiting = [drawn[start : start + plan.batch] for start in range(0, len(drawn), plan.batch)]
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


def _learning_rate_share(step: int, plan: Plan) -> float:
    """Full after a short warm-up until a fifth of the steps, then down in a straight line."""
    return min(1.0, step / plan.warm_up_steps, 0.01 + (plan.steps - step) / (0.8 * plan.steps))


def stopwatch() -> Callable[[], float]:
    """Processor seconds since it was made, which a busy machine does not lengthen."""
    began = time.process_time()
    return lambda: time.process_time() - began
