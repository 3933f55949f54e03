"""A/B tests: two strategies, each on its side of the traffic, until enough is known to compare them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Team
from apps.common.errors import BadInput, Conflict
from apps.tasks.engine.routing.significance import ALPHA, POWER, sample_for_means, sample_for_shares
from apps.tasks.models import ABTest, Strategy, TaskExecution
from apps.tasks.selectors.ab import Measured, measured_lately

SHARES = (ABTest.Measure.ESCALATIONS, ABTest.Measure.THUMBS)
RELATIVE = (ABTest.Measure.COST, ABTest.Measure.LATENCY)  # their effect is stated in percent of what is usual
MOST_SAMPLE = 1_000_000
# What single prompts are taken to be like as long as a team has too few of its own: said on the page as assumed.
ASSUMED: Mapping[str, Measured] = {
    ABTest.Measure.CONFIDENCE: Measured(base=80.0, spread=20.0, runs=0),
    ABTest.Measure.COST: Measured(base=1.0, spread=1.0, runs=0),
    ABTest.Measure.LATENCY: Measured(base=1.0, spread=1.0, runs=0),
    ABTest.Measure.ESCALATIONS: Measured(base=30.0, spread=None, runs=0),
    ABTest.Measure.THUMBS: Measured(base=70.0, spread=None, runs=0),
}


@dataclass(frozen=True, slots=True)
class Design:
    """How many prompts a test needs on each side, and what that rests on.

    `effect`: the least difference that is to be found, in points (confidence, shares) or in percent of `base` (cost, time).
    """

    minimum_sample: int
    effect: float
    base: float
    spread: float | None
    runs: int  # prompts that base and spread were measured on; 0: assumed

    @property
    def as_json(self) -> dict[str, Any]:
        kept = {"effect": self.effect, "base": self.base, "spread": self.spread, "runs": self.runs}
        return {**kept, "alpha": ALPHA, "power": POWER}


def ab_design(team_id: int, measure: str, effect: float) -> Design:
    """The sample a test needs, from the team's last 30 days or from what is assumed. Raises BadInput."""
    if not 0 < effect <= 100:
        raise BadInput(_("State a difference above 0 and up to 100."), field="effect")
    known = measured_lately(team_id, measure) or ASSUMED[measure]
    try:
        if measure in SHARES:
            needed = sample_for_shares(known.base / 100, effect / 100)
        else:
            least = effect * known.base / 100 if measure in RELATIVE else effect
            needed = sample_for_means(known.spread or 0.0, least)
    except ValueError as error:
        raise BadInput(_("No share can change by so much. State a smaller difference."), field="effect") from error
    return Design(min(needed, MOST_SAMPLE), effect, known.base, known.spread, known.runs)


@transaction.atomic
def ab_create(
    actor: Actor, *, name: str, strategy_a: str, strategy_b: str, share_percent: Decimal, measure: str, effect: float
) -> ABTest:
    """Begin a test. A team runs one at a time, so that what is measured has one cause. Raises BadInput and Conflict."""
    actor.must_manage()
    if strategy_a == strategy_b:
        raise BadInput(_("Choose two different strategies."), field="strategy_b")
    if not 0 < share_percent <= 100:
        raise BadInput(_("The share is above 0 and up to 100 percent."), field="share_percent")
    Team.objects.select_for_update().get(pk=actor.team.pk)  # two tests that begin at once: the second one sees the first
    if ABTest.objects.filter(team=actor.team, status=ABTest.Status.RUNNING).exists():
        raise Conflict(_("A test is running. Stop it before you begin another one."))
    design = ab_design(actor.team.pk, measure, effect)
    return ABTest.objects.create(
        team=actor.team,
        owner=actor.user,
        name=name,
        strategy_a=strategy_a,
        strategy_b=strategy_b,
        share_percent=share_percent,
        measure=measure,
        minimum_sample=design.minimum_sample,
        design=design.as_json,
    )


def ab_rename(actor: Actor, test: ABTest, name: str) -> None:
    """All else of a test stays as it was begun. Raises BadInput."""
    actor.must_manage()
    if not name.strip():
        raise BadInput(_("Give it a name, so that you know it again."), field="name")
    test.name = name.strip()[:120]
    test.save(update_fields=["name", "updated_at"])


def ab_stop(actor: Actor, test: ABTest) -> None:
    """Prompts take their own strategy again. What was measured stays."""
    actor.must_manage()
    stopped = ABTest.objects.filter(pk=test.pk, status=ABTest.Status.RUNNING)
    if not stopped.update(status=ABTest.Status.STOPPED, stopped_at=timezone.now()):
        raise Conflict(_("This test has been stopped already."))


def ab_delete(actor: Actor, test: ABTest) -> None:
    """Remove a test. Its prompts stay, and belong to no test any more."""
    actor.must_manage()
    test.delete()


def ab_assign(team_id: int, execution: TaskExecution) -> str | None:
    """The strategy of the side that this prompt falls on; None: no test runs, or it is outside the share.

    Sets `ab_test` and `variant` of the execution, which the caller saves. Only for prompts that left the choice to the route:
    nobody who asked for the cheapest answer is given the dearest. One query.
    """
    if execution.strategy != Strategy.AUTO:
        return None
    test = ABTest.objects.filter(team=team_id, status=ABTest.Status.RUNNING).first()
    side = test and side_of(test, execution.public_id)
    if not test or not side:
        return None
    execution.ab_test, execution.variant = test, side
    return test.strategy_a if side == "A" else test.strategy_b


def side_of(test: ABTest, execution_id: UUID) -> str:
    """ "A", "B" or "" for outside: the same for the same prompt, and independent between tests."""
    drawn = hashlib.sha256(test.public_id.bytes + execution_id.bytes).digest()
    if int.from_bytes(drawn[:8]) / 2**64 >= float(test.share_percent) / 100:
        return ""
    return "A" if drawn[8] < 128 else "B"
