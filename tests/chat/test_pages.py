"""Pages of chats: what is on them, for whom, and with how few queries."""

from __future__ import annotations

import re
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.chat import services
from apps.chat.models import AnswerThumb, Conversation, Message
from apps.providers.models import AIModel
from apps.tasks.models import TaskExecution
from tests.factories import make_actor, model_of, signed_in, specialized_ai_of

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12
ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)//<script>alert(1)</script>",
)


@pytest.fixture
def client(actor) -> Client:
    return signed_in(actor)


def said(actor, conversation, content="What is 2 + 2?", answer="It is **4**.", **facts):
    """A question and its answer in the conversation."""
    conversation.refresh_from_db()
    question, row = services.message_send(actor, conversation, content=content)
    Message.objects.filter(pk=row.pk).update(**{"status": "complete", "content": answer, "model_name": "brook", **facts})
    conversation.refresh_from_db()
    return question, Message.objects.select_related("conversation", "parent").get(pk=row.pk)


@pytest.fixture
def conversation(actor) -> Conversation:
    row = services.conversation_create(actor)
    said(actor, row)
    row.refresh_from_db()
    return row


def html(client, url, status=200) -> str:
    response = client.get(url)
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


def page_of(conversation, more="") -> str:
    return f"/chat/{conversation.public_id}/{more}"


# ── Lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_first_entry_of_the_rail_is_chat_and_an_empty_list_says_what_to_do(client):
    page = html(client, "/chat/")
    assert re.search(r'class="rail-link" href="([^"]+)"', page)[1] == "/chat/"
    assert "What you ask is kept here." in page and 'href="/chat/new/"' in page and "data-composer" in page


def test_the_other_address_leads_to_the_chat(client):
    assert client.get("/orchestrator/chat/").headers["Location"] == "/chat/"
    assert client.get("/orchestrator/chat").headers["Location"] == "/orchestrator/chat/"


def test_pinned_ones_come_first_and_those_without_a_word_are_not_listed(client, actor):
    for title in ("Old", "Newer", "Newest"):
        said(actor, services.conversation_create(actor, title=title))
    services.conversation_create(actor, title="Empty")
    Conversation.objects.filter(title="Old").update(is_pinned=True)
    titles = re.findall(r'<span class="clip">([^<]+)</span>', html(client, "/chat/rows/"))
    assert titles == ["Old", "Newest", "Newer"]


def test_search_finds_titles_and_what_was_said_and_shows_where(client, actor, conversation):
    said(actor, conversation, answer="Take the Umbrella with you")
    other = services.conversation_create(actor, title="Umbrellas of 1964")
    said(actor, other)
    page = html(client, "/chat/rows/?q=umbrella")
    assert "Take the Umbrella with you" in page and "Umbrellas of 1964" in page
    assert "No title and no message" in html(client, "/chat/rows/?q=tomato")


def test_the_archive_and_what_others_share_have_lists_of_their_own(client, actor, conversation):
    services.conversation_update(actor, conversation, is_archived=True)
    other = make_actor(Role.MEMBER, team=actor.team)
    shared = services.conversation_create(other, title="Shared plan", is_shared=True)
    said(other, shared)
    private = services.conversation_create(other, title="Private plan")
    said(other, private)
    assert "What is 2" not in html(client, "/chat/rows/") and "What is 2" in html(client, "/chat/rows/?view=archived")
    page = html(client, "/chat/rows/?view=shared")
    assert "Shared plan" in page and other.user.short_name in page and "Private plan" not in page
    assert client.get("/chat/rows/?view=nothing").status_code == 400


