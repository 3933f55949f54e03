"""The words between the product and any AI: requests, answers, and the adapter that carries them.

Nothing here knows Django or a vendor's JSON. Token counts are as the vendor gives them: reasoning tokens are inside
output tokens, cached tokens inside input tokens, so neither is ever added again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

Role = Literal["system", "user", "assistant", "tool"]
DownloadState = Literal["downloading", "paused", "completed", "failed", "already_downloaded"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]
PROVIDER_KINDS = (
    "builtin", "lmstudio", "ollama", "llamacpp", "openai", "anthropic", "google", "mistral", "genspark", "openai_compatible",
)  # fmt: skip
CAPABILITIES = ("chat", "vision", "tools", "json", "embeddings")
TIERS = ("local", "fast", "balanced", "top")
# What a model may be said to accept. What a flag says it does not take is left out of the request; a flag that is not there
# leaves it to the adapter. `json_schema`: how a schema is asked for ("object": JSON whose form is told in words, "prompt": all
# in words). `api`: OpenAI's chat completions or its responses. `system` False: told at the head of the first question instead.
ACCEPTS: Mapping[str, Mapping[str, Any]] = {
    "temperature": {"type": "boolean"},
    "seed": {"type": "boolean"},
    "stop": {"type": "boolean"},
    "system": {"type": "boolean"},
    "logprobs": {"type": "boolean"},
    "tool_choice": {"type": "boolean"},
    "stream": {"type": "boolean"},
    "usage_in_stream": {"type": "boolean"},
    "json_schema": {"type": "string", "enum": ["native", "object", "tool", "prompt"]},
    "api": {"type": "string", "enum": ["chat", "responses"]},
    "max_tokens_field": {"type": "string", "enum": ["max_tokens", "max_completion_tokens"]},
    "max_output_tokens": {"type": "integer", "minimum": 1},
}


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a provider is and how to talk to it. `repr` never shows the key."""

    kind: str
    base_url: str
    api_key: str = field(default="", repr=False)
    name: str = ""
    allow_private: bool = False  # an admin saved this very address, or it is in ORQ_PRIVATE_HOSTS
    connect_timeout_s: float = 5.0
    idle_timeout_s: float = 120.0  # silence between bytes
    total_timeout_s: float = 600.0
    max_attempts: int = 3
    quirks: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str
    images: tuple[str, ...] = ()  # data: URLs
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str  # JSON text, exactly as the model wrote it


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to one model. What is None is left out of the wire, never sent as a default."""

    model: str
    messages: tuple[Message, ...]
    max_output_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    schema_name: str = "answer"
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str = ""  # "auto", "none", "required", or the name of the tool that must be called
    logprobs: bool = False
    top_logprobs: int = 0  # of how many other words at each place, 0 to 20; only with `logprobs`
    accepts: Mapping[str, Any] = field(default_factory=dict)  # what is known of the model: names and values as in ACCEPTS


@dataclass(frozen=True, slots=True)
class Usage:
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimated: bool = False
    cache_write_tokens: int = 0  # inside input tokens, too; some vendors charge more for them
    cache_write_1h_tokens: int = 0  # inside cache_write_tokens: those to be kept for an hour (Anthropic)
    requests: tuple[Usage, ...] = field(default=(), compare=False, repr=False)  # of a sum: each is priced by its own length

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.is_estimated or other.is_estimated,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            tuple(one for usage in (self, other) for one in (usage.requests or (usage,)) if one != Usage()),
        )


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer on its way. `restarted` says that what came before is void (another attempt began)."""

    text: str = ""
    reasoning: str = ""
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely the model found the token that it chose, as a natural logarithm; `top`: what was likely there."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that a vendor would not take, and what to send from now on: a name and a value of ACCEPTS."""

    flag: str
    value: bool | int | str
    said: str = ""  # the vendor's own words, with secrets cut out


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. `data` is the parsed JSON when a schema was asked for."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    model: str  # as the vendor names it in the answer, which may differ from what was asked
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    data: Any = None
    request_id: str = ""
    latency_ms: int = 0
    first_token_ms: int | None = None
    longest_pause_ms: int = 0  # how long its stream stood still once it had begun; 0: not for long, or not known
    attempts: int = 1  # requests that this answer took, retries and schema repairs included
    logprobs: tuple[TokenLogprob, ...] | None = None  # None: not asked for, or not given
    refusals: tuple[Refusal, ...] = ()  # what had to be put another way; worth remembering for the model


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as a provider lists it; what it does not say is None."""

    key: str
    display_name: str = ""
    capabilities: tuple[str, ...] = ("chat",)
    context_window: int | None = None
    size_bytes: int | None = None
    quantization: str = ""
    state: str = "unknown"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Is it up, is the key good. `message` is for people; `models` is how many it lists."""

    ok: bool
    message: str
    latency_ms: int | None = None
    models: int | None = None
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A model that a server was told to fetch. What it has already is no job: then `job_id` is ""."""

    state: DownloadState
    job_id: str = ""
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is. What the server does not say is None."""

    state: DownloadState
    downloaded_bytes: int | None = None
    total_bytes: int | None = None
    bytes_per_second: float | None = None

    @property
    def percent(self) -> float | None:
        """0 to 100; None as long as nobody knows how much there is to fetch."""
        if not self.total_bytes or self.downloaded_bytes is None:
            return None
        return min(100.0, 100.0 * self.downloaded_bytes / self.total_bytes)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model is put into memory. What is None is left to its server; an adapter says in `load_options` which it takes.

    `despite_memory`: a person was told that it does not fit and wants it all the same.
    """

    gpu_layers: int | None = None  # how many of its layers go to the GPU; 0 keeps it off
    kv_cache_on_gpu: bool | None = None
    flash_attention: bool | None = None
    batch_size: int | None = None  # tokens of the prompt that are worked on together
    experts: int | None = None  # that answer together, of a mixture of experts
    despite_memory: bool = False

    @property
    def given(self) -> dict[str, Any]:
        """The options that say something."""
        fields = ("gpu_layers", "kv_cache_on_gpu", "flash_attention", "batch_size", "experts")
        return {name: value for name in fields if (value := getattr(self, name)) is not None}


NO_OPTIONS = LoadOptions()
OnProgress = Callable[[float], None]  # 0 to 1, called in the event loop as often as the server says something


@runtime_checkable
class Adapter(Protocol):
    """What every provider kind can do. Made for one Connection; `aclose` gives back its sockets.

    All methods raise only `apps.providers.errors`. Cancelling the awaiting task closes the upstream call at once.
    `stream` yields Delta pieces and, as its last item, the Completion; without a terminal marker from the vendor it
    raises Interrupted, whose `extra["partial"]` is the Completion so far. An error's `extra["refusals"]` has the Refusals that
    came before it.
    """

    async def list_models(self) -> list[ModelInfo]: ...
    async def check(self) -> CheckResult: ...
    async def complete(self, request: ChatRequest) -> Completion: ...
    def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Completion]: ...
    async def embed(self, model: str, texts: list[str]) -> list[list[float]]: ...
    async def aclose(self) -> None: ...


@runtime_checkable
class LocalAdapter(Adapter, Protocol):
    """What a server on the person's own machine can do besides. NotSupported where this one cannot.

    `load` and `unload` return when it is done, and do nothing when it was so already. `load` raises NotSupported for an
    option that is not in the class's `load_options` (a frozenset of names in LoadOptions; an adapter without it takes none).
    `on_progress` is called only where the server says how far it is. `loaded` gives what is in memory: `context_window` is
    what it was loaded with; `details` has `memory_bytes` and `vram_bytes` (of it on the GPU) where the server says them.
    An adapter may have `async load_cancel(model)`, which sees to it that a load given up half-way leaves nothing in memory.
    """

    async def load(
        self,
        model: str,
        *,
        context_length: int | None = None,
        options: LoadOptions = NO_OPTIONS,
        on_progress: OnProgress | None = None,
    ) -> None: ...
    async def unload(self, model: str) -> None: ...
    async def loaded(self) -> list[ModelInfo]: ...
    async def download(self, name: str, *, quantization: str = "") -> Download: ...
    async def download_progress(self, job_id: str) -> DownloadProgress: ...
