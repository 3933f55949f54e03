"""What a vendor says when it refuses, as one of our errors.

Gateways pass other vendors' errors on, so all shapes are known to all adapters. Codes and shapes: OpenAI's SDK 3.52 and its
error guide, Anthropic's and Google's error references, and what Mistral, llama.cpp, vLLM, LM Studio, OpenRouter, Groq and
Genspark were seen to send (collected 2026-11-20).
"""

from __future__ import annotations

import datetime
import email.utils
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from apps.common.said import gettext as _
from apps.common.said import joined
from apps.providers.adapters.text import LONGEST_SEARCHED, looks_like_html, redact
from apps.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    NotAnApi,
    OutOfCredit,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)

_OUT_OF_CREDIT = re.compile(
    r"insufficient[_ ](?:quota|credit|balance|funds)|credit[_ ]balance|credit[_ ]exhausted"
    r"|(?:spend|usage)_limit_(?:exceeded|reached)"
    r"|exceeded your current quota|billing_hard_limit|billing_not_active|payment required|out of credits"
    r"|billing_error|specified (?:API )?usage limits|credits are depleted",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"context_length_exceeded|exceed_context_size|context[_ ](?:length|window|size)|maximum context|prompt is too long"
    r"|too many (?:input )?tokens|input (?:is|length)[^.]{0,30}(?:too long|exceed)"
    r"|exceeds?[^.]{0,40}(?:max|maximum)[^.]{0,20}tokens"
    r"|contextLengthReached|model_context_window_exceeded|max_model_len",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[_ ](?:filter|policy)|ResponsibleAIPolicy|content_blocked|moderation|safety system", re.IGNORECASE
)
# Google says "exceeded your current quota" of every limit, also of those that are over in a minute.
_OUT_OF_CREDIT_AT_GOOGLE = re.compile(r"credits are depleted|billing account|spending? (?:cap|limit)", re.IGNORECASE)
_BAD_KEY = re.compile(r"API_KEY_INVALID|API_KEY_EXPIRED|api key (?:not valid|expired)|organization_on_hold", re.IGNORECASE)
_BUSY = re.compile(r"overload|capacity|\bbusy\b|slots? available|loading model|unavailable", re.IGNORECASE)
_KEY = re.compile(r"api[ _-]?key|api token|unauthori[sz]ed|authentication|credentials", re.IGNORECASE)
# The status that a type or code stands for, when an error comes inside a success and so without a status of its own.
_STATUS_OF = (
    (re.compile(r"rate_limit|too_many|slow_down|RESOURCE_EXHAUSTED", re.IGNORECASE), 429),
    (re.compile(r"billing_error", re.IGNORECASE), 402),
    (re.compile(r"request_too_large", re.IGNORECASE), 413),
    (re.compile(r"invalid_api_key|authentication|unauthori[sz]ed", re.IGNORECASE), 401),
    (re.compile(r"permission|forbidden|access_denied", re.IGNORECASE), 403),
    (re.compile(r"overloaded|unavailable", re.IGNORECASE), 503),
    (re.compile(r"timeout|timed out|DEADLINE_EXCEEDED", re.IGNORECASE), 408),
    (re.compile(r"not_found|unknown_model", re.IGNORECASE), 404),
    (re.compile(r"server_error|internal|api_error|upstream", re.IGNORECASE), 500),
    (re.compile(r"invalid|bad_?request|unsupported|validation|FAILED_PRECONDITION|OUT_OF_RANGE", re.IGNORECASE), 400),
)
_DAILY = re.compile(r"PerDay|per day|daily (?:limit|quota)")
_TRY_AGAIN_IN = re.compile(r"(?:try again|retry) in ((?:[\d.]+(?:ms|s|m|h)\s?)+)", re.IGNORECASE)
_DURATION = re.compile(r"([\d.]+)(ms|s|m|h)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id")


