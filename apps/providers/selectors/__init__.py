"""Everything that reads providers and models, for pages, the API and routing. One module a story."""

from apps.providers.selectors.lookups import (
    access_download,
    access_model,
    access_provider,
    downloads_visible,
    models_visible,
    providers_visible,
)
from apps.providers.selectors.routing import has_real_model, routable_models
from apps.providers.selectors.screens import model_state, model_stats, provider_state, state_label
from apps.providers.selectors.specialized import (
    access_deleted_specialized_ai,
    access_rating,
    access_specialized_ai,
    model_ratings_summary,
    ratings_visible,
    specialized_ais_in_use,
    specialized_ais_visible,
)

__all__ = [
    "access_deleted_specialized_ai",
    "access_download",
    "access_model",
    "access_provider",
    "access_rating",
    "access_specialized_ai",
    "downloads_visible",
    "has_real_model",
    "model_ratings_summary",
    "model_state",
    "model_stats",
    "models_visible",
    "provider_state",
    "providers_visible",
    "ratings_visible",
    "routable_models",
    "specialized_ais_in_use",
    "specialized_ais_visible",
    "state_label",
]
