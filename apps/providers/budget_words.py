"""What a budget is called and why it refused a call, in the language of now. Kept apart: a refusal is stored and told later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import formats

from apps.common.said import gettext as _
from apps.common.templatetags.orq import cost


def called(scope: str, period: str, *, name: str = "", person: str = "") -> str:
    """“the team's monthly budget”, “the daily budget of Ana”, “the monthly budget “Interns””."""
    if name:
        words = _("the daily budget “%(name)s”") if period == "day" else _("the monthly budget “%(name)s”")
        return words % {"name": name}
    if scope == "team":
        return _("the team's daily budget") if period == "day" else _("the team's monthly budget")
    if scope == "person":
        words = _("the daily budget of %(person)s") if period == "day" else _("the monthly budget of %(person)s")
        return words % {"person": person}
    return _("the daily budget of a virtual key") if period == "day" else _("the monthly budget of a virtual key")


def whose(scope: str, *, person: str = "") -> str:
    if scope == "team":
        return _("the whole team")
    if scope == "person":
        return person
    return _("a virtual key of %(person)s") % {"person": person} if person else _("a virtual key")


def refusal(budget: Mapping[str, Any]) -> str:
    """Which budget, how much is left, when it is renewed, and what to do. Takes what OverBudget carries as `budget`."""
    about = {
        "budget": called(budget["scope"], budget["period"], name=budget["name"], person=budget["person"]),
        "limit": cost(budget["limit"]),
        "left": cost(budget["left"]),
        "needed": cost(budget["needed"]),
        "held": cost(budget["held"]),
        "when": moment(datetime.fromisoformat(budget["renews_at"])),
    }
    if float(budget["held"]):
        return (
            _(
                "The next call could cost %(needed)s. Of %(budget)s (%(limit)s), %(left)s is left and %(held)s is set aside for "
                "calls under way. It is renewed on %(when)s; wait for that, or have the budget raised."
            )
            % about
        )
    return (
        _(
            "The next call could cost %(needed)s. Of %(budget)s (%(limit)s), %(left)s is left. "
            "It is renewed on %(when)s; wait for that, or have the budget raised."
        )
        % about
    )


def price_unknown(model: str) -> str:
    return _(
        "Nobody knows what a call of %(model)s costs, and a budget is in force. Set its prices on its page (0 where it is "
        "free), or choose another model."
    ) % {"model": model}


def moment(when: datetime) -> str:
    """A day and a time in UTC, as the language writes them."""
    return _("%(day)s, %(time)s UTC") % {"day": formats.date_format(when, "DATE_FORMAT"), "time": when.strftime("%H:%M")}
