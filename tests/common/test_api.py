"""What all REST views share: problem details, paging, idempotency."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, connection
from django.db.models import ProtectedError
from django.http import Http404
from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.test import APIClient
from rest_framework.views import APIView

from apps.accounts.models import IdempotentRequest, Notification
from apps.accounts.selectors import access_notification, access_team, notifications_visible
from apps.common.api import PublicIdField, PublicSerializer, TeamViewSet
from apps.common.errors import BadInput, NotAllowed
from apps.common.idempotency import GIVEN_UP, KEPT, idempotent, idempotent_within
from tests.factories import make_actor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.common.test_api")]
WORK: list = []  # what the view below did, or what it should do


class Inner(serializers.Serializer):
    count = serializers.IntegerField(min_value=1)


class Order(serializers.Serializer):
    name = serializers.CharField()
    parts = Inner(many=True, required=False)
    team = PublicIdField(access=access_team, required=False)


class RaisingView(APIView):
    error: list = []

    def get(self, request):
        raise self.error[0]

    def post(self, request):
        order = Order(data=request.data, context={"request": request})
        order.is_valid(raise_exception=True)
        return Response({"team": order.validated_data["team"].name})


class WorkView(APIView):
    @idempotent
    def post(self, request):
        for one in list(WORK):
            if callable(one):
                WORK.remove(one)
                one()
        WORK.append(request.data)
        return Response({"number": len(WORK), "id": uuid.uuid4(), "at": timezone.now()}, status=201)


class LongWorkView(APIView):
    @idempotent_within(timedelta(minutes=30))
    def post(self, request):
        return Response({})


class NoteSerializer(PublicSerializer):
    class Meta:
        model = Notification
        fields = ("id", "title", "read_at")


class NotesViewSet(TeamViewSet):
    visible = staticmethod(notifications_visible)
    access = staticmethod(access_notification)
    queryset = Notification.objects.all()
    serializer_class = NoteSerializer
    ordering_fields = ("title", "read_at", "created_at")
    search_fields = ("title",)


router = DefaultRouter()
router.register("notes", NotesViewSet)
urlpatterns = [
    path("api/raise/", RaisingView.as_view()),
    path("api/do/", WorkView.as_view()),
    path("api/do-long/", LongWorkView.as_view()),
    path("api/", include(router.urls)),
]
handler404 = "apps.common.problems.page_not_found"


@pytest.fixture
def client(actor):
    WORK.clear()
    client = APIClient()
    client.force_login(actor.user)
    return client


# ── Problem details ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadInput("No.", field="name"), 400, "bad_input"),
        (NotAllowed(), 403, "not_allowed"),
        (Http404(), 404, "not_found"),
        (IntegrityError("UNIQUE"), 409, "conflict"),
        (OperationalError(1213, "Deadlock found"), 503, "busy"),
        (OperationalError("database is locked"), 503, "busy"),
        (OperationalError(2006, "Server has gone away"), 500, "unexpected"),
        (ProtectedError("used", set()), 409, "conflict"),
        (Group.DoesNotExist(), 400, "bad_input"),
        (ValidationError({"name": "No."}), 400, "bad_input"),
        (Throttled(wait=7), 429, "throttled"),
        (RuntimeError("secret inside"), 500, "unexpected"),
    ],
)
def test_every_error_is_a_problem(client, error, status, code, caplog):
    RaisingView.error[:] = [error]
    answer = client.get("/api/raise/")
    problem = answer.json()
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id", "errors"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:orquestrador:problem:{code}"
    assert problem["request_id"] == answer["X-Request-Id"]
    assert problem["detail"]
    assert "secret inside" not in answer.content.decode()


def test_an_unexpected_error_is_logged_whole_under_the_id_that_is_told(client, caplog):
    RaisingView.error[:] = [RuntimeError("secret inside")]
    answer = client.get("/api/raise/", headers={"X-Request-Id": "request-0001"})
    assert "request-0001" in answer.json()["detail"]
    assert "secret inside" in caplog.text


def test_a_wait_is_told_in_retry_after(client):
    RaisingView.error[:] = [Throttled(wait=7)]
    assert client.get("/api/raise/")["Retry-After"] == "7"


def test_bad_fields_are_named_with_their_path(client):
    answer = client.post("/api/raise/", {"parts": [{"count": 1}, {"count": 0}]})
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == {
        ("name", "required"),
        ("parts.1.count", "min_value"),
    }


def test_input_that_is_no_object_is_bad_input_and_no_crash(client):
    answer = client.post("/api/raise/", [1, 2])
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == ""


def test_broken_json_is_a_problem(client):
    answer = client.post("/api/raise/", "{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize("team", ["4b5b1b5e-0000-4000-8000-000000000000", "not an id", 7, None, {}])
def test_a_reference_to_nothing_is_a_field_error(client, team):
    answer = client.post("/api/raise/", {"name": "x", "team": team})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["team"]


def test_a_reference_to_another_teams_thing_is_one_to_nothing(client, actor):
    stranger = make_actor()
    answer = client.post("/api/raise/", {"name": "x", "team": str(stranger.team.public_id)})
    assert answer.json()["errors"][0]["code"] == "does_not_exist"
    assert client.post("/api/raise/", {"name": "x", "team": str(actor.team.public_id)}).json() == {"team": actor.team.name}


def test_an_unknown_address_under_api_is_a_problem(client):
    answer = client.get("/api/nothing/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


# ── Paging ────────────────────────────────────────────────────────────────────────────────────────────────────────
def notes(actor, count):
    made = timezone.now()
    rows = Notification.objects.bulk_create(
        [
            Notification(user=actor.user, kind="k", title=f"{number % 3}", read_at=made if number % 2 else None)
            for number in range(count)
        ]
    )
    return [str(row.public_id) for row in rows]


def walk(client, url, link="next"):
    """All ids, page by page, and the size of each page."""
    ids, sizes = [], []
    while url:
        page = client.get(url).json()
        ids += [row["id"] for row in page["results"]]
        sizes.append(len(page["results"]))
        assert len(sizes) < 20, "the pages go round in a circle"
        url = page[link]
    return ids, sizes


def test_pages_are_fifty_rows_unless_asked_otherwise(client, actor):
    notes(actor, 51)
    page = client.get("/api/notes/").json()
    assert set(page) == {"next", "previous", "results"}
    assert len(page["results"]) == 50
    assert page["previous"] is None
    assert len(client.get("/api/notes/?limit=200").json()["results"]) == 51


ORDERINGS = ["", "title", "-title", "read_at", "-read_at", "created_at", "-created_at", "read_at,-title"]


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_walking_the_pages_meets_every_row_once_in_order(client, actor, ordering):
    everything = notes(actor, 23)
    whole = [row["id"] for row in client.get(f"/api/notes/?limit=200&ordering={ordering}").json()["results"]]
    ids, sizes = walk(client, f"/api/notes/?limit=5&ordering={ordering}")
    assert sizes == [5, 5, 5, 5, 3]
    assert ids == whole
    assert sorted(ids) == sorted(everything)


@pytest.mark.parametrize("ordering", ["title", "-read_at"])
def test_the_way_back_shows_the_same_pages(client, actor, ordering):
    notes(actor, 12)
    pages, url = [], f"/api/notes/?limit=5&ordering={ordering}"
    while url:
        pages.append(client.get(url).json())
        url = pages[-1]["next"]
    back = client.get(pages[2]["previous"]).json()
    assert back["results"] == pages[1]["results"]
    first = client.get(back["previous"]).json()
    assert first["results"] == pages[0]["results"]
    assert first["previous"] is None
    assert client.get(first["next"]).json()["results"] == pages[1]["results"]


def test_a_row_that_comes_in_between_shifts_nothing(client, actor):
    notes(actor, 10)
    first = client.get("/api/notes/?limit=5").json()
    notes(actor, 3)
    second = client.get(first["next"]).json()
    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}
    assert len(second["results"]) == 5


def test_filters_and_search_stay_in_the_links(client, actor):
    notes(actor, 9)
    page = client.get("/api/notes/?limit=2&search=1").json()
    assert "search=1" in page["next"]
    assert {row["title"] for row in page["results"] + client.get(page["next"]).json()["results"]} == {"1"}


BAD_LIMITS = ["limit=0", "limit=-1", "limit=201", "limit=x", "limit=1e2"]
BAD_CURSORS = ["cursor=x", "cursor=WzFd", "cursor=%00", "cursor=bnVsbA"]


@pytest.mark.parametrize("query", [*BAD_LIMITS, *BAD_CURSORS, "ordering=user__password"])
def test_a_bad_query_is_a_400_problem_that_names_the_field(client, query):
    answer = client.get(f"/api/notes/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "values",
    [
        ["f", "x", 1],
        ["f", None, 10**30],
        ["f", [], {}],
        ["f", "2026-01-01T00:00:00Z", "one"],
        ["f", True, "1.5"],
        ["x", None, 1],
        {},
    ],
)
def test_a_forged_cursor_breaks_nothing(client, actor, values):
    notes(actor, 3)
    cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    assert client.get(f"/api/notes/?ordering=read_at&cursor={cursor}").status_code in (200, 400)


def test_a_cursor_of_another_order_is_refused(client, actor):
    notes(actor, 9)
    cursor = client.get("/api/notes/?limit=2&ordering=read_at,title").json()["next"].partition("cursor=")[2].partition("&")[0]
    assert client.get(f"/api/notes/?cursor={cursor}&ordering=title").status_code == 400


def test_a_page_costs_two_queries_beyond_signing_in(client, actor, django_assert_max_num_queries):
    notes(actor, 30)
    with django_assert_max_num_queries(4):  # session, person, membership, rows
        client.get("/api/notes/?limit=20")


# ── Idempotency ───────────────────────────────────────────────────────────────────────────────────────────────────
def work(client, body=None, key="key-1"):
    return client.post("/api/do/", body or {"a": 1, "b": 2}, headers={"Idempotency-Key": key})


def test_the_same_request_twice_is_done_once_and_answered_alike(client):
    first, second = work(client), work(client)
    assert len(WORK) == 1
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"


def test_the_order_of_the_fields_makes_no_other_request(client):
    work(client)
    client.post("/api/do/", '{"b": 2,  "a": 1}', content_type="application/json", headers={"Idempotency-Key": "key-1"})
    assert len(WORK) == 1


def test_the_same_key_with_another_body_is_422(client):
    work(client)
    answer = work(client, {"a": 9})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(WORK) == 1


def test_keys_of_different_people_are_different(client):
    work(client)
    other = APIClient()
    other.force_login(make_actor().user)
    assert work(other).json()["number"] == 2


def test_the_same_key_in_another_team_is_another_request(client, actor):
    work(client)
    other = make_actor(user=actor.user)
    there = {"Idempotency-Key": "key-1", "X-Orq-Team": str(other.team.public_id)}
    assert client.post("/api/do/", {"a": 1, "b": 2}, headers=there).status_code == 422


def test_without_a_key_everything_is_done(client):
    client.post("/api/do/", {"a": 1})
    client.post("/api/do/", {"a": 1})
    assert len(WORK) == 2


def test_a_duplicate_while_the_first_is_at_work_is_told_to_wait(client):
    seen = []
    WORK.append(lambda: seen.append(work(client)))
    first = work(client)
    assert first.status_code == 201
    assert (seen[0].status_code, seen[0].json()["code"], seen[0]["Retry-After"]) == (409, "still_at_work", "1")
    assert len(WORK) == 1
    assert work(client).json() == first.json()


def test_what_failed_may_be_sent_again_with_the_same_key(client):
    def fail():
        raise BadInput("No.")

    WORK.append(fail)
    assert work(client).status_code == 400
    assert work(client).status_code == 201


def test_one_whose_worker_died_is_taken_over_after_a_while(client, actor):
    work(client)
    IdempotentRequest.objects.update(status=None, answer="", started_at=timezone.now() - GIVEN_UP - timedelta(seconds=1))
    assert work(client).status_code == 201
    assert len(WORK) == 2


def test_what_may_take_long_is_not_taken_over_before_it_can_have_ended(client):
    def ask():
        return client.post("/api/do-long/", {}, headers={"Idempotency-Key": "key-1"}).status_code

    ask()
    for minutes, status in ((6, 409), (29, 409), (31, 200)):
        IdempotentRequest.objects.update(status=None, answer="", started_at=timezone.now() - timedelta(minutes=minutes))
        assert ask() == status


def test_keys_are_forgotten_after_a_day(client):
    work(client)
    IdempotentRequest.objects.update(started_at=timezone.now() - KEPT - timedelta(seconds=1))
    assert work(client, {"a": 9}).status_code == 201
    assert IdempotentRequest.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 121, "two words"])
def test_a_key_that_is_none_is_bad_input(client, key):
    assert work(client, key=key).status_code == 400
    assert WORK == []


def test_the_kept_answer_is_encrypted(client):
    answer = work(client).json()
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM idempotent_requests")
        [stored] = cursor.fetchone()
    assert answer["id"] not in stored


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_done():
    WORK.clear()
    user, start, answers = make_actor().user, threading.Barrier(8), []

    def send():
        client = APIClient()
        client.force_authenticate(user)
        start.wait()
        answers.append(work(client).status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(WORK) == 1
    assert set(answers) <= {201, 409}
