"""Where each setting comes from: the environment, `.env` in ORQ_HOME, a kept file, or the default."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orquestrador import env


@dataclass(frozen=True, slots=True)
class Setting:
    """`read` names the Django setting that holds its value; "" for a secret, whose value is never shown."""

    name: str
    text: str | Promise
    read: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as the page shows it. `source`: environment, file, dotenv, kept or default."""

    name: str
    text: str | Promise
    value: str
    source: str
    is_secret: bool


GROUPS: tuple[tuple[str | Promise, tuple[Setting, ...]], ...] = (
    (
        _("This installation"),
        (
            Setting("ORQ_HOME", _("Folder of all data"), "ORQ_HOME"),
            Setting("ORQ_HOST", _("Address it listens on"), "ORQ_HOST"),
            Setting("ORQ_PORT", _("Port"), "ORQ_PORT"),
            Setting("ORQ_ALLOWED_HOSTS", _("Names it answers to"), "ALLOWED_HOSTS"),
            Setting("ORQ_HTTPS", _("Behind HTTPS"), "ORQ_HTTPS"),
            Setting("ORQ_LANGUAGE", _("Language before a person chooses"), "LANGUAGE_CODE"),
            Setting("ORQ_LOG_LEVEL", _("How much the log says"), "ORQ_LOG_LEVEL"),
            Setting("ORQ_DEBUG", _("Debugging"), "DEBUG"),
        ),
    ),
    (
        _("Data and work"),
        (
            Setting("DATABASE_URL", _("Database"), "DATABASE_URL"),
            Setting("REDIS_URL", _("Redis, for live messages between machines"), "REDIS_URL"),
            Setting("CELERY_BROKER_URL", _("Broker of background work"), "CELERY_BROKER_URL"),
            Setting("ORQ_TASKS_AT_ONCE", _("Tasks at once on a worker"), "ORQ_TASKS_AT_ONCE"),
            Setting("ORQ_TASK_TIME_LIMIT_S", _("Longest time of a task, seconds"), "ORQ_TASK_TIME_LIMIT_S"),
        ),
    ),
    (
        _("Network"),
        (Setting("ORQ_PRIVATE_HOSTS", _("Private addresses that outgoing calls may reach"), "ORQ_PRIVATE_HOSTS"),),
    ),
    (
        _("Mail"),
        (
            Setting("ORQ_SMTP_HOST", _("Mail server"), "EMAIL_HOST"),
            Setting("ORQ_SMTP_PORT", _("Its port"), "EMAIL_PORT"),
            Setting("ORQ_SMTP_USER", _("Its user"), "EMAIL_HOST_USER"),
            Setting("ORQ_SMTP_PASSWORD", _("Its password")),
            Setting("ORQ_MAIL_FROM", _("Sender"), "DEFAULT_FROM_EMAIL"),
        ),
    ),
    (
        _("Secrets"),
        (
            Setting("ORQ_SECRET_KEY", _("Signs sessions and tokens")),
            Setting("ORQ_ENCRYPTION_KEYS", _("Encrypt the keys of providers")),
        ),
    ),
)
_KEPT = ("ORQ_SECRET_KEY", "ORQ_ENCRYPTION_KEYS")  # made once and kept in ORQ_HOME where nobody gave them


def settings_shown() -> list[tuple[str | Promise, list[Shown]]]:
    return [(title, [_shown(setting) for setting in group]) for title, group in GROUPS]


def _shown(setting: Setting) -> Shown:
    value = _in_words(getattr(settings, setting.read)) if setting.read else ""
    return Shown(setting.name, setting.text, value, source_of(setting.name), is_secret=not setting.read)


def source_of(name: str) -> str:
    """Which of the places that `env.text` reads has the setting."""
    if os.environ.get(f"{name}_FILE") or env.dotenv_value(f"{name}_FILE"):
        return "file"
    if os.environ.get(name):
        return "environment"
    if env.dotenv_value(name):
        return "dotenv"
    return "kept" if name in _KEPT else "default"


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return _without_password(str(value))


def _without_password(text: str) -> str:
    """A URL with its password replaced by dots."""
    if "://" not in text:
        return text
    parts = urlsplit(text)
    if not parts.password:
        return text
    user_and_host = f"{parts.username or ''}:•••@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=user_and_host))