def test_the_list_goes_on_by_the_place_of_its_last_row(client, actor, monkeypatch):
    monkeypatch.setattr("apps.chat.screens.LIST_LIMIT", 2)
    for number in range(5):
        said(actor, services.conversation_create(actor, title=f"Number {number}"))
    seen, url = [], "/chat/rows/"
    while url:
        page = html(client, url)
        seen += re.findall(r"Number (\d)</span>", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = following and f"/chat/rows/?{urlsplit(following[1].replace('&amp;', '&')).query}"
    assert seen == ["4", "3", "2", "1", "0"]


def test_several_are_put_away_at_once_and_brought_back(client, actor, conversation):
    other = services.conversation_create(actor)
    ids = [str(conversation.public_id), str(other.public_id)]
    stranger = services.conversation_create(make_actor())
    answer = client.post("/chat/many/", {"do": "delete", "conversation": [*ids, str(stranger.public_id)]}).json()
    assert answer["done"] == ids and answer["refused"]
    assert client.get(page_of(conversation)).status_code == 404
    assert client.post("/chat/many/", {"do": "restore", "conversation": ids}).json()["done"] == ids
    assert client.post("/chat/many/", {"do": "archive", "conversation": ids}).json()["done"] == ids
    assert Conversation.objects.filter(is_archived=True).count() == 2
    assert client.post("/chat/many/", {"do": "explode", "conversation": ids}).status_code == 400


def test_of_more_than_can_be_done_at_once_nothing_is_done_and_the_most_is_said(client, actor, conversation):
    ids = [str(conversation.public_id), *(str(uuid.uuid4()) for _ in range(10_000))]
    for answer in (
        client.post("/chat/many/", {"do": "delete", "conversation": ids}, headers={"accept": "application/json"}),
        client.get("/chat/export/", {"conversation": ids[:201]}, headers={"accept": "application/json"}),
    ):
        assert answer.status_code == 400 and "200 are the most at once" in answer.content.decode()
    assert Conversation.objects.filter(pk=conversation.pk).exists()


def test_they_are_taken_away_as_files(client, conversation):
    response = client.get(page_of(conversation, "export/?as=md"))
    assert response.headers["Content-Disposition"] == 'attachment; filename="what-is-2-2.md"'
    assert "It is **4**." in response.content.decode()
    assert client.get(page_of(conversation, "export/")).json()["messages"][1]["content"] == "It is **4**."
    many = client.get("/chat/export/", {"conversation": [str(conversation.public_id)]})
    assert many.json()["conversations"][0]["id"] == str(conversation.public_id)


# ── One thread ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_thread_shows_the_words_as_html_and_what_is_known_of_the_answer(client, actor, conversation):
    said(actor, conversation, confidence=91, escalations=2, cost_usd="0.0132", latency_ms=3200)
    page = html(client, page_of(conversation))
    assert "<p>It is <strong>4</strong>.</p>" in page and "not cross-checked" in page
    for part in ("brook", "91 %", "US$ 0.0132", "3.2 s"):
        assert part in page.replace("\u00a0", " ")


def test_each_message_says_when(client, actor, conversation):
    body = client.get(f"/chat/{conversation.public_id}/").content.decode()
    assert body.count('class="turn-when"><time datetime=') == 2


def test_fifty_messages_come_at_first_and_older_ones_by_their_place(client, actor):
    conversation = services.conversation_create(actor)
    for number in range(40):
        said(actor, conversation, content=f"Question {number}.", answer=f"Answer {number}.")
    page = html(client, page_of(conversation))
    assert page.count("<article") == 51  # with the one that is drawn for messages on their way
    before = parse_qs(urlsplit(re.search(r'data-older href="([^"]+)"', page)[1]).query)["before"][0]
    older = html(client, page_of(conversation, f"turns/?before={before}"))
    assert older.count("<article") == 30 and "Question 0." in older and "data-older" not in older


def test_what_the_page_has_already_is_not_sent_again(client, actor, conversation):
    page = html(client, page_of(conversation, "turns/"))
    have = [f"{key}:{version}" for key, version in re.findall(r'data-key="(\w+)" data-version="(\w+)"', page)]
    again = html(client, page_of(conversation, f"turns/?have={','.join(have)}"))
    assert again.count("data-same") == 2 and "<article" not in again
    said(actor, conversation)
    after = html(client, page_of(conversation, f"turns/?have={','.join(have)}"))
    assert after.count("data-same") == 2 and after.count("<article") == 2


def test_a_page_needs_few_queries_however_long_the_thread(client, actor, django_assert_max_num_queries):
    conversation = services.conversation_create(actor)
    for _ in range(20):
        said(actor, conversation)
    html(client, page_of(conversation))
    for url in ("/chat/", "/chat/new/", page_of(conversation), page_of(conversation, "turns/"), "/chat/?q=what", "/chat/models/"):
        with django_assert_max_num_queries(MOST_QUERIES):
            html(client, url)


def test_siblings_are_links_that_show_the_other_branch(client, actor, conversation):
    _question, answer = said(actor, conversation, content="Name a river", answer="The Nile")
    again = services.message_regenerate(actor, answer)
    Message.objects.filter(pk=again.pk).update(status="complete", content="The Amazon")
    page = html(client, page_of(conversation))
    assert "The Amazon" in page and "The Nile" not in page and "2 / 2" in page
    other = html(client, page_of(conversation, f"?at={answer.public_id}"))
    assert "The Nile" in other and "The Amazon" not in other
    conversation.refresh_from_db()
    assert conversation.current_id == again.pk  # looking changes nothing
    assert client.post(page_of(conversation, "branch/"), {"message": str(answer.public_id)}).status_code == 204
    assert "The Nile" in html(client, page_of(conversation))


def test_a_branch_of_another_conversation_is_not_there(client, actor, conversation):
    _question, elsewhere = said(actor, services.conversation_create(actor))
    assert client.post(page_of(conversation, "branch/"), {"message": str(elsewhere.public_id)}).status_code == 404
    assert client.get(page_of(conversation, f"?at={elsewhere.public_id}")).status_code == 404


def test_a_failed_answer_says_why_and_offers_another_try(client, actor, conversation):
    said(actor, conversation, status="failed", answer="", error_code="no_model", error="No model can be asked.")
    page = html(client, page_of(conversation))
    assert "There is no answer" in page and "No model can be asked." in page and "data-again" in page and "/providers/" in page


def test_a_stopped_answer_says_what_was_paid(client, actor, conversation):
    said(actor, conversation, status="stopped", answer="Half an", cost_usd="0.002")
    page = html(client, page_of(conversation))
    assert "Half an" in page and "paid: US$ 0.0020" in page


def test_what_waits_behind_another_answer_says_so(client, actor, conversation):
    said(actor, conversation, status="streaming", answer="At work")
    services.message_send(actor, conversation, content="And then?")
    page = html(client, page_of(conversation))
    assert "queued: it is answered after the one before" in page and 'aria-busy="true"' in page and "Take back" in page


def test_a_model_that_is_loaded_first_shows_how_far_it_is(client, actor, conversation):
    stage = {"name": "loading_model", "model": "qwen3-8b", "percent": 42, "alternative": {"id": "x", "name": "brook"}}
    said(actor, conversation, status="queued", answer="", stage=stage)
    page = html(client, page_of(conversation))
    assert "Loading qwen3-8b into memory" in page and 'value="42"' in page and "Use brook instead" in page


def test_a_checked_answer_shows_the_three_seats(client, actor, conversation):
    defect = {"problem": "No source is named.", "quote": "It is", "severity": "minor"}
    ruling = {"by": "jade", "winner": "author", "reason": "Nearer to the source."}
    parts = [{"name": "settled", "points": 80.0, "detail": "author"}]
    result = {"by": "crow", "divergence": 31, "score": 70, "summary": "Mostly right.", "defects": [defect], "ruling": ruling}
    result |= {"confidence": 80.0, "confidence_parts": parts}
    said(actor, conversation, check_state="done", check_result={**result, "cost": "0.00020000", "reason": ""})
    page = html(client, page_of(conversation)).replace("\u00a0", " ")
    for part in (
        "checked by crow",
        "31 % divergence",
        "jade",
        "The judge decided for the author",
        "A third AI settled the dispute: two voices of three",
        "No source is named.",
        "Mostly",
    ):
        assert part in page
    assert "US$ 0.00020" in page and page.count('"not-checked"') == 1  # the first answer of the thread


@pytest.mark.parametrize("state", ["queued", "running"])
def test_while_an_answer_is_checked_its_checkers_seat_says_so(client, actor, state):
    conversation = services.conversation_create(actor)
    said(actor, conversation, check_state=state)
    page = html(client, page_of(conversation))
    seat = re.search(r'<div class="seat seat-empty" data-role="validator" data-live="true">.*?</div>', page, re.DOTALL)[0]
    assert "being checked…" in seat and "not cross-checked" not in page


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"reason": "too_few_models"}, "there are too few models of different families"),
        ({"reason": "unexpected"}, "Something went wrong in the product itself"),
        ({"reason": "over_budget", "message": "The budget is spent."}, "The budget is spent."),
    ],
)
def test_a_check_that_could_not_be_done_says_why(client, actor, conversation, result, words):
    said(actor, conversation, check_state="could_not", check_result=result)
    page = html(client, page_of(conversation))
    assert "could not be checked" in page and words in page


