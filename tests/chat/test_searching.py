"""Looking for words in all that was said, so many messages at a time."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client

from apps.chat import searching, services
from apps.chat.models import Message
from tests.chat.test_pages import client, html, said  # noqa: F401 - a fixture among them

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(actor, monkeypatch):
    """Five conversations of two messages, of which only the oldest has the word; four messages are looked through at a time."""
    from apps.chat import services

    monkeypatch.setattr(searching, "MOST_MESSAGES", 4)
    made = [services.conversation_create(actor, title=f"Number {number}") for number in range(5)]
    for number, row in enumerate(made):
        said(actor, row, answer="Take the umbrella" if number == 0 else "No")
    return made


def pages(client: Client, url: str) -> list[str]:  # noqa: F811
    """All pages that follow one another."""
    found: list[str] = []
    while url:
        found.append(html(client, url))
        following = re.search(r'rel="next" href="([^"]+)"', found[-1])
        url = f"/chat/rows/?{urlsplit(following[1].replace('&amp;', '&')).query}" if following else ""
        assert len(found) < 10
    return found


def test_a_page_says_how_far_it_looked_and_what_is_further_back_is_found(client, five):  # noqa: F811
    found = pages(client, "/chat/rows/?q=umbrella")
    assert ["Looked through back to" in page for page in found] == [True, True, False]
    assert [re.findall(r"Number (\d)</span>", page) for page in found] == [[], [], ["0"]]
    assert not any("No title and no message" in page for page in found)


def test_only_the_last_page_says_that_nothing_was_found(client, five):  # noqa: F811
    found = pages(client, "/chat/rows/?q=tomato")
    assert ["No title and no message" in page for page in found] == [False, False, True]


def test_what_was_found_before_is_not_denied_at_the_end(client, five):  # noqa: F811
    found = pages(client, "/chat/rows/?q=Number+4")
    assert "Number 4" in found[0] and "No title" not in found[-1]


def test_the_api_leads_on_from_an_empty_page(client, five):  # noqa: F811
    url, titles, times = "/api/conversations/?search=umbrella", [], 0
    while url:
        answer = client.get(url).json()
        titles += [row["title"] for row in answer["results"]]
        url, times = answer["next"], times + 1
    assert titles == ["Number 0"] and times == 3


def test_one_that_is_longer_than_a_look_is_looked_through_all_the_same(client, actor, monkeypatch):  # noqa: F811
    from apps.chat import services

    monkeypatch.setattr(searching, "MOST_MESSAGES", 1)
    said(actor, services.conversation_create(actor, title="Long"), answer="Take the umbrella")
    assert "Take the umbrella" in pages(client, "/chat/rows/?q=UMBRELLA")[0]


@pytest.mark.parametrize("words", ["umbrella", "e", "%", "_", "\\", "😀", "x" * 300, "tomato"])
def test_any_words_take_few_queries(client, five, django_assert_max_num_queries, words):  # noqa: F811
    client.get("/chat/", {"q": words})
    with django_assert_max_num_queries(12):
        assert client.get("/chat/", {"q": words}).status_code == 200


def test_messages_are_found_by_their_conversation_and_not_by_being_there_still(actor):
    """Nearly all of them are: of 100,000 that took a page three seconds."""
    first = services.conversation_create(actor)
    unfinished = first.messages.filter(status__in=Message.UNFINISHED)
    for found in (first.messages.order_by("pk").values_list("pk"), unfinished):
        assert "chat_standing" in found.explain()
