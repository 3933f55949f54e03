"""How often the validator is right: faults of known kinds are planted in right answers, and the checking stage judges them.

Without --model the three practice models judge questions of the kind they know, on a data folder of its own. With --model (twice
or more: each pair of different families is a checker and a judge) the models of your installation judge the general cases; that
costs what the calls cost. A line of JSON for each pair, then the table. False accept: a fault that got through; false reject: a
right answer that was refused. With a judge: where checker and answer are further apart than the threshold, the third decides.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from scripts.bench._planted import KINDS, Case, general_cases, practice_cases
from scripts.bench._rates import Rate


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one case. `accepted` None: no usable verdict came. `settled` None: the judge was not asked, or gave none."""

    case: Case
    accepted: bool | None
    settled: bool | None = None
    wants_judge: bool = False

    def final(self, *, with_judge: bool) -> bool | None:
        if not with_judge or not self.wants_judge:
            return self.accepted
        return self.settled


@dataclass
class Bill:
    calls: int = 0
    cost_usd: Decimal = Decimal(0)
    is_partial: bool = False


def main() -> int:
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = os.environ.get("DJANGO_SETTINGS_MODULE") or "orquestrador.settings"
    with tempfile.TemporaryDirectory(prefix="orq-bench-") as home:
        if not options.model:
            os.environ["ORQ_HOME"] = home
        import django

        django.setup()
        rows = _chosen_rows(options.model) if options.model else _practice_rows()
        cases = practice_cases(options.questions) if not options.model or options.practice else []
        cases += general_cases() if options.model or options.general else []
        records = asyncio.run(_measure(rows, cases))
    for record in records:
        print(json.dumps(record))
    print(_table(records))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./orq bench validator", description=__doc__)
    parser.add_argument("--model", action="append", default=[], help="PROVIDER/KEY of a model in use; more than one for pairs")
    parser.add_argument("--questions", type=int, default=30, help="how many practice questions")
    parser.add_argument("--practice", action="store_true", help="with --model: the practice questions too")
    parser.add_argument("--general", action="store_true", help="without --model: the general cases too")
    return parser.parse_args()


# ── the models ────────────────────────────────────────────────────────────────────────────────────────────────────


def _practice_rows() -> list[Any]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from apps.accounts import services as accounts
    from apps.providers.models import AIModel
    from apps.providers.services import builtin_ensure

    actor = accounts.actor_for(accounts.user_create(email="bench@example.org", password="only-for-this-bench"))
    provider = builtin_ensure(actor.team.pk)
    return list(AIModel.objects.filter(provider=provider).with_breakers().order_by("key"))


def _chosen_rows(names: Sequence[str]) -> list[Any]:
    from apps.providers.models import AIModel

    found = []
    for name in names:
        provider, _slash, key = name.partition("/")
        row = AIModel.objects.in_use().filter(provider__name=provider, key=key).with_breakers().first()
        if row is None:
            sys.exit(f"There is no model in use called {name!r}.")
        found.append(row)
    return found


def asker(calls: Any, rows: dict[str, Any], bill: Bill) -> Any:
    """How the stages ask a model, over one connection to all of them; what it costs goes on the bill."""
    from apps.providers.contract import Completion
    from apps.providers.services import cost_of
    from apps.tasks.engine.context import request_of
    from apps.tasks.engine.types import Answer

    async def ask(model: Any, prompt: Any) -> Any:
        row = rows[model.id]
        async for item in calls.stream(row, request_of(model, prompt)):
            if isinstance(item, Completion):
                cost = cost_of(row, item.usage)
                bill.calls += 1
                bill.cost_usd += cost or Decimal(0)
                bill.is_partial |= cost is None
                return Answer(model, item)
        raise RuntimeError("a stream ended without a completion")

    return ask


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _measure(rows: Sequence[Any], cases: Sequence[Case]) -> list[dict[str, Any]]:
    from apps.providers.calls import Calls
    from apps.tasks.runner.ais import ref_of

    refs = [ref_of(row) for row in rows]
    known = {ref.id: row for ref, row in zip(refs, rows, strict=True)}
    calls = Calls()
    try:
        records = []
        for checker in refs:
            began, bill = time.monotonic(), Bill()
            checked = [await _checked(calls, known, checker, case, bill) for case in cases]
            records.append(_record(checker, None, [judged for judged, _check in checked], bill, time.monotonic() - began))
            for judge in (ref for ref in refs if ref.family != checker.family):
                began, more = time.monotonic(), Bill(bill.calls, bill.cost_usd, bill.is_partial)
                settled = [await _settled(calls, known, judge, *item, more) for item in checked]
                records.append(_record(checker, judge, settled, more, time.monotonic() - began))
        return records
    finally:
        await calls.aclose()


