"""The OpenAPI schema: complete, without warnings, and the same as its saved copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

SAVED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.yaml"
HOW = "Look at the difference; if it is meant: ./orq manage spectacular --file docs/reference/openapi.yaml"


@pytest.fixture(scope="module")
def generated():
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return schema, {**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache}


def test_the_schema_is_generated_without_warnings(generated):
    _schema, said = generated
    assert not said, "\n".join(said)


def test_the_schema_is_valid_openapi_3_1(generated):
    schema, _said = generated
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_the_schema_equals_its_saved_copy(generated):
    schema, _said = generated
    assert SAVED.is_file(), HOW
    assert OpenApiYamlRenderer().render(schema).decode() == SAVED.read_text(encoding="utf-8"), HOW


def test_every_operation_says_how_to_sign_in(generated):
    schema, _said = generated
    without = {
        path
        for path, operations in schema["paths"].items()
        for name, operation in operations.items()
        if name != "parameters" and (not operation.get("security") or {} in operation["security"])
    }
    assert without == {"/api/auth/sign-out/", "/api/auth/token/", "/api/auth/token/refresh/", "/api/health/"}


def test_no_key_can_be_read(generated):
    schema, _said = generated
    for name, component in schema["components"]["schemas"].items():
        for field, about in component.get("properties", {}).items():
            if field in ("api_key", "password"):
                assert about.get("writeOnly") or name.startswith("Token"), f"{name}.{field}"
