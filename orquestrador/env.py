"""Typed readers for settings: the environment first, then `.env` in ORQ_HOME; a secret also as NAME_FILE."""

from __future__ import annotations

import base64
import importlib.util
import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
ORQ_HOME = Path(os.environ.get("ORQ_HOME") or BASE_DIR / "var").resolve()


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.removeprefix("export ").partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


_FILE = _dotenv(ORQ_HOME / ".env")


def text(name: str, default: str = "") -> str:
    if file := os.environ.get(f"{name}_FILE") or _FILE.get(f"{name}_FILE"):
        return Path(file).read_text(encoding="utf-8").strip()
    return os.environ.get(name) or _FILE.get(name) or default


def dotenv_value(name: str) -> str:
    """What `.env` says of a setting, or ""."""
    return _FILE.get(name, "")


def boolean(name: str, default: bool = False) -> bool:
    value = text(name).lower()
    if value in ("", None):
        return default
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{name} is {value!r}; it takes true or false.")


def integer(name: str, default: int) -> int:
    value = text(name)
    try:
        return int(value) if value else default
    except ValueError as error:
        raise ValueError(f"{name} is {value!r}; it takes a whole number.") from error


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def kept_secret(name: str, filename: str, *, prefix: str = "") -> str:
    """The secret NAME; where nobody gave one, it is made once and kept in ORQ_HOME, readable by its owner alone."""
    if given := text(name):
        return given
    path = ORQ_HOME / "secrets" / filename
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    value = prefix + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    draft = path.with_name(f".{filename}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(value + "\n", encoding="utf-8")
    try:
        os.link(draft, path)  # the first of several starters wins; the others read what it kept
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def mysql_driver() -> None:
    """mysqlclient where it could be built, else PyMySQL in its place: it needs no compiler, and Django knows it by that name."""
    if importlib.util.find_spec("MySQLdb") is None:
        import pymysql

        pymysql.version_info = (2, 2, 7, "final", 0)  # the least that Django wants of mysqlclient
        pymysql.install_as_MySQLdb()
