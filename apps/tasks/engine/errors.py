"""How a run of a task can end early. Codes are stable; the words people read are in apps/tasks/messages.py.

OrquestradorError
├── Stop                      the run ends here, nothing is lost, it can go on later
│   ├── PauseRequested        a person pressed pause
│   ├── AwaitingApproval      the plan waits for a person
│   ├── TooFewModels          the policy wants a check, and no different model can give it
│   ├── NoCheckerAnswered     different models exist, none gave a usable verdict
│   ├── OverBudget            the next call could cost more than is left
│   │   └── OverSharedBudget  … of a budget of the team or the person; `extra["budget"]` says of which, `extra["is_held"]` that
│   │                         only calls under way are in the way
│   ├── PriceUnknown          such a budget is in force, and nobody knows what the next call costs
│   └── LeaseLost             another worker has taken the task over
└── Failure                   this step cannot be finished
    ├── NoModel               nothing that could do the work is in use
    ├── NoModelAnswered       every model that could do it failed; `extra["tried"]` names each with its error
    ├── TimeLimit             a prompt took longer than it may
    ├── BadPlan               the plan cannot be carried out; said back to the planner
    ├── BadVerdict            a verdict or ruling that cannot be used; said back to its author
    ├── RunawayAnswer         the same text again and again; cut while it streamed
    ├── EmptyWork             an answer without a word
    └── SubtasksFailed        `extra["failed"]`: {order: {code, message, and what it names}}
"""

from __future__ import annotations

from apps.common.errors import OrquestradorError
from apps.providers.errors import ProviderError


class Stop(OrquestradorError):
    code = "stopped"


class PauseRequested(Stop):
    code = "paused"


class AwaitingApproval(Stop):
    code = "awaiting_approval"


class TooFewModels(Stop):
    code = "too_few_models"


class NoCheckerAnswered(Stop):
    code = "no_checker_answered"


class OverBudget(Stop):
    code = "over_budget"


class OverSharedBudget(OverBudget):
    code = "over_shared_budget"


class PriceUnknown(Stop):
    code = "price_unknown"


class LeaseLost(Stop):
    code = "lease_lost"


class Failure(OrquestradorError):
    code = "failed"


class NoModel(Failure):
    code = "no_model"
    status = 503
    told = ("task_id", "rejected")


class NoModelAnswered(Failure):
    code = "no_model_answered"
    status = 502
    told = ("task_id", "tried")


class TimeLimit(Failure):
    code = "time_limit"
    status = 504
    told = ("task_id",)


class BadPlan(Failure):
    code = "bad_plan"


class BadVerdict(Failure):
    code = "bad_verdict"


class RunawayAnswer(Failure):
    code = "runaway_answer"


class EmptyWork(Failure):
    code = "empty_work"


class SubtasksFailed(Failure):
    code = "subtasks_failed"


class EarlierError(ProviderError, Failure):
    """An error of an earlier run whose kind is not known any more."""


def read_back(code: str, message: str) -> OrquestradorError:
    """A stored error as the kind that it was, so that a restarted run goes the way that the first one went."""
    for kind in _kinds(ProviderError), _kinds(Failure):
        if code in kind:
            return kind[code](message)
    error = EarlierError(message)
    error.code = code
    return error


def _kinds(base: type[OrquestradorError]) -> dict[str, type[OrquestradorError]]:
    found = {base.code: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found