@dataclass(frozen=True, slots=True)
class VendorError:
    """An error as the vendor puts it, whatever the shape; what it leaves out is empty."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str = ""
    request_id: str = ""
    details: str = ""  # what it adds as JSON: Google's quotas and how long to wait

    @property
    def words(self) -> str:
        return f"{self.type} {self.code} {self.message}"

    @property
    def is_for_today(self) -> bool:
        """Whether a limit of the day is reached, which no waiting within a call gets over."""
        return bool(_DAILY.search(f"{self.message} {self.details}"))


def find_error(body: Any, *, is_error: bool = False) -> VendorError | None:
    """The error in a JSON body, or None when it holds an answer. `is_error`: the status or the event's name says it is one."""
    if isinstance(body, list) and body and isinstance(body[0], dict):
        body = body[0]  # Google's compatible endpoint wraps errors in a list
    if not isinstance(body, dict):
        return VendorError(message=body[:LONGEST_SEARCHED] if isinstance(body, str) else "") if is_error else None
    error = body.get("error")
    if not error and not is_error and ("choices" in body or "data" in body or not _is_complaint(body)):
        return None
    if isinstance(error, str):
        body = {"message": error, **{name: body[name] for name in ("code", "type", "request_id") if name in body}}
    elif isinstance(error, dict):
        body = {"request_id": body.get("request_id"), **error}
    details = body.get("details")
    return VendorError(
        message=_message(body)[:LONGEST_SEARCHED],
        type=_word(body.get("type")) or _word(body.get("status")),
        code=_reason_in(details) or _word(body.get("code")) or _word(body.get("status")),
        param=_word(body.get("param")),
        request_id=_word(body.get("request_id")),
        details=json.dumps(details)[:LONGEST_SEARCHED] if details else "",
    )


def error_of(
    vendor: VendorError,
    *,
    status: int | None,
    headers: Mapping[str, str],
    name: str,
    secret: str = "",
    body_text: str = "",
) -> ProviderError:
    """One of ours. `status` is None for an error that came inside a success."""
    status = status or _implied_status(vendor)
    kind, message = _classify(vendor, status, name)
    error = kind(
        message,
        vendor_message=redact(vendor.message, secret),
        request_id=request_id_of(headers) or vendor.request_id,
        http_status=status,
        retry_after_s=retry_after_s(headers, f"{vendor.message} {vendor.details} {body_text[:LONGEST_SEARCHED]}"),
        param=vendor.param,
        vendor_type=vendor.type,
        vendor_code=vendor.code,
    )
    if kind is ProviderError and (status or 0) >= 500:
        error.retryable = True
    if kind is RateLimited and vendor.is_for_today:
        error.retryable = False
    if headers.get("x-should-retry") in ("true", "false") and not isinstance(error, OutOfCredit):
        error.retryable = headers["x-should-retry"] == "true"
    if error.vendor_message:
        error.message = joined([error.message, _("It says: %s") % error.vendor_message])
    return error


def http_failure(
    status: int, headers: Mapping[str, str], body: str, *, name: str, url: str, secret: str = "", is_chat: bool = True
) -> ProviderError:
    """One of ours for a response that is no success."""
    request_id = request_id_of(headers)
    if 300 <= status < 400:
        return NotAnApi(
            _("The base URL of %(name)s redirects to %(target)s. If that is right, save it as the base URL.")
            % {"name": name, "target": _redirect_target(url, headers.get("location", ""))},
            http_status=status,
            request_id=request_id,
        )
    is_html = looks_like_html(body) or headers.get("content-type", "").startswith("text/html")
    if is_html and status < 500 and status not in (401, 408, 429):
        return web_page(name, url, status=status, request_id=request_id)
    if status in (404, 405) and not is_chat:
        return NotAnApi(
            _("%(name)s has no model list at %(url)s. Check the base URL; most end with /v1.") % {"name": name, "url": url},
            http_status=status,
            request_id=request_id,
        )
    vendor = VendorError() if is_html else find_error(_json_or_text(body), is_error=True) or VendorError()
    return error_of(vendor, status=status, headers=headers, name=name, secret=secret, body_text="" if is_html else body)


def web_page(name: str, url: str, *, status: int = 200, request_id: str = "") -> NotAnApi:
    return NotAnApi(
        _("A web page, not an API, answers at %(url)s. Check the base URL of %(name)s; most end with /v1.")
        % {"name": name, "url": url},
        http_status=status,
        request_id=request_id,
    )


def request_id_of(headers: Mapping[str, str]) -> str:
    return next((headers[header][:200] for header in REQUEST_ID_HEADERS if header in headers), "")


def retry_after_s(headers: Mapping[str, str], text: str = "") -> float | None:
    """Seconds to wait, from `retry-after-ms`, `retry-after` (a number or a date), or the words of the error."""
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(header, ""), unit)
        if seconds is not None:
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return _seconds_in(text)
    date = date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
    return max(0.0, (date - datetime.datetime.now(datetime.UTC)).total_seconds())


def _seconds_in(text: str) -> float | None:
    found = _TRY_AGAIN_IN.search(text) or re.search(r'"retryDelay":\s*"([\d.]+s)"', text)
    if not found:
        return None
    parts = [(_number(number, _SECONDS[unit.lower()]) or 0.0) for number, unit in _DURATION.findall(found[1])]
    return sum(parts) if parts else None


