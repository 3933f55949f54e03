"""Words for codes that are stored and sent as they are: what a call was for, kinds of work, kinds of failure.

Categories are free words of people and of AIs; those that ship, and those that the estimate gives, have words here.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

PURPOSES = {
    "answer": _("answering"),
    "plan": _("planning"),
    "execute": _("writing"),
    "validate": _("checking"),
    "tie-break": _("settling"),
    "compose": _("putting together"),
    "check": _("testing the model"),
    "chat": _("chat"),
    "embedding": _("comparing by meaning"),
    "benchmark": _("benchmark"),
    "compare": _("comparison"),
}
CATEGORIES = {
    "general": _("general"),
    "analysis": _("analysis"),
    "code": _("code"),
    "code_generation": _("writing code"),
    "creative": _("creative writing"),
    "data": _("data"),
    "editing": _("editing"),
    "facts": _("facts"),
    "finance": _("finance"),
    "math": _("mathematics"),
    "programming": _("programming"),
    "reasoning_advanced": _("hard reasoning"),
    "research": _("research"),
    "software": _("software"),
    "sources": _("sources"),
    "summary": _("summaries"),
    "translation": _("translation"),
    "vision": _("pictures"),
    "writing": _("writing"),
}
FAILURES = {
    "address_refused": _("address not allowed"),
    "authentication": _("key refused"),
    "bad_request": _("request refused"),
    "cancelled": _("cancelled"),
    "content_filtered": _("content filter"),
    "context_too_long": _("text too long"),
    "empty_answer": _("empty answer"),
    "empty_work": _("empty answer"),
    "engine": _("engine failed"),
    "interrupted": _("broken off"),
    "lost": _("lost on the way"),
    "malformed_answer": _("unreadable answer"),
    "no_free_place": _("no free place"),
    "not_an_api": _("no API there"),
    "not_supported": _("not supported"),
    "out_of_credit": _("no credit left"),
    "overloaded": _("overloaded"),
    "provider_error": _("provider failed"),
    "rate_limit": _("too many requests"),
    "resting": _("rests after failures"),
    "runaway_answer": _("went round in circles"),
    "schema_mismatch": _("not the form asked for"),
    "timeout": _("took too long"),
    "unreachable": _("does not answer"),
    "wrong_model": _("another model answered"),
}
SPEAKERS = {"system": _("Instructions"), "user": _("Question"), "assistant": _("Answer"), "tool": _("Tool")}


def purpose_word(purpose: str) -> str:
    return str(PURPOSES.get(purpose, purpose))


def category_word(category: str) -> str:
    return str(CATEGORIES.get(category, category))


def failure_word(code: str) -> str:
    return str(FAILURES.get(code, code.replace("_", " ")))


def speaker_word(role: str) -> str:
    """Who a message of a request is from."""
    return str(SPEAKERS.get(role, role))
