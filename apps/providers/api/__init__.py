"""REST: providers, their models, and what belongs to them. One module a story."""

from apps.providers.api.accounts import AccountsViewSet
from apps.providers.api.budgets import BudgetsViewSet
from apps.providers.api.discoveries import DiscoveriesViewSet
from apps.providers.api.downloads import DownloadsViewSet
from apps.providers.api.keys import KeysViewSet
from apps.providers.api.models import ModelsViewSet
from apps.providers.api.providers import ProvidersViewSet
from apps.providers.api.specialized import RatingsViewSet, SpecializedAIsViewSet
from apps.providers.api.trials import BenchmarksViewSet, ComparisonsViewSet

router_entries = [
    ("api-keys", KeysViewSet),
    ("external-api-accounts", AccountsViewSet),
    ("budgets", BudgetsViewSet),
    ("providers", ProvidersViewSet),
    ("models/discovered", DiscoveriesViewSet),
    ("models/downloads", DownloadsViewSet),
    ("models/benchmarks", BenchmarksViewSet),
    ("models/compare", ComparisonsViewSet),
    ("model-ratings", RatingsViewSet),
    ("specialized-ais", SpecializedAIsViewSet),
    ("models", ModelsViewSet),
]
