"""Log lines: which request or task each belongs to."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from rest_framework.test import APIClient

from apps.common.logs import LineFormatter, correlation_id, current_id
from apps.common.middleware import RequestIdMiddleware

LINE = LineFormatter()


def line_of(**about: object) -> str:
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, "Bad Request: %s", ("/x/",), None)
    record.__dict__.update(about)
    return LINE.format(record)


def test_a_line_names_the_request_or_task_at_work():
    token = correlation_id.set("task-0001")
    try:
        assert "[task-0001] Bad Request: /x/" in line_of() and current_id() == "task-0001"
    finally:
        correlation_id.reset(token)
    assert "[-] Bad Request" in line_of() and current_id() == ""


def test_what_is_told_after_a_request_still_names_it():
    assert "[request-0001] Bad Request" in line_of(request=SimpleNamespace(request_id="request-0001"))
    assert "[-] Bad Request" in line_of(request="a connection that never became a request")


@pytest.mark.django_db
def test_the_id_of_a_bad_request_is_in_its_line_and_in_the_answer(caplog):
    with caplog.at_level(logging.WARNING, "django.request"):
        answer = APIClient().get("/api/nowhere/", headers={"X-Request-Id": "request-0001"})
    assert answer["X-Request-Id"] == answer.json()["request_id"] == "request-0001"
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert "[request-0001] Not Found: /api/nowhere/" in LINE.format(record)


@pytest.mark.parametrize("given", ["short", "with spaces in it", "x" * 65, "line\nbreak-here"])
def test_an_id_that_is_none_is_replaced(rf, given):
    from django.http import HttpResponse

    request = rf.get("/", headers={"X-Request-Id": given})
    answer = RequestIdMiddleware(lambda request: HttpResponse())(request)
    assert answer["X-Request-Id"] == request.request_id != given and len(request.request_id) == 32