async def _checked(calls: Any, rows: dict[str, Any], checker: Any, case: Case, bill: Bill) -> tuple[Judged, Any]:
    from apps.tasks.engine.judging import Bench, judge_answer

    bench = Bench(case.key, case.question, asker(calls, rows, bill))
    found = await judge_answer(checker, case.answer, bench, criteria=case.criteria)
    return Judged(case, found.accepted, wants_judge=found.wants_judge), found


async def _settled(calls: Any, rows: dict[str, Any], judge: Any, judged: Judged, found: Any, bill: Bill) -> Judged:
    """A dispute is settled as in a task: the answer stands when the judge is for its author."""
    from apps.tasks.engine.judging import Bench, settle_dispute

    if not judged.wants_judge:
        return judged
    case = judged.case
    bench = Bench(case.key, case.question, asker(calls, rows, bill))
    winner = await settle_dispute(judge, case.answer, found, bench, criteria=case.criteria)
    return Judged(case, judged.accepted, winner == "author" if winner else None, wants_judge=True)


# ── telling ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Tally:
    """Errors of one pair."""

    rejects: Rate
    accepts: dict[str, Rate] = field(default_factory=dict)
    all_accepts: Rate = field(default_factory=lambda: Rate(0, 0))
    without_verdict: int = 0


def tally(judged: Sequence[Judged], *, with_judge: bool) -> Tally:
    """Cases without a usable verdict are counted by themselves: they are neither accepted nor refused."""
    finals = [(item.case, item.final(with_judge=with_judge)) for item in judged]
    heard = [(case, accepted) for case, accepted in finals if accepted is not None]
    right = [accepted for case, accepted in heard if case.is_right]
    by_kind = {kind: [accepted for case, accepted in heard if case.kind == kind] for kind in KINDS}
    faulty = [accepted for answers in by_kind.values() for accepted in answers]
    return Tally(
        rejects=Rate(right.count(False), len(right)),
        accepts={kind: Rate(answers.count(True), len(answers)) for kind, answers in by_kind.items() if answers},
        all_accepts=Rate(faulty.count(True), len(faulty)),
        without_verdict=len(finals) - len(heard),
    )


def _record(checker: Any, judge: Any | None, judged: Sequence[Judged], bill: Bill, took_s: float) -> dict[str, Any]:
    found = tally(judged, with_judge=judge is not None)
    return {
        "checker": checker.label,
        "judge": judge.label if judge else None,
        "false_rejects": _plain(found.rejects),
        "false_accepts": _plain(found.all_accepts),
        "false_accepts_by_kind": {kind: _plain(rate) for kind, rate in found.accepts.items()},
        "without_verdict": found.without_verdict,
        "calls": bill.calls,
        "cost_usd": str(bill.cost_usd),
        "cost_is_partial": bill.is_partial,
        "seconds": round(took_s, 1),
    }


def _plain(rate: Rate) -> dict[str, Any]:
    return {"times": rate.times, "of": rate.trials, "interval_95": rate.interval}


def _table(records: Sequence[dict[str, Any]]) -> str:
    kinds = [kind for kind in KINDS if any(kind in record["false_accepts_by_kind"] for record in records)]
    head = ["checker", "with judge", "right refused", "faults let through", *(kind.replace("_", " ") for kind in kinds)]
    lines = [head, ["---"] * (len(head) + 2)]
    head += ["no verdict", "cost, US$"]
    for record in records:
        cost = f"{Decimal(record['cost_usd']):.4f}{' + ?' if record['cost_is_partial'] else ''}"
        rates = [record["false_rejects"], record["false_accepts"], *(record["false_accepts_by_kind"].get(kind) for kind in kinds)]
        told = [Rate(rate["times"], rate["of"]).words if rate else "–" for rate in rates]
        lines.append([record["checker"], record["judge"] or "–", *told, str(record["without_verdict"]), cost])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
