from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KnowledgeConfig(AppConfig):
    name = "apps.knowledge"
    verbose_name = _("Knowledge")

    def ready(self) -> None:
        from apps.accounts.contract import TeamCreated
        from apps.common import events, palette
        from apps.knowledge.palette import templates_found
        from apps.knowledge.seeds import furnish_team

        events.subscribe(TeamCreated, furnish_team)
        palette.register("template", templates_found)
