"""The words for the route's codes: why a model was passed over, why a prompt has no answer, why it could not be verified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.common.said import gettext as _
from apps.common.said import joined


def passed_over_because(reason: str) -> str:
    """Why a model was not asked, in the language of now; an unknown code is given back."""
    words = {
        "failed_recently": _("it failed a short while ago and rests"),
        "gone_from_provider": _("its provider no longer has it"),
        "price_unknown": _("its price is unknown, and a budget is in force"),
        "not_allowed": _("the key that was used may not ask it"),
        "below_the_band": _("a stronger one is needed"),
        "context_too_small": _("the prompt is too long for it"),
        "no_vision": _("it cannot read images"),
        "no_tools": _("it cannot call tools"),
        "no_json": _("it cannot answer in JSON of a given form"),
    }
    return words.get(reason, reason)


def not_verified_because(reason: str) -> str:
    """Why an answer could not be verified, in the language of now; an unknown code is given back."""
    words = {
        "too_few_models": _("there are too few models of different families"),
        "no_checker_answered": _("no other model gave a usable verdict"),
        "no_judge_answered": _("the models disagree, and no third one gave a usable ruling"),
        "tool_calls": _("a call of tools is not an answer yet"),
        "both_were_wrong": _("a third model found both answers wrong"),
        "checker_was_right": _("a third model sided with the checker, who has no answer of its own"),
        "over_shared_budget": _("a budget does not cover the check"),
        "price_unknown": _("the price of the check is unknown, and a budget is in force"),
    }
    return words.get(reason, reason)


def no_answer_because(code: str, extra: Mapping[str, Any], *, default: str = "") -> str:
    """A sentence for people about a prompt that has no answer. An unknown code gives `default`."""
    match code:
        case "no_model":
            named = _listed({name: passed_over_because(why) for name, why in (extra.get("rejected") or {}).items()})
            return joined([_("No model that could answer this is in use. Add a provider, or switch a model on."), named], "")
        case "no_model_answered":
            failed = _("Every model that was asked failed. Look at the providers' states, then ask again.")
            return joined([failed, _listed(extra.get("tried") or {})], "")
        case "time_limit":
            return _("The answer took longer than it may. Ask again, or choose a faster model.")
        case "cancelled":
            return _("Whoever asked went away before the answer was there.")
        case "lost":
            return _("The product stopped while this was being answered. Ask again.")
        case "unexpected":
            return _("Something went wrong in the product itself; the log has the details.")
    return default or code


def _listed(named: Mapping[str, str]) -> str:
    return joined([" (", joined([joined([name, what], ": ") for name, what in named.items()], "; "), ")"], "") if named else ""
