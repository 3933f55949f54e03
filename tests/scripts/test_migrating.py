"""Migrations that fail cost nothing: the SQLite file is as it was before."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sqlite_only
ROOT = Path(__file__).resolve().parents[2]

FIRST = """
from django.db import migrations, models
class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Thing", [("id", models.AutoField(primary_key=True)), ("name", models.TextField())])]
"""
SECOND = """
from django.db import migrations, models
class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.AddField("thing", "size", models.IntegerField(default=0))]
"""
BROKEN = """
from django.db import migrations
def fail(apps, schema_editor):
    apps.get_model("shop", "Thing").objects.all().delete()
    raise ValueError("a thing has no price")
class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0002_size")]
    operations = [migrations.RunPython(fail)]
"""
RUN = """
import sys, django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["shop"], DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
)
django.setup()
from scripts import home, migrating
from scripts.failures import in_words
home.open_home()
with in_words(home.LOGS / "prepare.log", doing="Preparing"):
    migrating.apply_pending()
"""


class Shop:
    """A small Django project in a folder, with a database that the real code migrates."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.database = folder, folder / "home" / "shop.sqlite3"
        self.migrations = folder / "shop" / "migrations"
        self.migrations.mkdir(parents=True)
        (folder / "shop" / "__init__.py").touch()
        (self.migrations / "__init__.py").touch()

    def add(self, name: str, code: str) -> None:
        (self.migrations / f"{name}.py").write_text(code)

    def migrate(self) -> subprocess.CompletedProcess[str]:
        settings = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        settings |= {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{self.folder}",
            "ORQ_HOME": str(self.folder / "home"),
            "ORQ_LANGUAGE": "en",
        }
        command = [sys.executable, "-c", RUN, str(self.database)]
        return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.database)
        try:
            with connection:
                return connection.execute(sql).fetchall()
        finally:
            connection.close()

    @property
    def copies(self) -> list[Path]:
        return sorted((self.folder / "home" / "backups").glob("*.sqlite3"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.add("0001_initial", FIRST)
    return shop


def test_it_makes_the_database_without_a_copy_of_nothing(shop: Shop) -> None:
    done = shop.migrate()
    assert (done.returncode, done.stderr) == (0, "Preparing the database …\n")
    assert shop.rows("SELECT count(*) FROM shop_thing") == [(0,)]
    assert shop.copies == []


def test_it_does_nothing_and_copies_nothing_when_nothing_is_pending(shop: Shop) -> None:
    shop.migrate()
    done = shop.migrate()
    assert (done.returncode, done.stderr, shop.copies) == (0, "", [])


def test_it_copies_the_database_before_it_changes_it(shop: Shop) -> None:
    shop.migrate()
    shop.rows("INSERT INTO shop_thing (name) VALUES ('kept')")
    shop.add("0002_size", SECOND)
    done = shop.migrate()
    assert (done.returncode, done.stderr) == (0, "Updating the database (1 changes) …\n")
    assert shop.rows("SELECT name, size FROM shop_thing") == [("kept", 0)]
    assert len(shop.copies) == 1


def test_a_migration_that_fails_leaves_the_data_as_it_was(shop: Shop) -> None:
    shop.migrate()
    shop.rows("INSERT INTO shop_thing (name) VALUES ('kept')")
    shop.add("0002_size", SECOND)
    shop.add("0003_broken", BROKEN)
    done = shop.migrate()
    assert done.returncode == 1
    assert "The database change shop.0003_broken failed: a thing has no price. Your data is as it was before" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in (shop.folder / "home" / "logs" / "prepare.log").read_text()
    assert shop.rows("SELECT name FROM shop_thing") == [("kept",)]
    assert shop.rows("SELECT name FROM django_migrations") == [("0001_initial",)]
    assert str(shop.copies[0]) in done.stderr


def test_a_first_migration_that_fails_leaves_no_half_made_database(shop: Shop) -> None:
    shop.add("0002_size", SECOND)
    shop.add("0003_broken", BROKEN)
    done = shop.migrate()
    assert done.returncode == 1
    assert "There was no data yet" in done.stderr
    assert not shop.database.exists()


def test_it_keeps_the_last_three_copies(shop: Shop) -> None:
    shop.migrate()
    for number in range(2, 7):
        shop.add(
            f"000{number}_step",
            SECOND.replace("0001_initial", "0001_initial" if number == 2 else f"000{number - 1}_step").replace(
                '"size"', f'"size{number}"'
            ),
        )
        assert shop.migrate().returncode == 0
    assert len(shop.copies) == 3


def test_it_changes_nothing_when_the_copy_cannot_be_made(shop: Shop) -> None:
    shop.migrate()
    (shop.folder / "home" / "backups").symlink_to("/dev/full")
    shop.add("0002_size", SECOND)
    done = shop.migrate()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert shop.rows("SELECT name FROM django_migrations") == [("0001_initial",)]
