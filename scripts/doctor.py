"""`./orq doctor`: looks at each thing the product needs and says what to do about what is wrong. It changes no data."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from scripts import home, translations
from scripts.environment import OLDEST_PYTHON, PRODUCT, RUNTIME
from scripts.home import env
from scripts.up import check_port, is_healthy
from scripts.words import Stop, t

FEW_FREE_MB = 1000
LITTLE_MEMORY_MB = 600  # web and worker take about 300 MB


@dataclass(frozen=True)
class Finding:
    """`state` is ok, warn or fail; `advice` is what to do, where there is something to do."""

    name: str
    state: str
    message: str
    advice: str = ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./orq doctor", description=t("Checks the installation."))
    parser.add_argument("--json", action="store_true", help=t("print the findings as JSON"))
    options = parser.parse_args(arguments)
    findings = [attempt(check) for check in CHECKS]
    print(
        json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2) if options.json else table(findings)
    )
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def table(findings: list[Finding]) -> str:
    words = {"ok": t("ok"), "warn": t("look"), "fail": t("WRONG")}
    lines = []
    for finding in findings:
        lines.append(f"{words[finding.state]:7} {finding.name:14} {finding.message}")
        if finding.advice:
            lines.append(f"{'':22} → {finding.advice}")
    return "\n".join(lines)


def attempt(check: Callable[[], Finding]) -> Finding:
    """What a check raises is a finding too."""
    try:
        return check()
    except Exception as error:
        name = check.__name__.removeprefix("check_")
        advice = t(ADVICE[check]) if check in ADVICE else t("Run ./orq up; it installs what is missing.")
        return Finding(name, "fail", f"{type(error).__name__}: {error}", advice)


# ---- the machine ----


def check_python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", "fail", version, t("Install Python 3.11 or later."))
    return Finding("python", "ok", f"{version} ({sys.executable})")


def check_packages() -> Finding:
    if PRODUCT.is_current(RUNTIME):
        return Finding("packages", "ok", t("as pinned in {file}", file=RUNTIME.name))
    return Finding("packages", "fail", t("not those pinned in {file}", file=RUNTIME.name), t("Run ./orq up; it installs them."))


def check_memory() -> Finding:
    import psutil  # not at the top: without the packages the other findings are still wanted

    free_mb = psutil.virtual_memory().available // 2**20
    message = t("{mb} MB available", mb=free_mb)
    if free_mb < LITTLE_MEMORY_MB:
        return Finding("memory", "warn", message, t("End other programs, or add memory; local models need more still."))
    return Finding("memory", "ok", message)


# ---- the data folder ----


def check_home() -> Finding:
    try:
        home.open_home()
    except Stop as stop:
        return Finding("data folder", "fail", str(stop), t("Make it yours with chown, or set ORQ_HOME to another folder."))
    if home.HOME.stat().st_mode & 0o077:
        advice = t("chmod 700 {path}", path=home.HOME)
        return Finding("data folder", "warn", t("other users of this machine can look into {path}", path=home.HOME), advice)
    return Finding("data folder", "ok", str(home.HOME))


def check_disk() -> Finding:
    folder = next(folder for folder in (home.HOME, *home.HOME.parents) if folder.exists())
    free_mb = shutil.disk_usage(folder).free // 2**20
    message = t("{mb} MB free for {path}", mb=free_mb, path=home.HOME)
    if free_mb < home.SMALLEST_FREE_MB:
        return Finding("disk", "fail", message, t("Free some space; the product does not start with so little."))
    if free_mb < FEW_FREE_MB:
        return Finding("disk", "warn", message, t("Free some space before it runs out."))
    return Finding("disk", "ok", message)


def check_secrets() -> Finding:
    files = [home.HOME / ".env", *sorted((home.HOME / "secrets").glob("*"))] if home.HOME.is_dir() else []
    open_to_others = [file for file in files if file.exists() and file.stat().st_mode & 0o077]
    if open_to_others:
        listed = " ".join(str(file) for file in open_to_others)
        return Finding("secrets", "fail", t("other users can read {files}", files=listed), f"chmod 600 {listed}")
    return Finding("secrets", "ok", t("readable by their owner alone"))


# ---- what it talks to ----


def check_instance() -> Finding:
    """The running product, or whether its port is free for it."""
    running = home.running_instance()
    host, port = env.text("ORQ_HOST", "127.0.0.1"), env.integer("ORQ_PORT", 8000)
    if running is not None:
        where = str(running["url"]).rstrip("/").rpartition(":")
        if where[2].isdigit() and is_healthy(where[0].removeprefix("http://").strip("[]"), int(where[2])):
            return Finding("product", "ok", t("runs at {url} (process {pid})", **running))
        text = t("process {pid} runs but {url} does not say that it is healthy", **running)
        return Finding("product", "fail", text, t("Look at {log}.", log=home.LOGS / "web.log"))
    try:
        check_port(host, port)
    except Stop as stop:
        return Finding("port", "fail", str(stop), t("Set ORQ_PORT, or end the other program."))
    return Finding("port", "ok", t("not running; {host}:{port} is free", host=host, port=port))


def check_database() -> Finding:
    set_up_django()
    from django.conf import settings
    from django.db import connection

    where = settings.DATABASES["default"]
    kind = str(where["ENGINE"]).rpartition(".")[2]
    if kind == "sqlite3" and not os.path.exists(where["NAME"]):
        return Finding("database", "warn", t("there is none yet"), t("Run ./orq up; it makes it."))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    from scripts.migrating import pending_migrations

    pending = pending_migrations()
    if pending:
        message = t("{count} changes are not applied, the first is {name}", count=len(pending), name=pending[0])
        return Finding("database", "fail", message, t("Run ./orq up; it applies them."))
    return Finding("database", "ok", t("{kind}, reachable and up to date", kind=kind))


def check_broker() -> Finding:
    set_up_django()
    from django.conf import settings

    from orquestrador.celery import app

    if settings.CELERY_BROKER_IS_EMBEDDED:
        return Finding("broker", "ok", t("none needed: messages go through the data folder"))
    url = app.connection_for_write().as_uri()
    with app.connection_for_write(connect_timeout=3, transport_options={"max_retries": 1}) as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
    return Finding("broker", "ok", t("{url}, reachable", url=url))


def check_translations() -> Finding:
    stale = translations.stale()
    if stale:
        names = ", ".join(str(file.relative_to(home.ROOT)) for file in stale)
        return Finding("translations", "warn", t("not compiled: {files}", files=names), t("Run ./orq up; it compiles them."))
    return Finding("translations", "ok", t("compiled"))


def set_up_django() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orquestrador.settings")
    django.setup()


CHECKS = [
    check_python,
    check_packages,
    check_memory,
    check_home,
    check_disk,
    check_secrets,
    check_instance,
    check_database,
    check_broker,
    check_translations,
]
ADVICE = {
    check_database: "Check DATABASE_URL and that the database runs.",
    check_broker: "Check CELERY_BROKER_URL or REDIS_URL and that the broker runs.",
}
