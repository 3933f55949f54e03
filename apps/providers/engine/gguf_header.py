"""Reads the head of a GGUF file, without loading it: what model it is, and whether the file is whole.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3 (read 2026-11-20).
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.common.said import gettext as _
from apps.providers.errors import EngineError

MAGIC = b"GGUF"
KNOWN_VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
# Formats of the fixed-size values, by the type number in the file.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# Values and bytes in one block of a tensor type, by the type number in the file (ggml.c, type_traits).
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
    12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56),
    30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 30: "IQ4_XS", 25: "IQ4_NL", 32: "BF16",
    38: "MXFP4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufInfo:
    """What the file says of itself. `context_length` is what the model was made for; 0 where the file does not say."""

    path: Path
    size_bytes: int
    architecture: str
    name: str
    parameters: int
    context_length: int
    quantization: str
    is_embedding: bool
    kv_bytes_per_token: int  # of the key-value cache in 16-bit floats, an estimate


def read_header(path: Path) -> GgufInfo:
    """Raises EngineError for what is missing, no GGUF, cut short, of a newer version, or no model of its own."""
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise EngineError(_("%(path)s is not a GGUF file. Only models in GGUF format can be served.") % {"path": path})
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _read(path, size_bytes, data)
    except FileNotFoundError as error:
        raise EngineError(_("There is no file %(path)s. Put it back, or choose another model.") % {"path": path}) from error
    except OSError as error:
        raise EngineError(_("%(path)s cannot be read: %(cause)s") % {"path": path, "cause": error.strerror}) from error
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise _truncated(path) from error


def _read(path: Path, size_bytes: int, data: mmap.mmap) -> GgufInfo:
    reader = _Reader(data, at=4)
    version = reader.scalar("I")
    if version not in KNOWN_VERSIONS:
        raise EngineError(
            _("%(path)s is GGUF version %(version)s, which this engine does not know. Update Orquestrador, or convert the file.")
            % {"path": path, "version": version}
        )
    tensor_count, value_count = reader.scalar("Q"), reader.scalar("Q")
    values = dict(reader.pair() for _count in range(value_count))
    if values.get("general.type", "model") != "model":
        raise EngineError(
            _("%(path)s is not a whole model but part of one (%(type)s), so it cannot be served by itself.")
            % {"path": path, "type": values["general.type"]}
        )
    tensors = [reader.tensor() for _count in range(tensor_count)]
    alignment = values.get("general.alignment", 32)
    tensors_start = math.ceil(reader.at / alignment) * alignment
    if any(tensors_start + tensor.end > size_bytes for tensor in tensors):
        raise _truncated(path)
    architecture = str(values.get("general.architecture", ""))
    return GgufInfo(
        path=path,
        size_bytes=size_bytes,
        architecture=architecture,
        name=str(values.get("general.name", path.stem)),
        parameters=sum(tensor.values for tensor in tensors),
        context_length=int(values.get(f"{architecture}.context_length", 0)),
        quantization=FILE_TYPES.get(values.get("general.file_type", -1), ""),
        is_embedding=f"{architecture}.pooling_type" in values,
        kv_bytes_per_token=_kv_bytes_per_token(architecture, values),
    )


def _truncated(path: Path) -> EngineError:
    return EngineError(_("%(path)s is cut short: it ends before the model does. Copy or download it again.") % {"path": path})


def _kv_bytes_per_token(architecture: str, values: dict[str, Any]) -> int:
    def number(key: str, default: int) -> int:
        value = values.get(f"{architecture}.{key}", default)
        return value if isinstance(value, int) else default  # some models give one number for each layer

    heads = number("attention.head_count", 0)
    width_of_head = number("embedding_length", 0) // heads if heads else 0
    per_head = number("attention.key_length", width_of_head) + number("attention.value_length", width_of_head)
    return 2 * number("block_count", 0) * number("attention.head_count_kv", heads) * per_head


@dataclass(frozen=True, slots=True)
class _Tensor:
    values: int
    end: int  # bytes from the start of the tensors; where its type is unknown, its own start


class _Reader:
    def __init__(self, data: mmap.mmap, *, at: int) -> None:
        self.data = data
        self.at = at

    def scalar(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return value

    def string(self) -> str:
        length = self.scalar("Q")
        start, self.at = self.at, self.at + length
        if self.at > len(self.data):
            raise IndexError(self.at)
        return self.data[start : self.at].decode()

    def pair(self) -> tuple[str, Any]:
        return self.string(), self.value(self.scalar("I"))

    def value(self, kind: int) -> Any:
        """A value; a list (word lists, merges) is passed over and given as None."""
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            return self.skip_array(self.scalar("I"), self.scalar("Q"))
        if kind not in SCALARS:
            raise IndexError(kind)
        return self.scalar(SCALARS[kind])

    def skip_array(self, kind: int, count: int) -> None:
        if kind in SCALARS:
            self.at += count * struct.calcsize(f"<{SCALARS[kind]}")
            return
        for _count in range(count):
            if kind == STRING:
                length = self.scalar("Q")
                self.at += length
            else:
                self.value(kind)

    def tensor(self) -> _Tensor:
        self.string()
        values = math.prod(self.scalar("Q") for _dimension in range(self.scalar("I")))
        kind, offset = self.scalar("I"), self.scalar("Q")
        in_block, block_bytes = BLOCKS.get(kind, (1, 0))
        return _Tensor(values=values, end=offset + math.ceil(values / in_block) * block_bytes)
