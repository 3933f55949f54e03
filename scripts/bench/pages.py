"""Every page with the rows of years: queries, server time, weight.

Fills a database (`./orq manage seed_load`) and walks all named pages as a person who is signed in. A folder of its own on
SQLite by default; with DATABASE_URL the database that it names, which then gets the rows. `--home FOLDER` keeps the folder, so
that a second run measures at once. `--full` takes 100,000 messages, 50,000 tasks and a million lines of the log.
Aims: under 12 queries and 150 ms a page, 100 ms for a chat, 60 ms for what the palette finds while somebody types.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
EMAIL, PASSWORD, TEAM = "bench@example.com", "correct-horse-9", "Load test"
SMALL = {"messages": 10_000, "conversations": 200, "tasks": 5_000, "logs": 100_000}
FULL = {"messages": 100_000, "conversations": 2_000, "tasks": 50_000, "logs": 1_000_000}
MOST_QUERIES, MOST_MS = 12, 150
MOST_MS_OF = {"chat:thread": 100, "palette": 60}  # by how the page's name begins


def prepare(sizes: dict[str, int]) -> None:
    """Tables, styles and scripts, a person, and the rows, as far as they are not there."""
    manage("migrate", "--verbosity", "0")
    manage("collectstatic", "--no-input", "--verbosity", "0")
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orquestrador.settings")
    django.setup()
    from apps.accounts.models import Team, User

    if not User.objects.filter(is_superuser=True).exists():
        User.objects.create_superuser(EMAIL, PASSWORD, name="Bench")
    if not Team.objects.filter(name=TEAM).exists():
        manage("seed_load", "--team", TEAM, *(word for name, size in sizes.items() for word in (f"--{name}", str(size))))


def manage(*arguments: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "manage.py"), *arguments], check=True, stdout=sys.stderr)


class Visitor:
    """A person of the seeded team with a browser."""

    def __init__(self) -> None:
        from django.test import Client

        from apps.accounts.middleware import TEAM_IN_SESSION
        from apps.accounts.models import Team, User

        self.team = Team.objects.get(name=TEAM)
        self.client = Client(SERVER_NAME="localhost", raise_request_exception=False)
        user = User.objects.filter(is_superuser=True).order_by("pk").first()
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        session = self.client.session
        session[TEAM_IN_SESSION] = str(self.team.public_id)
        session.save()

    def measure(self, name: str, address: str, rounds: int) -> dict[str, Any] | None:
        """Its figures; None for what nobody looks at (a redirect, or only for POST, or for programs)."""
        from django.conf import settings
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        from scripts.bench._weight import weight_of

        first = self.client.get(address)
        if first.status_code in (301, 302, 405) or not (_is_page(first) or name.startswith("palette")):
            return None
        self.client.get(address)
        took = [self._took_ms(address) for _round in range(rounds)]
        with CaptureQueriesContext(connection) as captured:
            html = self.client.get(address).content.decode()
        slowest = max((float(query["time"]) for query in captured.captured_queries), default=0.0)
        weight = weight_of(html, Path(settings.STATIC_ROOT), settings.STATIC_URL)
        return {
            "bench": "pages",
            "page": name,
            "status": first.status_code,
            "queries": len(captured),
            "ms": round(statistics.median(wall for wall, _cpu in took), 1),
            "cpu_ms": round(statistics.median(cpu for _wall, cpu in took), 1),
            "slowest_query_ms": round(slowest * 1000, 1),
            "page_kb": weight.page_kb,
            "requests": weight.requests,
            "scripts_kb": weight.scripts_kb,
            "all_kb": weight.all_kb,
            "slow": [query["sql"][:600] for query in captured.captured_queries if float(query["time"]) > 0.03],
        }

    def _took_ms(self, address: str) -> tuple[float, float]:
        """By the clock, and of this process's time at work: on a busy machine the second says what the page costs."""
        began, at_work = time.perf_counter(), time.process_time()
        answer = self.client.get(address)
        _body = b"".join(answer) if answer.streaming else answer.content
        return (time.perf_counter() - began) * 1000, (time.process_time() - at_work) * 1000


def _is_page(answer: Any) -> bool:
    return "text/html" in answer.get("Content-Type", "")


def too_much(row: dict[str, Any]) -> str:
    """Which aim it misses; "" for none."""
    most_ms = next((ms for start, ms in MOST_MS_OF.items() if row["page"].startswith(start)), MOST_MS)
    missed = [
        f"{row['queries']} queries" if row["queries"] >= MOST_QUERIES else "",
        f"{row['ms']} ms" if row["ms"] >= most_ms else "",
        f"status {row['status']}" if row["status"] != 200 else "",
    ]
    return ", ".join(filter(None, missed))


def report(rows: list[dict[str, Any]]) -> None:
    print(f"\n{'page':64}{'queries':>8}{'ms':>8}{'CPU ms':>8}{'page KB':>9}{'requests':>9}{'scripts KB':>11}  missed")
    for row in sorted(rows, key=lambda row: -row["ms"]):
        figures = (
            f"{row['queries']:>8}{row['ms']:>8}{row['cpu_ms']:>8}{row['page_kb']:>9}{row['requests']:>9}{row['scripts_kb']:>11}"
        )
        print(f"{row['page'][:63]:64}{figures}  {too_much(row)}")
    missed = [row for row in rows if too_much(row)]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\n{len(rows)} pages, {len(missed)} of them beyond an aim. Load average of this machine: {load}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="as large as the aims are meant for")
    parser.add_argument("--home", type=Path, help="a folder that is kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="pages whose name matches this regular expression")
    parser.add_argument("--show-slow", action="store_true", help="statements that take longer than 30 ms, in the JSON lines")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ORQ_HOME"] = str((asked.home or Path(folder)).absolute())
        prepare(FULL if asked.full else SMALL)
        from scripts.bench._addresses import pages

        visitor, rows = Visitor(), []
        for name, address in pages(visitor.team):
            if re.search(asked.only, name) and (row := visitor.measure(name, address, asked.rounds)):
                slow = row.pop("slow")
                print(json.dumps({**row, "slow": slow} if asked.show_slow and slow else row), flush=True)
                rows.append(row)
        report(rows)


if __name__ == "__main__":
    main()
