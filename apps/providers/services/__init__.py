"""Everything that changes providers, their models, and what is known of their use and quality."""

from apps.providers.services.downloads import download_start, downloads_refresh
from apps.providers.services.models import (
    model_create,
    model_delete,
    model_failed,
    model_load,
    model_recovered,
    model_unload,
    model_update,
    model_wait,
)
from apps.providers.services.practice import builtin_ensure, builtin_ensure_for_all, practice_switch
from apps.providers.services.providers import (
    connection_try,
    discover,
    provider_check,
    provider_create,
    provider_delete,
    provider_toggle,
    provider_update,
)
from apps.providers.services.ratings import liking_of, model_rate, rating_delete, rating_update
from apps.providers.services.specialized import (
    specialized_ai_create,
    specialized_ai_delete,
    specialized_ai_restore,
    specialized_ai_toggle,
    specialized_ai_update,
    specialized_ais_ensure,
    specialized_ais_ensure_for_all,
)
from apps.providers.services.sync import SyncResult, models_sync
from apps.providers.services.usage import cost_of, quality_record, usage_record

__all__ = [
    "SyncResult",
    "builtin_ensure",
    "builtin_ensure_for_all",
    "connection_try",
    "cost_of",
    "discover",
    "download_start",
    "downloads_refresh",
    "liking_of",
    "model_create",
    "model_delete",
    "model_failed",
    "model_load",
    "model_rate",
    "model_recovered",
    "model_unload",
    "model_update",
    "model_wait",
    "models_sync",
    "practice_switch",
    "provider_check",
    "provider_create",
    "provider_delete",
    "provider_toggle",
    "provider_update",
    "quality_record",
    "rating_delete",
    "rating_update",
    "specialized_ai_create",
    "specialized_ai_delete",
    "specialized_ai_restore",
    "specialized_ai_toggle",
    "specialized_ai_update",
    "specialized_ais_ensure",
    "specialized_ais_ensure_for_all",
    "usage_record",
]
