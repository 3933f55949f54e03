"""The same code on what a larger installation has: MariaDB, Redis, RabbitMQ; and on nothing at all, with messages lost."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
import pytest

from tests.servers import services
from tests.tasks.orchestra import IS_CHECK, IS_PLAN, IS_SETTLE, IS_WORK, line, plan, playing, ruling, verdict
from tests.tasks.outside import Product

SCRIPT = (
    line(IS_SETTLE, ruling("A")),
    line(IS_CHECK, verdict(10, "42")),
    line(IS_WORK, "41"),
    line(IS_PLAN, plan(("Left", ()), ("Right", ()), ("Both", (1, 2)))),
)
CALLS_OF_A_TASK = 1 + 3 * 3


def finish(product: Product, tasks: int, *, before_start=lambda: None) -> None:
    with playing(*SCRIPT) as orchestra:
        product.do("make", url=orchestra.url, descriptions=[f"Task {n}" for n in range(tasks)])
        before_start()
        product.start_worker()
        try:
            product.wait_for("completed", timeout_s=90)
        finally:
            product.stop_worker()
        asked = orchestra.journal()
    assert len([entry for entry in asked if entry.get("body")]) == tasks * CALLS_OF_A_TASK
    assert "Traceback" not in product.log.read_text()


def make_database(url: str) -> None:
    parts = urlsplit(url)
    connection = pymysql.connect(host=parts.hostname, port=parts.port, user=parts.username, password=parts.password or "")
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{parts.path[1:]}` CHARACTER SET utf8mb4")


@pytest.mark.slow_start
@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_tasks_run_on_mariadb_with_a_real_broker(tmp_path: Path, broker: str, redis_url: str, rabbitmq_url: str) -> None:
    with services.mariadb() as database:
        make_database(database.url)
        brokers = {"redis": redis_url, "rabbitmq": rabbitmq_url}
        product = Product(tmp_path / "home", DATABASE_URL=database.url, REDIS_URL=redis_url, CELERY_BROKER_URL=brokers[broker])
        finish(product, 3)


@pytest.mark.slow_start
def test_twenty_tasks_at_once_on_sqlite_meet_no_lock_error(tmp_path: Path) -> None:
    product = Product(tmp_path / "home", ORQ_TASKS_AT_ONCE="20")
    finish(product, 20)
    assert "locked" not in product.log.read_text()


@pytest.mark.slow_start
def test_tasks_run_although_every_message_was_lost(tmp_path: Path) -> None:
    home = tmp_path / "home"
    product = Product(home)

    def lose_messages() -> None:
        shutil.rmtree(home / "run" / "broker")

    finish(product, 2, before_start=lose_messages)
