"""Spends from a budget in processes of its own: `python -m tests.providers.spender race|hold JSON`.

It says "ready" when it could begin, begins when it is sent a line, and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
from decimal import Decimal
from typing import Any


def race(team: int, owner: int, model: int, calls: int, amount: str) -> dict[str, Any]:
    """So many calls at once, each in a thread with a connection of its own."""
    outcomes: list[str] = []
    gate = threading.Barrier(calls + 1)

    def call() -> None:
        gate.wait(60)
        outcomes.append(_one_call(team, owner, model, amount))

    threads = [threading.Thread(target=call) for _ in range(calls)]
    for thread in threads:
        thread.start()
    _wait_for_the_word()
    gate.wait(60)
    for thread in threads:
        thread.join(120)
    return {"outcomes": outcomes}


def hold(team: int, owner: int, amount: str, ttl_s: float) -> dict[str, Any]:
    """Set money aside and never settle it: whoever started this kills it."""
    from apps.providers.services import budget_reserve

    _wait_for_the_word()
    given = {"amount_usd": Decimal(amount), "model_name": "m", "purpose": "execute", "ttl_s": ttl_s}
    made = budget_reserve(team_id=team, owner_id=owner, **given)
    print(json.dumps({"reserved": str(made.public_id)}), flush=True)
    _wait_for_the_word()
    return {}


def _one_call(team: int, owner: int, model: int, amount: str) -> str:
    from django.db import connection

    from apps.providers.contract import Completion, Usage
    from apps.providers.errors import OverBudget
    from apps.providers.models import AIModel
    from apps.providers.services import budget_reserve, usage_record

    whose = {"team_id": team, "owner_id": owner, "purpose": "execute"}
    try:
        made = budget_reserve(**whose, amount_usd=Decimal(amount), model_name="m")
        said = Completion("yes", "stop", Usage(int(Decimal(amount) * 1_000_000), 0), "m")
        asked = AIModel.objects.select_related("provider").get(pk=model)
        usage_record(**whose, model=asked, completion=said, reservation=made)
        return "through"
    except OverBudget:
        return "refused"
    except Exception as error:
        return repr(error)
    finally:
        connection.close()


def _wait_for_the_word() -> None:
    print('"ready"', flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps({"race": race, "hold": hold}[sys.argv[1]](**json.loads(sys.argv[2]))), flush=True)
