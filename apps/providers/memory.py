"""How much memory this machine has for models: on NVIDIA's GPUs where there are any, and its own.

Of a server on another machine nothing is known, and nothing is guessed. NVIDIA's library (nvidia-ml-py) is imported when first
asked for; without a GPU or a driver it says so, and there are no GPUs then.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import psutil


@dataclass(frozen=True, slots=True)
class Space:
    """One place for models. `name` is the GPU's; the machine's own memory has none."""

    kind: Literal["gpu", "ram"]
    name: str
    total_bytes: int
    free_bytes: int

    @property
    def used_bytes(self) -> int:
        return self.total_bytes - self.free_bytes


def machine_memory() -> Space:
    """`free_bytes` is what can be had without swapping."""
    memory = psutil.virtual_memory()
    return Space("ram", "", memory.total, memory.available)


def gpus() -> list[Space]:
    """NVIDIA's GPUs of this machine; none where it has none, or no driver for them."""
    try:
        import pynvml
    except ImportError:  # a system without it still has its own memory
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    with closing(_Session(pynvml)) as session:
        return session.spaces()


def spaces_for(*, uses_gpu: bool) -> list[Space]:
    """Where a server on this machine puts its models: on the GPUs if it uses them and there are any, else in memory."""
    return (gpus() if uses_gpu else []) or [machine_memory()]


class _Session:
    def __init__(self, library: Any) -> None:
        self._library = library

    def spaces(self) -> list[Space]:
        nvml = self._library
        found = []
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                device = nvml.nvmlDeviceGetHandleByIndex(index)
                memory = nvml.nvmlDeviceGetMemoryInfo(device)
                name = nvml.nvmlDeviceGetName(device)
            except nvml.NVMLError:  # one that is lost, or cut into parts, tells nothing of its memory
                continue
            found.append(Space("gpu", name.decode() if isinstance(name, bytes) else name, int(memory.total), int(memory.free)))
        return found

    def close(self) -> None:
        self._library.nvmlShutdown()
