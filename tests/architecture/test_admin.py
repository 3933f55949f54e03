"""Django's admin: every table is in it, no secret is on its pages, journals cannot be changed."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from apps.common.admin import BaseAdmin, is_secret
from tests.factories import make_user

TABLES = [table for table in apps.get_models() if table.__module__.startswith("apps.")]


def test_admin_covers_all_tables():
    missing = [table.__name__ for table in TABLES if not admin.site.is_registered(table)]
    assert not missing


def test_every_page_of_the_admin_has_the_one_look():
    ours = [one for table, one in admin.site._registry.items() if table in TABLES]
    assert not [type(one).__name__ for one in ours if not isinstance(one, BaseAdmin)]


@pytest.mark.django_db
@pytest.mark.parametrize("table", list(admin.site._registry), ids=lambda table: table._meta.label)
def test_the_pages_of_a_table_render_without_secrets(table):
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True), backend="django.contrib.auth.backends.ModelBackend")
    base = f"/admin/{table._meta.app_label}/{table._meta.model_name}/"
    assert client.get(base).status_code == 200
    add = client.get(f"{base}add/")
    assert add.status_code in (200, 403)
    if add.status_code == 200:
        on_page = set(add.context["adminform"].form.fields)
        assert not {field.name for field in table._meta.concrete_fields if is_secret(field)} & on_page
