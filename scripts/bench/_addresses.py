"""Every named page of the product that answers to GET, with real rows in the places of its ids. Needs Django set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import SlugConverter, UUIDConverter

LEFT_OUT = ("api", "admin", "export", "sign-out", "invitations", "welcome", "schema")
SEARCHES = (
    ("tasks:logs", "?level=error"),
    ("tasks:logs", "?level=error,warning&period=week"),
    ("tasks:logs", "?event=author_failed&model=Openai+mini"),
    ("tasks:logs", "?provider=seeded-mistral&level=warning"),
    ("tasks:logs", "?person={person}&event=started"),
    ("tasks:logs", "?words=gateway"),
    ("tasks:logs", "?words=nowhere+to+be+found"),
    ("tasks:logs", "?task={task}"),
    ("tasks:logs", "{deep}"),
    ("tasks:list", "?status=failed"),
    ("tasks:list", "?status=completed&mine=1"),
    ("tasks:list", "?priority=urgent&order=priority"),
    ("tasks:list", "?search=warehouse"),
    ("tasks:list", "?search=nowhere+to+be+found"),
    ("tasks:steps", "?kind=disputed"),
    ("tasks:steps", "?kind=failed"),
    ("tasks:steps", "?search=warehouse"),
    ("tasks:steps", "?search=nowhere+to+be+found"),
    ("tasks:prompts", "?state=escalated"),
    ("tasks:prompts", "?state=failed"),
    ("tasks:prompts", "?state=cached"),
    ("tasks:prompts", "?search=warehouse"),
    ("tasks:prompts", "?search=nowhere+to+be+found"),
    ("tasks:audit", "?category=error"),
    *(("chat:list", f"?q={words}") for words in ("warehouse", "nowhere+to+be+found", "e", "%25", "%F0%9F%98%80", "x" * 300)),
    ("providers:spend", "?period=month"),
    ("providers:spend", "?model=openai-mini&period=year"),
    ("providers:spend", "?purpose=execute"),
)
PALETTE = ("", "d", "warehouse", "nowhere like it")


def pages(team: Any) -> Iterator[tuple[str, str]]:
    """(name, address) of each page; one whose row is missing is left out."""
    chosen = _rows(team)
    names = set()
    for name, pattern, prefix in _walk(get_resolver(), "", ""):
        if prefix.split("/")[0] in LEFT_OUT or any(part in LEFT_OUT for part in prefix.split("/")):
            continue
        kwargs = _values(name, pattern, chosen)
        if kwargs is not None:
            names.add(name)
            yield name, reverse(name, kwargs=kwargs)
    for name, query in SEARCHES:
        if name in names:
            filled = query.format(person=chosen["person"], task=chosen["task"], deep=chosen["deep"])
            yield f"{name}{query}", reverse(name) + filled
    for words in PALETTE:
        yield f"palette?q={words}", f"{reverse('api:palette')}?{urlencode({'q': words})}"


def _walk(resolver: URLResolver, prefix: str, namespace: str) -> Iterator[tuple[str, URLPattern, str]]:
    for one in resolver.url_patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            space = f"{namespace}{one.namespace}:" if one.namespace else namespace
            yield from _walk(one, path, space)
        elif one.name:
            yield namespace + one.name, one, path


def _values(name: str, pattern: URLPattern, chosen: dict[str, Any]) -> dict[str, Any] | None:
    """What fills its places; None where there is no such row."""
    values: dict[str, Any] = {}
    for place, converter in pattern.pattern.converters.items():
        if isinstance(converter, UUIDConverter):
            value = chosen["rows"].get(name, lambda: None)()
        elif isinstance(converter, SlugConverter):
            value = chosen["slugs"].get(name)
        else:
            value = None
        if value is None:
            return None
        values[place] = value
    return values


def _rows(team: Any) -> dict[str, Any]:
    from apps.chat.models import Conversation
    from apps.common.paging import cursor_behind
    from apps.gateway.models import VirtualKey
    from apps.providers import models as providers
    from apps.tasks import models as tasks

    def of(model: Any, **where: Any) -> Callable[[], Any]:
        return lambda: model.objects.filter(**where).order_by("-pk").values_list("public_id", flat=True).first()

    longest = Conversation.objects.filter(team=team).order_by("-pk")  # the seed makes the longest thread last
    log = tasks.ExecutionLog.objects.filter(team=team)
    deep = log.order_by("created_at", "pk")[1_000:1_001].first()
    of_team = {"team": team}
    model = of(providers.AIModel, provider__team=team)
    task = of(tasks.Task, **of_team, calls__isnull=False)
    makers = {
        "providers": {
            **dict.fromkeys(("detail", "edit"), of(providers.Provider, **of_team)),
            **dict.fromkeys(("model", "model_load", "model_unload", "model_suggest", "benchmarks"), model),
            **dict.fromkeys(("specialized", "specialized_edit"), of(providers.SpecializedAI, **of_team)),
            "key": of(providers.ProviderKey, **of_team),
            "account": of(providers.ExternalAccount, **of_team),
            "budget_edit": of(providers.Budget, **of_team),
            "comparison": of(providers.Comparison, **of_team),
            "benchmark": of(providers.Benchmark, **of_team),
            "spend_call": of(providers.CreditUsage, **of_team),
        },
        "tasks": {
            **dict.fromkeys(("detail", "parts", "trace"), task),
            "retry": of(tasks.Subtask, task__team=team, status="completed"),
            "log": of(tasks.ExecutionLog, **of_team),
            "rule": of(tasks.EscalationRule, **of_team),
            "execution": of(tasks.TaskExecution, **of_team, source="api"),
            "ab_test": of(tasks.ABTest, **of_team),
        },
        "gateway": {"key": of(VirtualKey, **of_team)},
        "chat": dict.fromkeys(("thread", "head", "turns"), lambda: longest.values_list("public_id", flat=True).first()),
    }
    return {
        "rows": {f"{space}:{name}": maker for space, names in makers.items() for name, maker in names.items()},
        "slugs": {"providers:new": "lmstudio", "providers:key_new": "openai", "providers:account_new": "deepseek"},
        "person": team.members.order_by("pk").values_list("public_id", flat=True).first(),
        "task": task(),
        "deep": f"?cursor={cursor_behind(deep, ordering=('-created_at',))}" if deep else "",
    }
