"""The product's own settings, on a data folder that is thrown away, with nothing taken from the developer's environment.

`DATABASE_URL` is kept: the second run of `./orq test` gives MariaDB by it (Django makes a `test_…` database of its own).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

KEPT = {"ORQ_TEST_HOME", "ORQ_TEST_TOOLS"}


def _throw_away_home() -> Path:
    """One folder for the run, made and removed by the process that starts it; each xdist worker has its own inside."""
    if "ORQ_TEST_HOME" not in os.environ:
        home = tempfile.mkdtemp(prefix="orq-test-")
        os.environ["ORQ_TEST_HOME"] = home
        maker = os.getpid()
        atexit.register(lambda: shutil.rmtree(home, ignore_errors=True) if os.getpid() == maker else None)
    return Path(os.environ["ORQ_TEST_HOME"]) / os.environ.get("PYTEST_XDIST_WORKER", "main")


for name in [name for name in os.environ if name.startswith("ORQ_") and name not in KEPT]:
    del os.environ[name]
for name in ("REDIS_URL", "CELERY_BROKER_URL"):
    os.environ.pop(name, None)
home = _throw_away_home()
home.mkdir(parents=True, exist_ok=True)
os.environ["ORQ_HOME"] = str(home)

from orquestrador.settings import *  # noqa: E402, F403
from orquestrador.settings import DATABASES, DB_IS_SQLITE, STORAGES  # noqa: E402

if DB_IS_SQLITE:  # a file, as in the product: one in memory has locks of its own kind
    DATABASES["default"]["TEST"] = {"NAME": str(home / "test.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # sign-in in tests costs no second
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