def test_a_check_of_the_route_itself_is_shown_as_well(client, actor, conversation):
    found = {"checker": {"label": "crow"}, "divergence": 4, "score": 96, "defects": [], "summary": "Right."}
    execution = TaskExecution.objects.create(
        owner=actor.user, team=actor.team, input="x", verified="yes", metadata={"verification": found}
    )
    said(actor, conversation, execution=execution)
    page = html(client, page_of(conversation))
    assert "checked by crow" in page and f"/orchestrator/{execution.public_id}/" in page
    services.conversation_update(actor, conversation, is_shared=True)
    others = html(signed_in(make_actor(Role.MEMBER, team=actor.team)), page_of(conversation))
    assert "checked by crow" in others and "/orchestrator/" + str(execution.public_id) not in others  # it is not theirs to see


def test_my_thumb_is_shown_and_nobody_elses(client, actor, conversation):
    _question, answer = said(actor, conversation)
    AnswerThumb.objects.create(message=answer, person=make_actor(team=actor.team).user, thumb=-1)
    AnswerThumb.objects.create(message=answer, person=actor.user, thumb=1)
    page = html(client, page_of(conversation))
    assert len(re.findall(r'data-thumb="up" aria-pressed="true"', page)) == 1
    assert 'data-thumb="down" aria-pressed="true"' not in page


