"""A Llama of 0.7 million parameters.

Rotary positions turn neighbouring pairs, as llama.cpp's `llama` architecture does, so that the weights go into a GGUF as they
are, without the permutation that Hugging Face checkpoints need.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Shape:
    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 256
    context: int = 16384
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Llama(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
        for block in self.blocks:
            # Queries equal to keys look for the same token from the first step on, and to find it again is what the
            # models need most: to copy words, to compare answers, to look up a line.
            nn.init.normal_(block.query.weight, std=0.05)
            block.key.weight.data.copy_(block.query.weight.data)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states of shape (batch, length, width)."""
        hidden = self.embedding(tokens)
        turns = rotations(self.shape, tokens.shape[1])
        for block in self.blocks:
            hidden = block(hidden, turns)
        return self.norm(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of shape (..., vocabulary); the embedding is also the output layer."""
        return F.linear(hidden, self.embedding.weight)


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, shape.width, bias=False)
        self.value = nn.Linear(shape.width, shape.width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)
        self.forward_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, hidden: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        hidden = hidden + self.attend(self.attention_norm(hidden), turns)
        normed = self.forward_norm(hidden)
        return hidden + self.down(F.silu(self.gate(normed)) * self.up(normed))

    def attend(self, normed: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, width = normed.shape
        query, key, value = (
            layer(normed).view(batch, length, self.shape.heads, self.shape.head_width).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(rotate(query, turns), rotate(key, turns), value, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width))


def rotations(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of shape (length, head width / 2)."""
    frequencies = shape.rope_base ** (-torch.arange(0, shape.head_width, 2) / shape.head_width)
    angles = torch.arange(length)[:, None] * frequencies[None, :]
    return angles.cos(), angles.sin()


def rotate(vectors: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    cosines, sines = turns
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), dim=-1).flatten(-2)
