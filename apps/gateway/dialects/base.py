"""What the dialects share: the shape that each of them gives to the flow, evidence, and errors in plain words."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import msgspec
from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from apps.common.contract import as_text
from apps.common.errors import OrquestradorError
from apps.gateway.dialects.taps import Hears
from apps.gateway.errors import BadBody, Kind, Refused
from apps.providers import errors as provider_errors
from apps.providers.contract import ChatRequest, Completion, Delta, Usage

OURS = ("fallbacks", "orq")  # fields of a request that are for us and go no further
MOST_ANSWERS = 8
MOST_TOOLS = 512
encode = msgspec.json.Encoder(enc_hook=as_text).encode
decode = msgspec.json.Decoder().decode

_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*")
_AVIF = (b"ftypavif", b"ftypheic", b"ftypmif1")


@dataclass(frozen=True, slots=True)
class Evidence:
    """How an answer came about, for its headers and its `orq` object. None: nobody has looked, or it does not apply."""

    model: str
    cost_usd: Decimal | None = None
    is_estimated: bool = False
    confidence: float | None = None
    escalations: int = 0
    divergence: float | None = None
    cache: str = "none"
    task: str = ""
    verified: str = ""
    why_not_verified: str = ""
    left_out: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "model": self.model,
            "confidence": _rounded(self.confidence),
            "escalations": self.escalations,
            "divergence": _rounded(self.divergence),
            "cost": None if self.cost_usd is None else f"{self.cost_usd:f}",
            "cache": self.cache,
            "task": self.task or None,
        }
        if self.is_estimated:
            shown["cost_is_estimated"] = True
        if self.verified:
            shown["verified"] = self.verified
            if self.why_not_verified:
                shown["why_not_verified"] = self.why_not_verified
        if self.left_out:
            shown["left_out"] = list(self.left_out)
        return {**shown, **self.more}

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Those that are known; in front of a stream that is little more than the model."""
        said = {
            b"x-orq-model": self.model,
            b"x-orq-confidence": "" if self.confidence is None else str(_rounded(self.confidence)),
            b"x-orq-escalations": str(self.escalations),
            b"x-orq-divergence": "" if self.divergence is None else str(_rounded(self.divergence)),
            b"x-orq-cost": "" if self.cost_usd is None else f"{self.cost_usd:f}",
            b"x-orq-cache": self.cache,
            b"x-orq-task": self.task,
            b"x-orq-verified": self.verified,
            b"x-orq-why-not-verified": self.why_not_verified,
        }
        return [(name, value.encode("ascii", "backslashreplace")) for name, value in said.items() if value]


class Told(NamedTuple):
    """An error as a client is to hear it."""

    kind: Kind
    status: int
    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None
    may_retry: bool = False
    said: tuple[int, bytes] | None = None  # a vendor's own answer in the dialect of the client

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The clients of both vendors look at `x-should-retry` before they look at the status."""
        headers = [(b"x-should-retry", b"true" if self.may_retry else b"false")]
        if self.retry_after_s is not None:
            headers.append((b"retry-after", str(max(1, round(self.retry_after_s))).encode()))
        return headers


class Asked(NamedTuple):
    """A request as it came, and what of it matters here."""

    raw: bytes
    body: dict[str, Any]
    model: str
    is_stream: bool
    fallbacks: tuple[str, ...] | None  # None: not said
    options: Mapping[str, Any]  # the `orq` object

    @property
    def is_plain(self) -> bool:
        """Nothing in it is for us alone."""
        return not any(name in self.body for name in OURS)


class Tap(Protocol):
    """Looks at a stream that passes by in the client's own dialect."""

    heard: int  # bytes of words so far
    has_ended: bool  # the answer is whole, though counts may follow
    is_over: bool  # and nothing follows
    error_code: str

    @property
    def is_cut(self) -> bool:
        """It went round in circles and is over, though its server would go on."""

    @property
    def usage(self) -> Usage | None: ...

    def feed(self, event: bytes) -> bytes:
        """What the client gets of it; b"" for what is held back."""

    def end(self, evidence: Evidence, usage: Usage) -> bytes:
        """What was held back, with the evidence in its last piece; of an answer that was cut, the end that it lacks."""


class Writer(Protocol):
    """Makes a stream of the client's dialect out of our words."""

    def begin(self) -> bytes: ...
    def delta(self, delta: Delta) -> bytes: ...
    def end(self, completion: Completion, evidence: Evidence) -> bytes: ...


class Dialect(Protocol):
    """One way of asking, and of being answered. `api` is what providers that speak it call it, too."""

    api: str
    counts_when_asked: bool  # whether a stream has usage only when the request asks for it
    passed_headers: tuple[bytes, ...]  # of the request, that its vendor understands

    def check(self, body: dict[str, Any], *, is_stream: bool) -> None:
        """Raises BadBody for what no vendor would take."""

    def most_output(self, body: Mapping[str, Any]) -> int | None:
        """Tokens that may be answered at most, all answers together; None: it does not say."""

    def to_request(self, body: Mapping[str, Any]) -> tuple[ChatRequest, tuple[str, ...]]:
        """The same in our words, and the fields that have none."""

    def usage_of(self, answer: Mapping[str, Any]) -> Usage | None: ...
    def whole(self, completion: Completion, asked: Asked, evidence: Evidence) -> dict[str, Any]: ...
    def writer(self, asked: Asked, name: str) -> Writer: ...
    def tap(self, asked: Asked, watch: Hears | None) -> Tap: ...
    def error(self, told: Told, request_id: str) -> bytes: ...
    def error_event(self, told: Told, request_id: str) -> bytes: ...


