"""The command palette: pages and actions of the product, and what the apps have registered, for one person.

A page is listed where its place in the navigation or its view would let this person in; what a role may not do is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.actor import Actor
from apps.common import palette
from apps.common.api import ActorMixin
from apps.common.palette import Found, matches

LONGEST_QUERY = 100
KINDS = ("page", "action", "conversation", "task", "template", "model", "provider", "search")  # as they are listed


@dataclass(frozen=True, slots=True)
class Page:
    """`for_whom`: everybody, or those who can `work`, `manage` the team, or are `staff`. `also`: other words for it."""

    title: str | Promise
    route: str
    for_whom: str = ""
    also: str | Promise = ""
    first: bool = False  # shown before anything is typed


PAGES = (
    Page(lazy("Chat"), "chat:list", first=True),
    Page(lazy("Dashboard"), "home", also=lazy("start home"), first=True),
    Page(lazy("Tasks"), "tasks:list", first=True),
    Page(lazy("Steps"), "tasks:steps", also=lazy("subtasks evidence disputed")),
    Page(lazy("Orchestrator"), "tasks:orchestrator", also=lazy("routing"), first=True),
    Page(lazy("Prompts"), "tasks:prompts", also=lazy("executions history")),
    Page(lazy("Rules"), "tasks:rules", also=lazy("escalation")),
    Page(lazy("Cache"), "tasks:cache"),
    Page(lazy("A/B tests"), "tasks:ab_tests"),
    Page(lazy("Audit"), "tasks:audit", "manage", also=lazy("log history")),
    Page(lazy("Settings of routing"), "tasks:routing_settings"),
    Page(lazy("How good the checking is"), "tasks:checking", also=lazy("validator quality")),
    Page(lazy("Execution log"), "tasks:logs", also=lazy("logs")),
    Page(lazy("Spend"), "tasks:spend", also=lazy("cost money calls")),
    Page(lazy("Providers"), "providers:list", first=True),
    Page(lazy("Models"), "providers:models", also="AI"),
    Page(lazy("Found models"), "providers:found", also=lazy("discovery")),
    Page(lazy("Downloads"), "providers:downloads"),
    Page(lazy("Which model?"), "providers:recommend", also=lazy("recommend")),
    Page(lazy("Settings of models"), "providers:model_settings"),
    Page(lazy("Specialized AIs"), "providers:specialized_list", also=lazy("personas")),
    Page(lazy("Compare models"), "providers:compare"),
    Page(lazy("Benchmarks"), "providers:benchmark_list", also=lazy("speed measure")),
    Page(lazy("Templates"), "knowledge:templates", also=lazy("prompts")),
    Page(lazy("API keys"), "providers:keys", also=lazy("settings secrets")),
    Page(lazy("Accounts"), "providers:accounts", also=lazy("settings balance")),
    Page(lazy("Budgets"), "providers:budgets", also=lazy("settings cost limit")),
    Page(lazy("Gateway"), "gateway:keys", also=lazy("settings virtual keys")),
    Page(lazy("Profile"), "accounts:profile", also=lazy("settings password language"), first=True),
    Page(lazy("Team"), "accounts:team", also=lazy("settings people members invite")),
    Page(lazy("System"), "settings_system", "manage", also=lazy("settings environment")),
    Page(lazy("Notifications"), "accounts:notifications"),
    Page(lazy("Administration"), "admin:index", "staff", also="admin"),
    Page(lazy("API documentation"), "api:docs", also="REST OpenAPI"),
)
ACTIONS = (
    Page(lazy("New chat"), "chat:list", "work", also=lazy("conversation ask"), first=True),
    Page(lazy("New task"), "tasks:new", "work", also=lazy("start"), first=True),
    Page(lazy("Try a prompt"), "tasks:try_it", "work"),
    Page(lazy("Add a provider"), "providers:choose", "work", also=lazy("connect")),
    Page(lazy("Add an API key"), "providers:key_choose", "work"),
    Page(lazy("New budget"), "providers:budget_new", "manage"),
    Page(lazy("Invite somebody"), "accounts:team", "manage", also=lazy("people member")),
)
SEARCHES = (  # where the lists look through everything
    (lazy("Search all tasks for “%s”"), "tasks:list", "search"),
    (lazy("Search all conversations for “%s”"), "chat:list", "q"),
)


def actions_found(actor: Actor, words: Sequence[str]) -> list[Found]:
    """New things, then what changes how the pages look, then the way out."""
    made = [_found(page, "action") for page in ACTIONS if _is_for(page, actor) and _fits(page, words)]
    return [one for one in made if one] + [one for one in _changes(actor) if words and matches(words, f"{one.title} {one.hint}")]


def pages_found(actor: Actor, words: Sequence[str]) -> list[Found]:
    fitting = [page for page in PAGES if _is_for(page, actor) and _fits(page, words)]
    by_title = sorted(fitting, key=lambda page: not matches(words, str(page.title)))
    return [one for one in (_found(page, "page") for page in by_title) if one]


def searches_for(query: str) -> list[Found]:
    pairs = ((str(text) % query, _address(route), name) for text, route, name in SEARCHES)
    return [Found(title, f"{url}?{_query(name, query)}", "search") for title, url, name in pairs if url]


def _changes(actor: Actor) -> list[Found]:
    """Theme, language and sign-out: forms that the page sends."""
    look, theme = reverse("accounts:appearance"), _("Theme")
    themes = (("system", _("Theme: as the system")), ("light", _("Theme: light")), ("dark", _("Theme: dark")))
    found = [Found(title, look, "action", theme, {"theme": name}) for name, title in themes if actor.user.theme != name]
    languages = (("en", "English"), ("pt-br", "Português"))
    here = translation.get_language()
    found += [Found(name, look, "action", _("Language"), {"language": code}) for code, name in languages if code != here]
    found.append(Found(_("Sign out"), reverse("accounts:sign_out"), "action", "", {"sign_out": "1"}))
    return found


def _fits(page: Page, words: Sequence[str]) -> bool:
    return matches(words, f"{page.title} {page.also}") if words else page.first


def _is_for(page: Page, actor: Actor) -> bool:
    allowed = {"": True, "work": actor.can_work, "manage": actor.can_manage, "staff": actor.user.is_staff}
    return allowed[page.for_whom]


def _found(page: Page, kind: str) -> Found | None:
    url = _address(page.route)
    return Found(str(page.title), url, kind) if url else None


def _address(route: str) -> str:
    try:
        return reverse(route)
    except NoReverseMatch:  # an app that is not part of this installation
        return ""


def _query(name: str, value: str) -> str:
    return urlencode({name: value})


class PaletteEntrySerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=KINDS)
    title = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    url = serializers.CharField()
    post = serializers.DictField(child=serializers.CharField(), help_text="Where not empty: a form to be sent to `url`.")


class PaletteSerializer(serializers.Serializer):
    query = serializers.CharField(allow_blank=True)
    results = PaletteEntrySerializer(many=True)


class PaletteView(ActorMixin, APIView):
    """What the palette lists for `q`: pages and actions that I may open, my conversations, the tasks and models of my team."""

    @extend_schema(parameters=[OpenApiParameter("q", str)], responses=PaletteSerializer)
    def get(self, request: Request) -> Response:
        query = request.query_params.get("q", "").strip()[:LONGEST_QUERY]
        found = sorted(palette.find(self.actor, query), key=lambda one: KINDS.index(one.kind))
        found += searches_for(query) if query else []
        return Response(PaletteSerializer({"query": query, "results": found}).data, headers={"Cache-Control": "no-store"})
