"""REST: providers, their models, and what belongs to them. One module a story."""

from apps.providers.api.downloads import DownloadsViewSet
from apps.providers.api.models import ModelsViewSet
from apps.providers.api.providers import ProvidersViewSet

router_entries = [
    ("providers", ProvidersViewSet),
    ("models/downloads", DownloadsViewSet),
    ("models", ModelsViewSet),
]