def read_asked(raw: bytes, dialect: Dialect) -> Asked:
    """The request, if it is one. Raises BadBody."""
    try:
        body = decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBody(_("The body of this request is not JSON.")) from error
    if not isinstance(body, dict):
        raise BadBody(_("The body of this request must be a JSON object."))
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadBody(_("Say which model is to answer."), param="model")
    is_stream = body.get("stream") or False
    if not isinstance(is_stream, bool):
        raise BadBody(_("“stream” is true or false."), param="stream")
    fallbacks = body.get("fallbacks")
    if fallbacks is not None and not (isinstance(fallbacks, list) and all(isinstance(one, str) for one in fallbacks)):
        raise BadBody(_("“fallbacks” is a list of names of models."), param="fallbacks")
    options = body.get("orq") or {}
    if not isinstance(options, dict):
        raise BadBody(_("“orq” is an object."), param="orq")
    dialect.check(body, is_stream=is_stream)
    return Asked(raw, body, model, is_stream, None if fallbacks is None else tuple(fallbacks), options)


# ── what is checked the same way everywhere ───────────────────────────────────────────────────────────────────────


def check_list(body: Mapping[str, Any], name: str) -> list[Any]:
    """A list of objects with something in it."""
    value = body.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise BadBody(_("“%s” is a list of objects, with one at least.") % name, param=name)
    return value


def check_number(body: Mapping[str, Any], name: str, *, least: int = 1) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
        raise BadBody(_("“%(name)s” is a whole number from %(least)d on.") % {"name": name, "least": least}, param=name)
    return value


def check_tool(name: Any, schema: Any, param: str) -> None:
    """A name that vendors take, and parameters that are a JSON Schema of an object."""
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        raise BadBody(_("A tool needs a name of letters, digits, “_” and “-”."), param=param)
    if schema is None:
        return
    problem = _schema_problem(encode(schema)) if isinstance(schema, dict) else _("it is not an object")
    if problem:
        message = _("The parameters of the tool %(name)s are no JSON Schema: %(problem)s")
        raise BadBody(message % {"name": name, "problem": problem}, param=param)


def check_image(url: Any, param: str) -> None:
    """An address, or a data: URL that begins as pictures do."""
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return
    if not isinstance(url, str) or not url.startswith("data:"):
        raise BadBody(_("An image is a data: URL, or an address that begins with https://."), param=param)
    head, _comma, data = url.partition(",")
    check_picture(data if "base64" in head else "", param)


def check_picture(data: Any, param: str) -> None:
    """The beginning of base64 that is to be a picture."""
    try:
        first = base64.b64decode(data[:64], validate=True) if isinstance(data, str) else b""
    except (binascii.Error, ValueError):
        first = b""
    if not first.startswith(_PICTURES) and first[4:12] not in _AVIF:
        raise BadBody(_("This image is none: it is no PNG, JPEG, GIF, WebP, BMP, TIFF, AVIF or HEIC."), param=param)


def left_out_of(body: Mapping[str, Any], known: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name, value in body.items() if name not in known and name not in OURS and value is not None))


@functools.lru_cache(maxsize=1_000)
def _schema_problem(schema: bytes) -> str:
    """Looked at once for each schema: programs send the same tools with every request."""
    parsed = decode(schema)
    if parsed.get("type", "object") != "object":
        return _("its type is not “object”")
    try:
        Draft202012Validator.check_schema(parsed)
    except SchemaError as error:
        return error.message[:300]
    return ""


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────

_KINDS: tuple[tuple[type[Exception], Kind, int], ...] = (
    (provider_errors.OverBudget, "quota", 429),
    (provider_errors.PriceUnknown, "invalid", 400),
    (provider_errors.RateLimited, "rate_limit", 429),
    (provider_errors.OutOfCredit, "quota", 429),
    (provider_errors.Overloaded, "overloaded", 503),
    (provider_errors.Resting, "overloaded", 503),
    (provider_errors.ProviderTimeout, "timeout", 504),
    (provider_errors.ContentFiltered, "invalid", 400),
    (provider_errors.BadRequest, "invalid", 400),
    (provider_errors.AddressRefused, "upstream", 502),
    (provider_errors.ProviderError, "upstream", 502),
)
_BY_STATUS: Mapping[int, Kind] = {
    400: "invalid",
    403: "permission",
    404: "not_found",
    409: "invalid",
    429: "rate_limit",
    503: "overloaded",
}
_RETRYABLE: frozenset[Kind] = frozenset(("rate_limit", "overloaded", "timeout", "upstream"))


def told_of(error: OrquestradorError, *, api: str = "") -> Told:
    """What to say of an expected error. A vendor's own words go on whole where its dialect is the client's."""
    if isinstance(error, Refused):
        may_retry = error.kind in _RETRYABLE
        return Told(error.kind, error.status, error.code, error.message, error.param, error.retry_after_s, may_retry)
    kind, status = next(
        ((kind, status) for kind_of_error, kind, status in _KINDS if isinstance(error, kind_of_error)),
        (_BY_STATUS.get(error.status, "internal"), error.status),
    )
    message = error.message
    if isinstance(error, provider_errors.OverBudget):
        renewal = _("It begins anew at %s.") % error.budget["renews_at"]
        message = f"{message} {renewal}"
    code = {"quota": "insufficient_quota", "rate_limit": "rate_limit_exceeded"}.get(kind, error.code)
    if isinstance(error, provider_errors.ContextTooLong):
        code = "context_length_exceeded"
    is_held = isinstance(error, provider_errors.OverBudget) and error.is_held
    said = error.extra.get("said") if api and error.extra.get("said_in") == api else None
    may_retry = is_held or (kind in _RETRYABLE and error.retryable)
    return Told(kind, said[0] if said else status, code, message, None, error.retry_after_s, may_retry, said)


def unexpected(message: str) -> Told:
    return Told("internal", 500, "internal_error", message)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
