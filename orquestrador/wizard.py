"""The first run: which models to use, a real question to one of them, and a sample task that runs live.

Shown once to each team, to somebody who may manage it; every step can be skipped, and nothing here is needed later.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.accounts.models import Team
from apps.common.db import in_db, release_connections
from apps.common.errors import BadInput, OrquestradorError
from apps.providers import selectors, services
from apps.providers.adapters import make_adapter
from apps.providers.contract import ChatRequest, Completion, Message
from apps.providers.engine.practice import sample as practice_sample
from apps.providers.errors import ProviderError
from apps.providers.forms import ProviderForm
from apps.providers.models import AIModel, CreditUsage
from apps.providers.presets import choice_of, choices
from apps.tasks.models import Task
from apps.tasks.services import task_create

LONGEST_QUESTION = 500
MOST_ANSWER_TOKENS = 300
ROLES = ("planner", "executor", "validator", "tie_breaker")


class BudgetForm(forms.Form):
    budget = forms.DecimalField(
        label=gettext_lazy("Budget of the sample task, US$"),
        required=False,
        min_value=Decimal("0.0001"),
        max_digits=10,
        decimal_places=4,
        help_text=gettext_lazy("The task stops before it would cost more. Every task can have its own."),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said to the test question. `error` "" when it answered."""

    text: str = ""
    error: str = ""
    latency_ms: int = 0
    usage: CreditUsage | None = None


def is_due(actor: Actor) -> bool:
    """Whether to greet this person with the first steps."""
    return actor.can_manage and actor.team.set_up_at is None


def set_up_done(actor: Actor) -> None:
    Team.objects.filter(pk=actor.team.pk, set_up_at=None).update(set_up_at=timezone.now())


# ── Step 1: which models ──────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def models(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    vendors = [choice for choice in choices() if choice.group == "vendor"]
    own = selectors.providers_visible(request.actor).exclude(kind="builtin")
    practice = AIModel.objects.filter(provider__team=request.actor.team, is_practice=True).order_by("-skill", "key")
    return render(request, "orquestrador/wizard_models.html", {"vendors": vendors, "own": own, "practice": practice})


@require_POST
def found(request: Asked) -> HttpResponse:
    """A fragment: the model servers that answer on this machine now."""
    request.actor.must_manage()
    servers = async_to_sync(services.discover)(request.actor)
    return render(request, "orquestrador/_wizard_found.html", {"found": servers})


@sensitive_post_parameters("api_key")
@require_POST
def use(request: Asked) -> HttpResponse:
    """Add what was chosen, fetch its models, and go on to the test."""
    request.actor.must_manage()
    choice = choice_of(request.POST.get("preset", ""))
    if choice is None:
        raise BadInput(_("Choose one of the listed providers."))
    given = request.POST.copy()
    given.setdefault("display_name", choice.name)
    form = ProviderForm(given, choice=choice)
    try:
        if not form.is_valid():
            raise BadInput(" ".join(str(message) for errors in form.errors.values() for message in errors))
        provider = services.provider_create(request.actor, **form.for_service)
        async_to_sync(services.models_sync)(request.actor, provider)
    except OrquestradorError as error:
        messages.error(request, f"{choice.name}: {error.message}")
        return redirect("wizard")
    return redirect(f"{reverse('wizard_test')}?provider={provider.public_id}")


# ── Step 2: one real question ─────────────────────────────────────────────────────────────────────────────────────
@require_GET
def test(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    usable = selectors.routable_models(request.actor.team, include_failed=True)
    if only := request.GET.get("provider"):
        usable = [model for model in usable if str(model.provider.public_id) == only] or usable
    usable.sort(key=lambda model: -(model.skill or 0))  # the ablest practice model first; others keep their order
    chosen = usable[0] if usable else None
    context = {"models": usable, "chosen": chosen, "question": question_for(chosen) if chosen else ""}
    return render(request, "orquestrador/wizard_test.html", context)


@require_POST
def ask(request: Asked) -> HttpResponse:
    """A fragment: what the model answered, how long it took and what it cost."""
    request.actor.must_manage()
    model = selectors.access_model(request.actor, request.POST.get("model", ""))
    question = request.POST.get("question", "").strip()[:LONGEST_QUESTION] or question_for(model)
    answer = async_to_sync(answer_of)(request.actor, model, question)
    return render(request, "orquestrador/_wizard_answer.html", {"answer": answer, "model": model, "question": question})


def question_for(model: AIModel) -> str:
    """One that the model can be expected to answer: practice models know arithmetic alone."""
    return _("what is 7 + 5?") if model.is_practice else _("In one sentence: what does the conductor of an orchestra do?")


async def answer_of(actor: Actor, model: AIModel, question: str) -> Answer:
    """Ask a model once, and keep what it took as any other call. Never raises a ProviderError."""
    asked = [Message("user", question)]
    if model.is_practice:
        asked.insert(0, Message("system", "work"))  # the role under which they were trained to answer
    ask_for = ChatRequest(model.key, tuple(asked), max_output_tokens=MOST_ANSWER_TOKENS)
    await release_connections()
    try:
        async with aclosing(make_adapter(model.provider.connection)) as adapter:
            completion = await adapter.complete(ask_for)
    except ProviderError as error:
        await in_db(_record, actor, model, None, error.code)
        return Answer(error=error.message)
    usage = await in_db(_record, actor, model, completion, "")
    return Answer(completion.text, "", completion.latency_ms, usage)


def _record(actor: Actor, model: AIModel, completion: Completion | None, error_code: str) -> CreditUsage:
    return services.usage_record(
        team_id=actor.team.pk, owner_id=actor.user.pk, model=model, purpose="check", completion=completion, error_code=error_code
    )


# ── Step 3: a sample task ─────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def sample(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    task_text = practice_sample(get_language() or "en").description
    has_real = selectors.has_real_model(request.actor)
    form = BudgetForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        task = sample_start(request.actor, budget=form.cleaned_data["budget"])
        set_up_done(request.actor)
        return redirect("tasks:detail", task.public_id)
    cast = [] if has_real else _cast_of(request.actor)
    context = {"form": form, "description": task_text, "cast": cast, "has_real": has_real}
    return render(request, "orquestrador/wizard_sample.html", context)


def sample_start(actor: Actor, *, budget: Decimal | None = None) -> Task:
    """Start the sample task: by the practice models in their seats, or by whatever is routed where there are real ones."""
    text = practice_sample(get_language() or "en").description
    cast = {} if selectors.has_real_model(actor) else {role: str(model.public_id) for role, model in _cast_of(actor)}
    return task_create(actor, description=text, title=_("Sample task"), budget=budget, models=cast, is_sample=True)


def _cast_of(actor: Actor) -> list[tuple[str, AIModel]]:
    """Which practice model sits in which seat; a seat whose model is missing or off is left to the routing."""
    wanted = practice_sample(get_language() or "en")
    models_by_key = {model.key: model for model in AIModel.objects.in_use().filter(provider__team=actor.team, is_practice=True)}
    return [(role, models_by_key[key]) for role in ROLES if (key := getattr(wanted, role)) in models_by_key]


@require_POST
def skip(request: Asked) -> HttpResponse:
    """Enough of this: go to the start page and do not greet again."""
    request.actor.must_manage()
    set_up_done(request.actor)
    return redirect("home")
