"""Whether a server answers, by asking it for the list of its models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from apps.common.said import gettext as _
from apps.common.said import ngettext
from apps.providers.adapters.base import Call
from apps.providers.contract import CheckResult, Connection, ModelInfo
from apps.providers.errors import ProviderError

CHECK_TIMEOUT_S = 15.0


async def checked_by_list(connection: Connection, fetch: Callable[[Call], Awaitable[Sequence[ModelInfo]]]) -> CheckResult:
    """Asks once. Says in words what is wrong; never raises a ProviderError."""
    call = Call(connection, total_timeout_s=min(CHECK_TIMEOUT_S, connection.total_timeout_s), max_attempts=1)
    try:
        models = await fetch(call)
    except ProviderError as error:
        return CheckResult(ok=False, message=error.message, latency_ms=call.latency_ms, error_code=error.code)
    message = ngettext("Answers, and lists %(count)d model.", "Answers, and lists %(count)d models.", len(models))
    if not models:
        message = _("Answers, but lists no model. Download or load one there.")
    return CheckResult(True, message % {"count": len(models)}, latency_ms=call.latency_ms, models=len(models))
