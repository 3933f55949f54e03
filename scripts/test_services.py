"""Installs, from the system's packages, the servers and the browser that tests use. Nothing is started by it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from scripts.environment import MYSQL, PRODUCT
from scripts.words import Stop, say, t

PROGRAMS = {  # Debian package → the program that shows it is there
    "mariadb-server": "mariadbd",
    "redis-server": "redis-server",
    "rabbitmq-server": "rabbitmq-server",
    "chromium": "chromium",
    "chromium-driver": "chromedriver",
    "gettext": "msgfmt",
    "default-libmysqlclient-dev": "mariadb_config",
    "pkg-config": "pkg-config",
    "gcc": "gcc",
}
BUILDS_MYSQLCLIENT = ("default-libmysqlclient-dev", "pkg-config", "gcc")
POLICY = Path("/usr/sbin/policy-rc.d")  # Debian asks it before it starts a service that was just installed
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def install() -> dict[str, str]:
    """Installs what is missing where it may. Gives what stays missing: {package: why}."""
    missing = missing_packages()
    if missing and _may_install():
        _apt_install(missing)
        missing = missing_packages()
    why = t("not installed, and only root can install it: sudo apt-get install {package}")
    left_out = {package: why.format(package=package) for package in missing}
    if not any(package in left_out for package in BUILDS_MYSQLCLIENT):
        _install_mysqlclient(left_out)
    return left_out


def missing_packages() -> list[str]:
    return [package for package, program in PROGRAMS.items() if find_program(program) is None]


def find_program(name: str) -> str | None:
    return shutil.which(name, path=SEARCHED)


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(packages: list[str]) -> None:
    say("Installing {packages} …", packages=", ".join(packages))
    with _no_service_starts():
        for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(
                ["apt-get", "-o", "Acquire::Retries=3", *command],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.returncode and command[0] == "install":
                raise Stop(t("apt-get could not install {packages}:\n{output}", packages=packages, output=done.stdout[-2000:]))


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    if POLICY.exists():  # somebody's own policy stays
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _install_mysqlclient(left_out: dict[str, str]) -> None:
    try:
        PRODUCT.ensure(MYSQL)
    except Stop as stop:
        left_out["mysqlclient"] = str(stop)
