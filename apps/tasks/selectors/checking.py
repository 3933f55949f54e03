"""How often checkers are right: on planted faults, and on real work as far as it is known. Counts with Wilson intervals.

Unknown is not zero: a verdict of which nobody knows whether it was right counts among the verdicts and in no rate.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from math import sqrt
from typing import Any

from django.db.models import Count, QuerySet, Sum, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.searching import with_words
from apps.providers.models.trials import TrialStatus
from apps.tasks.models import CheckingSettings, ResultThumb, ValidatorOutcome, ValidatorRun, VerifyingRule
from apps.tasks.planted import KINDS

FEW = 30  # fewer known cases: the interval says more than the figure
Z = 1.959964  # of 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """`times` out of `of`; `low` and `high` are Wilson's 95 % interval in percent."""

    times: int
    of: int

    @property
    def percent(self) -> float | None:
        return 100 * self.times / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if not self.of:
            return None
        share, n = self.times / self.of, self.of
        middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        return round(100 * max(0.0, middle - half), 1), round(100 * min(1.0, middle + half), 1)

    @property
    def is_few(self) -> bool:
        return 0 < self.of < FEW

    def as_json(self) -> dict[str, Any]:
        return {"times": self.times, "of": self.of, "percent": self.percent, "interval_95": self.interval, "few": self.is_few}


@dataclass(slots=True)
class Benched:
    """One checker, alone or with a judge, on planted faults: the newest run that has it."""

    checker: str
    judge: str
    run_id: uuid.UUID
    right_refused: Rate
    faults_accepted: Rate
    by_kind: list[tuple[str, Rate]]
    without_verdict: int
    cost_usd: Decimal | None

    def as_json(self) -> dict[str, Any]:
        return {
            "checker": self.checker,
            "judge": self.judge or None,
            "run": str(self.run_id),
            "false_rejects": self.right_refused.as_json(),
            "false_accepts": self.faults_accepted.as_json(),
            "false_accepts_by_kind": {kind: rate.as_json() for kind, rate in self.by_kind},
            "without_verdict": self.without_verdict,
            "cost": None if self.cost_usd is None else f"{self.cost_usd:.8f}",
        }