# ── For whom ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_who_reads_a_shared_one_is_told_whose_it_is_and_cannot_write(actor, conversation):
    other = make_actor(Role.MEMBER, team=actor.team)
    reader = signed_in(other)
    assert reader.get(page_of(conversation)).status_code == 404
    services.conversation_update(actor, conversation, is_shared=True)
    page = html(reader, page_of(conversation))
    assert f"Only {actor.user.short_name} can write here." in page and "data-composer" not in page
    for deed in ("data-edit ", "data-again", "data-verify", "data-delete", "chat-rename"):
        assert deed not in page
    assert reader.post(page_of(conversation, "branch/"), {"message": str(conversation.current.public_id)}).status_code == 403


def test_viewers_read_and_are_told_that_they_cannot_write(actor):
    viewer = make_actor(Role.VIEWER, team=actor.team)
    page = html(signed_in(viewer), "/chat/")
    assert "Viewers of the team can read but not write." in page and "data-composer" not in page and "data-new-chat" not in page


def test_the_picker_has_auto_models_with_their_states_and_specialized_ais(client, actor):
    model, persona = model_of(actor), specialized_ai_of(actor)
    page = html(client, "/chat/models/")
    for part in ('data-pick="auto"', str(model.public_id), str(persona.public_id), 'data-status="unknown"'):
        assert part in page
    assert 'data-pick="auto"' not in html(client, f"/chat/models/?q={model.key}")
    assert re.findall(r'data-strategy="(\w+)"', page) == ["auto", "cheapest", "fastest", "best"]
    assert "The strongest model" in page
    for_one = html(client, "/chat/models/?only=models")
    assert str(persona.public_id) not in for_one and 'data-strategy="best"' not in for_one
    assert "No model has this name." in html(client, "/chat/models/?q=zzzz")


# ── Safe, light, without scripts ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("attack", ATTACKS)
def test_words_and_titles_are_never_markup(client, actor, attack):
    conversation = services.conversation_create(actor, title=attack)
    said(actor, conversation, content=attack, answer=attack)
    page = html(client, page_of(conversation)) + html(client, f"/chat/?q={attack}") + html(client, "/chat/")
    assert not re.search(r"<(img|svg)[^>]*\s(onerror|onload)", page) and "<script>alert" not in page


def test_pages_have_no_inline_scripts_or_styles(client, conversation):
    for url in ("/chat/", page_of(conversation)):
        page = html(client, url)
        assert not re.search(r"\sstyle=|\son\w+=\"|<style", page)
        assert all("src=" in tag or "nonce=" in tag for tag in re.findall(r"<script[^>]*>", page))


def test_without_scripts_it_can_be_read_and_says_what_does_not_work(client, actor):
    conversation = services.conversation_create(actor)
    for number in range(30):
        said(actor, conversation, content=f"Question {number}.")
    page = html(client, page_of(conversation))
    assert page.count("JavaScript is off") == 1 and "<noscript" not in page
    (notice,) = re.findall(r'<div class="no-script".*?</div>', page, re.DOTALL)
    assert "JavaScript is off" in notice and "as=md" in notice
    older = re.search(r'data-older href="([^"]+)"', page)[1]
    assert "Question 0." in html(client, older)


def test_of_practice_models_only_what_they_know_is_proposed(client, actor):
    tiny = model_of(actor)
    AIModel.objects.filter(pk=tiny.pk).update(is_practice=True)
    page = html(client, "/chat/")
    assert "add 6 and 7" in page and "Only the practice models are in use" in page and "Write a function" not in page
    AIModel.objects.filter(pk=tiny.pk).update(is_practice=False)
    page = html(client, "/chat/")
    assert "Write a function" in page and "add 6 and 7" not in page
