"""Which names mean the same AI. One family never checks its own work, whatever name or provider it goes by.

A family is the model's name without what only says who serves it, how it was packed, or when it was published. Sizes and
versions stay, so `llama-3-8b` and `llama-3-70b` may check each other. Where a name could mean either the same model or
a later date of it (`mistral-large-latest`, `mistral-large-2411`), both get one family: losing a checker is cheaper than
a model that judges itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MAX_LENGTH = 120

# Said of a packaging, a service or a stage of publication, never of the model itself.
_NOISE = re.compile(
    r"instruct|instr|chat|it|gguf|ggml|mlx|awq|gptq|exl[23]|bnb|hqq|qat|dwq|imat|imatrix|i1|ud|marlin"
    r"|f16|f32|fp4|fp8|fp16|fp32|bf16|nf4|nvfp4|mxfp4|int[48]|w[48]a(?:8|16)|[2-8]bit"
    r"|latest|preview|exp|experimental|beta|stable|hf|default|tee"
)
# Of a service, but only behind a name with a size in it: `gpt-3.5-turbo` and `gemini-flash-lite` are models of their own.
_SERVING = re.compile(r"turbo|lite|fast|versatile|instant|speed|specdec")
_ROUTES = frozenset({"latest", "free", "nitro", "beta", "thinking", "extended", "online", "floor", "exacto", "default"})
_VENDORS = re.compile(
    r"^(?:meta|anthropic|openai|google|microsoft|mistralai|nvidia|ibm|cohere|deepseek-ai|moonshotai|zai-org|zai|alibaba|tencent"
    r"|bytedance|liquidai|unsloth|amazon|xai|ai21|huggingfacetb)-(?=[a-z])"
)
_CLAUDE_LINES = ("haiku", "sonnet", "opus", "fable", "mythos")
# Ollama's `deepseek-r1:7b` is the distilled Qwen (https://ollama.com/library/deepseek-r1/tags, checked with the model cards).
_SAME_AS = {
    "deepseek-r1-1-5b": "deepseek-r1-distill-qwen-1-5b",
    "deepseek-r1-7b": "deepseek-r1-distill-qwen-7b",
    "deepseek-r1-14b": "deepseek-r1-distill-qwen-14b",
    "deepseek-r1-32b": "deepseek-r1-distill-qwen-32b",
    "deepseek-r1-70b": "deepseek-r1-distill-llama-70b",
}
_QUANTIZATION = re.compile(r"-(?:i?q|tq)[1-8](?:-(?:k|[0148]|xxs|xs|s|m|l|xl|nl))*(?=-|$)")
_BITS = re.compile(r"-(?:[2-8]-bit|\d+(?:-\d+)?bpw|g128|128g)(?=-|$)")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_DATE = re.compile(
    r"-(?:20\d\d-[01]\d-[0-3]\d|20\d\d[01]\d[0-3]\d|[01]\d-20\d\d|20\d\d-[01]\d"
    r"|(?<=preview-)[01]\d-[0-3]\d|(?<=exp-)[01]\d-[0-3]\d"
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|2\d(?:0[1-9]|1[0-2])|00\d)(?=-|$)"
)
_SIZE = re.compile(r"(?:^|-)(?:\d+x)?\d+(?:-\d+)?[bm](?=-|$)")


def family_of(key: str, details: Mapping[str, Any] | None = None) -> str:
    """The family of a model, from the name it is called by and, where the listing gives them, its details.

    Gives lower-case words joined by hyphens, never empty, at most 120 characters. Of `details` only
    `parameter_size` ("8.0B", as Ollama lists it) is read, to tell what `llama3:latest` is.
    """
    name = _without_service(key.strip().lower())
    name = _words(name)
    name = _SHARD.sub("", name)
    for pattern in (_DATE, _QUANTIZATION, _BITS):
        name = _cut(pattern, name)
    name = _without_noise(name)
    if not _SIZE.search(name) and key.lower().endswith(":latest"):
        name += _size_from(details or {})
    return (_SAME_AS.get(name, name) or key.strip().lower() or "unknown")[:MAX_LENGTH]


def _without_service(name: str) -> str:
    """`accounts/x/models/llama` → `llama`, `us.anthropic.claude-v1:0` → `claude`, `llama3:8b` → `llama3-8b`."""
    if name.startswith("ft:"):  # a fine-tuned model is another model than the one it began as
        return name.replace(":", "-")
    name = name.rstrip("/").rsplit("/", 1)[-1]
    name = re.sub(r"^(?:us|eu|apac|global|us-gov)\.", "", name)
    name = re.sub(r"^(?:anthropic|meta|mistral|amazon|cohere|ai21|deepseek|openai|qwen|google)\.", "", name)
    name = re.sub(r"-v\d+:\d+$", "", name)
    base, mark, tag = re.sub(r"\.(?:gguf|ggml|bin|safetensors)$", "", name).replace("@", ":").partition(":")
    is_route = tag in _ROUTES or (tag.isdigit() and len(tag) <= 2)  # LM Studio names a second instance `…:2`
    return base if not mark or is_route else f"{base}-{tag}"


def _words(name: str) -> str:
    """One separator, the maker's name off, `llama3` and `llama-3` alike."""
    name = re.sub(r"[^a-z0-9]+", "-", name).strip("-")
    name = re.sub(r"^chatgpt-", "gpt-", name)
    name = re.sub(r"-v(\d+)p(\d+)(?=-|$)", r"-v\1-\2", name)  # v3p1 for v3.1
    name = re.sub(r"^llama-v(?=\d)", "llama-", name)
    name = _VENDORS.sub("", name)
    name = re.sub(r"^(qwen|mistral|gemma|phi|llama|deepseek|granite)-(?=\1)", "", name)
    return re.sub(r"(^|-)([a-z]{2,})(?=\d)", _parted, name)


def _parted(found: re.Match[str]) -> str:
    """A hyphen between a name and its version (`qwen3`), but not inside a packing (`iq4`, `fp8`, `int4`)."""
    before, letters = found.groups()
    is_packing = letters in ("iq", "tq", "fp", "bf", "nf", "int", "exl", "nvfp", "mxfp")
    return before + letters + ("" if is_packing else "-")


def _cut(pattern: re.Pattern[str], name: str) -> str:
    """Without what the pattern finds, as long as something is left."""
    return pattern.sub("", name) or name


def _without_noise(name: str) -> str:
    first, *rest = name.split("-")
    is_sized = bool(_SIZE.search(name))
    words = [first, *(word for word in rest if not (_NOISE.fullmatch(word) or (is_sized and _SERVING.fullmatch(word))))]
    if first == "claude":  # claude-3-5-sonnet and claude-sonnet-3.5
        words.sort(key=lambda word: (word != "claude", word not in _CLAUDE_LINES))
    return "-".join(words)


def _size_from(details: Mapping[str, Any]) -> str:
    """`-8b` from "8.0B". Vendors round down: what they call 7b counts 7.6 thousand million."""
    found = re.fullmatch(r"(\d+)(?:\.\d+)?\s*b", str(details.get("parameter_size") or "").strip().lower())
    return f"-{found[1]}b" if found and found[1] != "0" else ""
