"""Greedy answers of a model, and the fixed prompts that the served models are compared on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from scripts.train_practice import corpus
from scripts.train_practice import tokenizer as vocabulary
from scripts.train_practice.corpus import Example
from scripts.train_practice.model import Llama

PROMPTS_PER_KIND = 10
LONGEST_ANSWER = 120  # tokens


def fixed_prompts() -> list[Example]:
    """The same number of held-out prompts of each kind."""
    return [
        one for kind in corpus.KINDS for one in corpus.examples(PROMPTS_PER_KIND, seed=2026, mix={kind: 1.0}, is_held_out=True)
    ]


@torch.no_grad()
def answers(model: Llama, tokenizer: Tokenizer, prompts: Sequence[str]) -> list[str]:
    """The likeliest token each time, until the end of the message; rows are padded on the right, which a causal model ignores."""
    rows = [encoded.ids for encoded in tokenizer.encode_batch_fast(list(prompts))]
    starts = [len(row) for row in rows]
    end = tokenizer.token_to_id(vocabulary.END)
    for _token in range(LONGEST_ANSWER):
        waiting = [row for row, start in zip(rows, starts, strict=True) if end not in row[start:]]
        if not waiting:
            break
        longest = max(map(len, waiting))
        hidden = model(torch.tensor([row + [0] * (longest - len(row)) for row in waiting]))
        last = hidden[torch.arange(len(waiting)), torch.tensor([len(row) - 1 for row in waiting])]
        for row, token in zip(waiting, model.logits(last).argmax(-1).tolist(), strict=True):
            row.append(token)
    return [tokenizer.decode(row[start:], skip_special_tokens=True).strip() for row, start in zip(rows, starts, strict=True)]