@dataclass(slots=True)
class Worked:
    """One pair of author and checker on real work. Of `verdicts` only `known` can be judged."""

    author: str
    checker: str
    verdicts: int = 0
    accepted_known: int = 0
    accepted_wrong: int = 0
    refused_known: int = 0
    refused_right: int = 0
    known_by: dict[str, int] = field(default_factory=dict)

    @property
    def known(self) -> int:
        return self.accepted_known + self.refused_known

    @property
    def was_right(self) -> Rate:
        return Rate(self.known - self.accepted_wrong - self.refused_right, self.known)

    @property
    def false_accepts(self) -> Rate:
        """Of what it accepted and of which it is known: how much was wrong."""
        return Rate(self.accepted_wrong, self.accepted_known)

    @property
    def false_rejects(self) -> Rate:
        """Of what it refused and of which it is known: how much was right."""
        return Rate(self.refused_right, self.refused_known)

    def as_json(self) -> dict[str, Any]:
        return {
            "author": self.author or None,
            "checker": self.checker or None,
            "verdicts": self.verdicts,
            "known": self.known,
            "known_by": self.known_by,
            "was_right": self.was_right.as_json(),
            "false_accepts": self.false_accepts.as_json(),
            "false_rejects": self.false_rejects.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Quality:
    benched: list[Benched]
    worked: list[Worked]
    in_all: Worked

    def as_json(self) -> dict[str, Any]:
        return {
            "planted": [one.as_json() for one in self.benched],
            "real": [one.as_json() for one in self.worked],
            "real_in_all": self.in_all.as_json(),
        }


def checking_quality(actor: Actor, *, checker: str = "") -> Quality:
    """Of all the team's checkers, or of the one with this name. Three queries."""
    rows = ValidatorOutcome.objects.filter(team=actor.team)
    if checker:
        rows = rows.filter(checker_name=checker)
    worked = _worked(rows.exclude(origin=ValidatorOutcome.Origin.BENCHMARK))
    in_all = Worked("", "")
    for one in worked:
        _add(in_all, one)
    return Quality(_benched(rows.filter(origin=ValidatorOutcome.Origin.BENCHMARK)), worked, in_all)


# ── planted faults ────────────────────────────────────────────────────────────────────────────────────────────────


def _benched(rows: QuerySet[ValidatorOutcome]) -> list[Benched]:
    """The same cases judged again are no further evidence: of each pair one run counts, the newest that was completed."""
    counted = rows.values(
        "run", "run__public_id", "run__status", "checker_name", "judge_name", "kind", "accepted", "winner"
    ).annotate(n=Count("pk"))
    costs = {
        (one["run"], one["checker_name"], one["judge_name"]): (one["cost"], one["n"] == one["priced"])
        for one in rows.values("run", "checker_name", "judge_name").annotate(
            cost=Sum("cost_usd"), n=Count("pk"), priced=Count("cost_usd")
        )
    }
    counts = list(counted.order_by())
    newest: dict[tuple[str, str], tuple[bool, int]] = {}
    for one in counts:
        pair = one["checker_name"], one["judge_name"]
        newest[pair] = max(newest.get(pair, (False, 0)), (one["run__status"] == TrialStatus.COMPLETED, one["run"]))
    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in counts:
        pair = one["checker_name"], one["judge_name"]
        if newest[pair][1] == one["run"]:
            cells[pair].append(dict(one))
    return [_benched_one(pair, found, costs[(newest[pair][1], *pair)]) for pair, found in sorted(cells.items())]


def _benched_one(pair: tuple[str, str], cells: Iterable[dict[str, Any]], cost: tuple[Decimal | None, bool]) -> Benched:
    heard: dict[tuple[str, bool], int] = defaultdict(int)
    without = 0
    run_id = uuid.UUID(int=0)
    for cell in cells:
        run_id = cell["run__public_id"]
        final = _final(cell, has_judge=bool(pair[1]))
        if final is None:
            without += cell["n"]
        else:
            heard[cell["kind"], final] += cell["n"]
    kinds = [(kind, Rate(heard[kind, True], heard[kind, True] + heard[kind, False])) for kind in KINDS]
    known = [(kind, rate) for kind, rate in kinds if rate.of]
    return Benched(
        checker=pair[0],
        judge=pair[1],
        run_id=run_id,
        right_refused=Rate(heard["", False], heard["", True] + heard["", False]),
        faults_accepted=Rate(sum(rate.times for _kind, rate in known), sum(rate.of for _kind, rate in known)),
        by_kind=known,
        without_verdict=without,
        cost_usd=cost[0] if cost[1] else None,
    )


def _final(cell: dict[str, Any], *, has_judge: bool) -> bool | None:
    """What came of it: with a judge, a dispute is as the judge ruled; None without a usable verdict or ruling."""
    if cell["accepted"] is not False or not has_judge:
        return cell["accepted"]
    return cell["winner"] == "author" if cell["winner"] else None


# ── real work ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _worked(rows: QuerySet[ValidatorOutcome]) -> list[Worked]:
    pairs: dict[tuple[str, str], Worked] = {}
    counted = rows.values("author_name", "checker_name", "accepted", "is_right", "known_by").annotate(n=Count("pk")).order_by()
    for cell in counted:
        pair = cell["author_name"], cell["checker_name"]
        one = pairs.setdefault(pair, Worked(*pair))
        n = cell["n"]
        one.verdicts += n
        if cell["is_right"] is None or cell["accepted"] is None:
            continue
        one.known_by[cell["known_by"]] = one.known_by.get(cell["known_by"], 0) + n
        if cell["accepted"]:
            one.accepted_known += n
            one.accepted_wrong += n * (not cell["is_right"])
        else:
            one.refused_known += n
            one.refused_right += n * cell["is_right"]
    return sorted(pairs.values(), key=lambda one: (one.checker.casefold(), one.author.casefold()))


def _add(total: Worked, one: Worked) -> None:
    for name in ("verdicts", "accepted_known", "accepted_wrong", "refused_known", "refused_right"):
        setattr(total, name, getattr(total, name) + getattr(one, name))
    for source, n in one.known_by.items():
        total.known_by[source] = total.known_by.get(source, 0) + n


# ── runs, rules, thumbs ───────────────────────────────────────────────────────────────────────────────────────────


def runs_visible(actor: Actor) -> QuerySet[ValidatorRun]:
    return ValidatorRun.objects.filter(team=actor.team).select_related("owner")


def runs_filtered(actor: Actor, *, search: str = "", status: str = "") -> QuerySet[ValidatorRun]:
    """Those of models with the words in their names, in the state."""
    named = runs_visible(actor).annotate(models_named=Cast("models_asked", TextField()))
    rows = with_words(named, search, "models_named")
    return rows.filter(status=status) if status else rows


def access_run(actor: Actor, public_id: uuid.UUID | str) -> ValidatorRun:
    """The run, or NotFound: for another team's as for one that never was."""
    return access_row(runs_visible(actor), public_id, _("There is no such benchmark."))


def run_card(run: ValidatorRun) -> dict[str, Any]:
    """For a row of `runs_visible`: no query."""
    return {
        "id": run.public_id,
        "status": run.status,
        "status_label": str(run.get_status_display()),
        "cases": run.cases,
        "questions": run.questions,
        "models": [one["label"] for one in run.models_asked],
        "done": run.done,
        "total": run.total,
        "current": run.current,
        "calls": run.calls,
        "estimate": None if run.estimate_usd is None else f"{run.estimate_usd:.8f}",
        "cost": None if run.is_partial else f"{run.cost_usd:.8f}",
        "error": run.error,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
    }


def verifying_rules(team_id: int) -> QuerySet[VerifyingRule]:
    """The team's, the one for all others first. One query."""
    return VerifyingRule.objects.filter(team=team_id).order_by("category")


def rules_of_checking(actor: Actor) -> QuerySet[VerifyingRule]:
    return verifying_rules(actor.team.pk)


def access_verifying_rule(actor: Actor, public_id: uuid.UUID | str) -> VerifyingRule:
    return access_row(rules_of_checking(actor), public_id, _("There is no such rule."))


def verifying_policy(team_id: int) -> dict[str, Any]:
    """What a new task's policy takes over from the team: `verify`, `verify_by_category`; {} where it set nothing. One query."""
    found: dict[str, Any] = {}
    for rule in verifying_rules(team_id):
        if rule.category:
            found.setdefault("verify_by_category", {})[rule.category] = verify_json(rule)
        else:
            found["verify"] = verify_json(rule)
    return found


def verify_json(rule: VerifyingRule) -> dict[str, Any]:
    """Only the figure that `when` names."""
    figures = {"from_complexity": float(rule.from_complexity), "sample_percent": float(rule.sample_percent)}
    more: dict[str, Any] = {"from_priority": rule.from_priority, **figures}
    name = {"sample": "sample_percent"}.get(rule.when, rule.when)
    return {"when": rule.when, **({name: more[name]} if name in more else {})}


def checking_settings_of(team_id: int) -> CheckingSettings:
    """The team's; not stored, with everything off, where it has set none. One query."""
    row = CheckingSettings.objects.filter(team=team_id).select_related("vectors_model__provider__key").first()
    return row or CheckingSettings(team_id=team_id)


def own_thumbs(actor: Actor, task_id: int) -> dict[str, int]:
    """What the actor thinks of a task: "" for its result, public ids for its steps. One query."""
    mine = ResultThumb.objects.filter(person=actor.user)
    rows = mine.filter(task=task_id) | mine.filter(subtask__task=task_id)
    return {str(step or ""): thumb for step, thumb in rows.values_list("subtask__public_id", "thumb")}
