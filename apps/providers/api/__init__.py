"""REST: providers, their models, and what belongs to them. One module a story."""

from apps.providers.api.budgets import BudgetsViewSet
from apps.providers.api.discoveries import DiscoveriesViewSet
from apps.providers.api.downloads import DownloadsViewSet
from apps.providers.api.models import ModelsViewSet
from apps.providers.api.providers import ProvidersViewSet

router_entries = [
    ("budgets", BudgetsViewSet),
    ("providers", ProvidersViewSet),
    ("models/discovered", DiscoveriesViewSet),
    ("models/downloads", DownloadsViewSet),
    ("models", ModelsViewSet),
]
