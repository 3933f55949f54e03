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

__all__ = [
    "access_download",
    "access_model",
    "access_provider",
    "downloads_visible",
    "has_real_model",
    "model_state",
    "model_stats",
    "models_visible",
    "provider_state",
    "providers_visible",
    "routable_models",
    "state_label",
]
