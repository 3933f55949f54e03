from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProvidersConfig(AppConfig):
    name = "apps.providers"
    verbose_name = _("Providers and models")

    def ready(self) -> None:
        from apps.accounts.contract import TeamCreated
        from apps.common import events, palette
        from apps.common.hub import read_on
        from apps.providers import consumers
        from apps.providers.palette import models_found, providers_found
        from apps.providers.services.practice import welcome_team
        from apps.providers.services.specialized import furnish_team
        from apps.providers.services.states import HINT_TYPE
        from apps.providers.trials import consumers as trials

        events.subscribe(TeamCreated, welcome_team)
        events.subscribe(TeamCreated, furnish_team)
        read_on(HINT_TYPE, consumers.read_models)
        read_on("compare:changed", trials.read_comparison)
        read_on("benchmark:changed", trials.read_benchmark)
        palette.register("model", models_found)
        palette.register("provider", providers_found)