def _number(text: str, unit: float) -> float | None:
    try:
        seconds = float(text) * unit
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _classify(vendor: VendorError, status: int | None, name: str) -> tuple[type[ProviderError], str]:
    words = vendor.words
    if vendor.message.startswith("Unexpected endpoint or method"):  # LM Studio, with status 200
        return NotAnApi, _("%s does not know this address. Its base URL must end with /v1.") % name
    no_credit = _OUT_OF_CREDIT_AT_GOOGLE if vendor.type == "RESOURCE_EXHAUSTED" else _OUT_OF_CREDIT
    if status == 402 or (status in (None, 400, 403, 429) and no_credit.search(words)):
        return OutOfCredit, _("The account at %s has no credit left, or has reached its spending limit.") % name
    if status in (401, 407) or (status == 400 and _BAD_KEY.search(words)):
        return AuthenticationFailed, _("%s refuses the key. Check that it is right, whole and not expired.") % name
    if status in (400, 413, 422, 500, None) and _CONTEXT.search(words):
        return ContextTooLong, _("The text is too long for the context of this model at %s.") % name
    if status == 413:
        return ContextTooLong, _("%s finds the request too large.") % name
    if status in (400, 403, 422, None) and _FILTERED.search(words):
        return ContentFiltered, _("%s will not answer this: its content filter objects.") % name
    if status == 403:
        return AuthenticationFailed, _("%s does not allow this to the key that was given.") % name
    if status in (408, 504):
        return ProviderTimeout, _("%s says that it could not answer in time.") % name
    if status == 429 and not re.search(r"rate|limit|too many|quota", words, re.IGNORECASE) and _BUSY.search(words):
        return Overloaded, _("%s is busy.") % name
    if status == 429:
        return RateLimited, _("%s has had too many requests for now.") % name
    if status == 404 and not is_about_a_model(words):
        return BadRequest, _("%s knows neither this address nor this model.") % name
    if status == 404:
        return BadRequest, _("%s does not have this model, or does not offer it to this key.") % name
    if status in (409, 425, 502, 503, 520, 521, 522, 523, 524, 529):
        return Overloaded, _("%s is overloaded, starting or down for the moment.") % name
    if status == 501 or (status is not None and 400 <= status < 500):
        return BadRequest, _("%s refuses the request.") % name
    if status is None and _KEY.search(words):
        return AuthenticationFailed, _("%s refuses the key. Check that it is right, whole and not expired.") % name
    if status is None and _BUSY.search(words):
        return Overloaded, _("%s is overloaded, starting or down for the moment.") % name
    return ProviderError, _("%s failed while answering.") % name


def is_about_a_model(words: str) -> bool:
    return "model" in words.lower()


def _implied_status(vendor: VendorError) -> int | None:
    if vendor.code.isdigit() and 400 <= int(vendor.code) <= 599:
        return int(vendor.code)
    for word in (vendor.code, vendor.type):
        for pattern, status in _STATUS_OF:
            if word and pattern.search(word):
                return status
    return None


def _is_complaint(body: Mapping[str, Any]) -> bool:
    """Whether a body without `error` is one all the same; in Anthropic's events `message` is an object, and no complaint."""
    return "detail" in body or isinstance(body.get("message"), str)


def _reason_in(details: Any) -> str:
    """Anthropic's `details.error_code`, or the reason in one of Google's details."""
    if isinstance(details, Mapping):
        return _word(details.get("error_code"))
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and _word(detail.get("reason")):
            return _word(detail["reason"])
    return ""


def _message(body: Mapping[str, Any]) -> str:
    """`message`, or FastAPI's `detail` (a text, or a list of what is wrong where), or `errors`."""
    for field in ("message", "detail", "errors", "title"):
        value = body.get(field)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and value:
            return _message(value) or json.dumps(value)
        if isinstance(value, list) and value:
            return "; ".join(_validation_line(item) for item in value[:5])
    return ""


def _validation_line(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    place = ".".join(str(part) for part in item["loc"]) if isinstance(item.get("loc"), list) else ""
    return f"{place}: {item.get('msg') or item.get('message') or ''}".removeprefix(": ")


def _json_or_text(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


def _redirect_target(url: str, location: str) -> str:
    """Where it leads, whole, and without what could be secret in it."""
    try:
        parts = urlsplit(urljoin(url, location)) if location else None
    except ValueError:
        parts = None
    return redact(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}") if parts else "?"


def _word(value: Any) -> str:
    return str(value)[:200] if isinstance(value, str | int) and not isinstance(value, bool) else ""
