"""What a model is called at the gateway, and which model that is.

`provider/key` is the name, with the provider's short name; a key alone will do where it is the team's only one of that name, or
where all that have it are servers of one group. Read once in two seconds for each team and process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.gateway.admission import Admitted
from apps.gateway.errors import UnknownModel
from apps.gateway.kept import Kept
from apps.providers.models import AIModel

FRESH_S = 2.0
ROUTED = ("orq/auto", "orq/cheapest", "orq/fastest", "orq/best", "orq/verified")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A team's models by every name that leads to them. `names` has each once, by the name it is listed under."""

    by_name: dict[str, AIModel]
    names: dict[str, AIModel]
    ambiguous: frozenset[str]


def name_of(model: AIModel) -> str:
    """`openai/gpt-5.6`."""
    return f"{model.provider.name}/{model.key}"


async def catalogue_of(team_id: int) -> Catalogue:
    return await _known.get(team_id)


async def find(who: Admitted, name: str, *, param: str = "model") -> AIModel:
    """The model of this name, if the key is for it. Raises UnknownModel and ModelNotAllowed."""
    catalogue = await catalogue_of(who.team_pk)
    model = catalogue.by_name.get(name)
    if model is None:
        if name in catalogue.ambiguous:
            message = _("Several providers have a model %s. Put the provider's name before it, as in the list of models.")
        else:
            message = _("There is no model %s here. GET /v1/models lists those that there are.")
        raise UnknownModel(message % name[:200], param=param)
    who.must_allow(name, name_of(model), model.key)
    return model


async def find_all(who: Admitted, names: Sequence[str], *, param: str) -> list[AIModel]:
    return [await find(who, name, param=param) for name in names]


def listed(catalogue: Catalogue, who: Admitted) -> list[tuple[str, AIModel | None]]:
    """The names that this key may use, the routed ones first."""
    real = [(name, model) for name, model in catalogue.names.items() if _is_allowed(who, name, model.key)]
    routed = [(name, None) for name in ROUTED if _is_allowed(who, name)] if catalogue.names else []
    return [*routed, *real]


def forget() -> None:
    _known.forget()


def _is_allowed(who: Admitted, *names: str) -> bool:
    return not who.allowed or bool(who.allowed.intersection(names))


def _read(team_id: int) -> Catalogue:
    rows = (
        AIModel.objects.in_use()
        .filter(provider__team=team_id)
        .exclude(state=AIModel.State.INACTIVE)
        .with_breakers()
        .order_by("provider__priority", "provider__name", "key")
    )
    names = {name_of(model): model for model in rows}
    by_key: dict[str, list[AIModel]] = {}
    for model in names.values():
        by_key.setdefault(model.key, []).append(model)
    short = {key: models[0] for key, models in by_key.items() if len({model.serves for model in models}) == 1}
    return Catalogue({**short, **names}, names, frozenset(by_key.keys() - short.keys()))


_known: Kept[int, Catalogue] = Kept(_read, fresh_s=FRESH_S)
