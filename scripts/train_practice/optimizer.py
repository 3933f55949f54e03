"""Muon for the matrices inside the blocks, AdamW for the embedding and the norms: the same skill in about half the steps.

Muon (https://kellerjordan.github.io/posts/muon/) makes each update of a matrix nearly orthogonal by five Newton-Schulz steps.
torch.optim.Muon calculates them in bfloat16, which is several times slower than float32 on many processors, so they are written
out here.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from scripts.train_practice.model import Llama

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MATRIX_LEARNING_RATE, MATRIX_DECAY = 0.015, 0.01
REST_LEARNING_RATE, REST_DECAY = 3e-3, 0.01
GRADIENT_NORM = 1.0


class Optimizer:
    def __init__(self, model: Llama) -> None:
        matrices = [parameter for parameter in model.blocks.parameters() if parameter.dim() == 2]
        inside = {id(matrix) for matrix in matrices}
        self.rest = [parameter for parameter in model.parameters() if id(parameter) not in inside]
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(self.rest, betas=(0.9, 0.98), weight_decay=REST_DECAY, fused=True)

    def step(self, loss: Tensor, *, learning_rate_share: float) -> None:
        """Learns from one batch at this share (0 to 1) of the full learning rates."""
        self.muon.param_groups[0]["lr"] = learning_rate_share * MATRIX_LEARNING_RATE
        self.adam.param_groups[0]["lr"] = learning_rate_share * REST_LEARNING_RATE
        self.muon.zero_grad()
        self.adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.rest, GRADIENT_NORM)
        self.muon.step()
        self.adam.step()


class Muon(torch.optim.Optimizer):
    def __init__(self, matrices: Iterable[nn.Parameter], *, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": MATRIX_LEARNING_RATE, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for matrix in group["params"]:
                velocity = self.state[matrix].setdefault("velocity", torch.zeros_like(matrix))
                velocity.lerp_(matrix.grad, 1 - momentum)
                update = orthogonal(matrix.grad.lerp(velocity, momentum))
                matrix.mul_(1 - rate * MATRIX_DECAY)
                matrix.add_(update, alpha=-rate * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose rows (or columns, where those are fewer) are orthonormal."""
    a, b, c = NEWTON_SCHULZ
    is_tall = matrix.shape[0] > matrix.shape[1]
    near = (matrix.T if is_tall else matrix) / (matrix.norm() + 1e-7)
    for _iteration in range(ITERATIONS):
        square = near @ near.T
        near = a * near + (b * square + c * square @ square) @ near
    return near.T if is_tall else near
