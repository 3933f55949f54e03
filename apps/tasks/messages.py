"""The words for the engine's codes: what happened and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from apps.common.said import gettext as _
from apps.common.said import joined
from apps.providers import budget_words

if TYPE_CHECKING:
    from apps.tasks.models import Subtask, Task


def explain(code: str, *, default: str = "", **extra: Any) -> str:
    """A sentence for people about how a run ended, in the language of now. An unknown code gives `default`."""
    known = _EXPLANATIONS.get(code)
    return known(extra) if known else default or code


def explain_row(row: Task | Subtask) -> str:
    """Why a task or a step is where it is, in the language of now; empty when there is nothing to say."""
    return explain(row.error_code, default=row.error, **row.error_data) if row.error_code else row.error


def describe(event: str, data: dict[str, Any], *, default: str = "") -> str:
    """A log entry in words, in the language of now."""
    known = EVENTS.get(event)
    if data.get("code") in _EXPLANATIONS and event != "prompt_failed":  # whose message is a whole sentence already
        data = {**data, "message": _EXPLANATIONS[data["code"]](data)}
    return known(defaultdict(str, data)) if known else default or event.replace("_", " ")


def headline(kind: str, title: str) -> str:
    return {
        "task_completed": _("Finished: %s"),
        "task_failed": _("Failed: %s"),
        "task_needs_you": _("Needs you: %s"),
    }[kind] % title


def _too_few_models(extra: dict[str, Any]) -> str:
    if extra.get("role") == "tie_breaker":
        return _(
            "Author and checker disagree, and there is no third model to settle it. Add or switch on a model of another family "
            "and resume, or let this task go on without settling."
        )
    return _(
        "There is only one family of models in use, and no model may check its own work. Add or switch on a second one and "
        "resume, or let this task go on marked as not cross-checked."
    )


def _over_budget(extra: dict[str, Any]) -> str:
    return _("The next call could cost more than what is left of the budget (US$ %(left)s). Raise the budget and resume.") % {
        "left": extra.get("left", "0")
    }


def _over_shared_budget(extra: dict[str, Any]) -> str:
    return joined([budget_words.refusal(extra["budget"]), _("Then resume the task.")])


def _price_unknown(extra: dict[str, Any]) -> str:
    return joined([budget_words.price_unknown(extra["model"]), _("Then resume the task.")])


def _named(extra: dict[str, Any], key: str) -> str:
    return "; ".join(f"{name}: {what}" for name, what in (extra.get(key) or {}).items())


def _no_model(extra: dict[str, Any]) -> str:
    reasons = (extra.get("rejected") or {}).items()
    rejected = "; ".join(f"{name}: {_rejected_because(reason)}" for name, reason in reasons)
    sentence = _("No model that could do this is in use. Add a provider or switch a model on, then start the task again.")
    return f"{sentence} ({rejected})" if rejected else sentence


def _rejected_because(reason: str) -> str:
    words = {
        "failed_recently": _("it failed a short while ago and rests"),
        "gone_from_provider": _("its provider no longer has it"),
        "price_unknown": _("its price is unknown, and a budget is in force"),
    }
    return words.get(reason, reason)


def _no_checker(extra: dict[str, Any]) -> str:
    sentence = _("No other model gave a usable verdict. Resume to try again, or let the task go on marked as not cross-checked.")
    return f"{sentence} ({_named(extra, 'tried')})" if extra.get("tried") else sentence


def _no_model_answered(extra: dict[str, Any]) -> str:
    sentence = _("Every model that was asked failed. Look at the providers' states, then retry.")
    return f"{sentence} ({_named(extra, 'tried')})" if extra.get("tried") else sentence


def _subtasks_failed(extra: dict[str, Any]) -> str:
    sentence = _("Steps could not be finished. What is done is kept; retry the failed steps or start the task again.")
    return f"{sentence} ({'; '.join(f'{order}: {_failed_step(**what)}' for order, what in (extra.get('failed') or {}).items())})"


def _failed_step(code: str, message: str, **named: Any) -> str:
    return explain(code, default=message, **named)


def _time_limit(extra: dict[str, Any]) -> str:
    return _("The time limit was reached. What is done is kept; start the task again to go on from there.")


def _unexpected(extra: dict[str, Any]) -> str:
    return _("Something went wrong in the product itself; the log has the details. Start the task again to go on from there.")


def against_word(code: str) -> str:
    """What is held against an answer, as a part of a sentence; an unknown code as it is."""
    words = {
        "repetition": _("it says the same again and again"),
        "refusal": _("it refuses"),
        "cut": _("it ends before its end"),
        "stall": _("it stood still while it was written"),
        "internal": _("it contradicts itself"),
        "contradiction": _("it contradicts its sources"),
        "wording": _("it turns the meaning of its sources"),
        "temporal": _("its dates cannot be right"),
        "scope": _("it does not speak of what was asked"),
        "both_were_wrong": _("the judge found both wrong"),
        "checker_was_right": _("the judge decided for the checker"),
        "low_confidence": _("the confidence is too low"),
    }
    return words.get(code, code.replace("_", " "))


def because_word(code: str) -> str:
    """Why an attempt was chosen, as a part of a sentence."""
    words = {
        "nothing_against_it": _("nothing is held against it"),
        "more_trusted": _("its confidence is higher"),
        "fewer_signs": _("fewer signs of invention were found"),
        "later_of_equals": _("its author knew what was wrong before"),
        "only_attempt": _("there is no other"),
    }
    return words.get(code, code.replace("_", " "))


_EXPLANATIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "too_few_models": _too_few_models,
    "over_budget": _over_budget,
    "over_shared_budget": _over_shared_budget,
    "price_unknown": _price_unknown,
    "no_model": _no_model,
    "no_checker_answered": _no_checker,
    "no_model_answered": _no_model_answered,
    "subtasks_failed": _subtasks_failed,
    "runaway_answer": lambda extra: _("It wrote the same text again and again, and was cut."),
    "empty_work": lambda extra: _("Its answer was empty."),
    "time_limit": _time_limit,
    "unexpected": _unexpected,
}

EVENTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "created": lambda d: _("Created"),
    "started": lambda d: _("Started"),
    "paused": lambda d: _("Paused"),
    "resumed": lambda d: _("Resumed"),
    "cancelled": lambda d: _("Cancelled"),
    "completed": lambda d: _("Completed"),
    "failed": lambda d: _("Failed"),
    "awaiting_approval": lambda d: _("The plan awaits approval"),
    "plan_approved": lambda d: _("The plan was approved"),
    "plan_changed": lambda d: _("The plan was changed"),
    "step_approved": lambda d: _("Approved by hand"),
    "too_few_models": lambda d: _("Stopped: too few different models"),
    "over_budget": lambda d: _("Stopped: the budget does not cover the next call"),
    "over_shared_budget": lambda d: _("Stopped: a budget does not cover the next call"),
    "price_unknown": lambda d: _("Stopped: a budget is in force, and the price of the next call is unknown"),
    "no_checker_answered": lambda d: _("Stopped: no usable verdict"),
    "retried": lambda d: _("Retried by hand"),
    "escalated_by_hand": lambda d: _("Escalated by hand"),
    "planner_failed": lambda d: _("%(model)s could not plan: %(message)s") % d,
    "plan_refused": lambda d: _("The plan of %(model)s was refused: %(message)s") % d,
    "author_failed": lambda d: (
        (
            _("%(model)s broke off in the middle of its answer: %(message)s")
            if d["broke_off"]
            else _("%(model)s could not write it: %(message)s")
        )
        % d
    ),
    "author_took_over": lambda d: _("%(model)s writes it from the beginning, instead of %(after)s") % d,
    "server_failed": lambda d: (
        (
            _("%(model)s broke off at %(server)s and begins again at %(next)s: %(message)s")
            if d["restarted"]
            else _("%(model)s did not answer at %(server)s and is asked at %(next)s: %(message)s")
        )
        % d
    ),
    "queued": lambda d: _("%(model)s is as busy as it may be; waiting for a free place, at most %(at_most_s)s s") % d,
    "checker_failed": lambda d: _("%(model)s could not check it: %(message)s") % d,
    "verdict_refused": lambda d: _("The verdict of %(model)s was refused: %(message)s") % d,
    "judge_failed": lambda d: _("%(model)s could not settle it: %(message)s") % d,
    "ruling_refused": lambda d: _("The ruling of %(model)s was refused: %(message)s") % d,
    "continued": lambda d: _("The answer of %(model)s was cut by length and continued") % d,
    "read_in_parts": lambda d: _("Too long for %(model)s to read at once: it was read in %(parts)s parts") % d,
    "another_model_speaks": lambda d: _("The preferred model of %(specialized_ai)s cannot do it; %(model)s speaks for it") % d,
    "interrupted": lambda d: _("The stream of %(model)s broke off and was started again") % d,
    "suspect": lambda d: _("Marked as suspect: %(what)s") % {"what": against_word(d["kind"])},
    "compared": lambda d: (
        _("Compared with what was written before: the work of %(model)s stands best, because %(why)s")
        % {"model": d["model"], "why": because_word(d["because"])}
    ),
    "escalated": lambda d: _("Given to another author: %(reason)s") % {"reason": against_word(d["reason"])},
    "subtask_failed": lambda d: _("The step failed: %(message)s") % d,
    "prompt_answered": lambda d: (
        (_("%(model)s answered a prompt from the cache") if d["cache"] else _("%(model)s answered a prompt")) % d
    ),
    "prompt_escalated": lambda d: _("A prompt was given from %(from)s to %(to)s: %(reason)s") % d,
    "prompt_failed": lambda d: _("A prompt has no answer: %(message)s") % d,
    "deleted": lambda d: _("Deleted"),
    "restored": lambda d: _("Brought back"),
}
