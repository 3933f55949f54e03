"""Everything that changes providers, their models, and what is known of their use and quality."""

from apps.providers.services.accounts import (
    account_create,
    account_delete,
    account_sync,
    account_update,
    accounts_restore,
    accounts_sync_due,
)
from apps.providers.services.breakers import breaker_reset, model_failed, model_recovered
from apps.providers.services.budget_alerts import refusal_tell
from apps.providers.services.budgets import budget_create, budget_delete, budget_update, budgets_restore
from apps.providers.services.discovery import (
    discover,
    discovery_accept,
    discovery_ignore,
    listings_refresh,
    listings_refresh_due,
)
from apps.providers.services.downloads import download_start, downloads_refresh, fetches_models
from apps.providers.services.estimates import call_usd, dearest_usd, ladder_usd
from apps.providers.services.integrity import model_verify
from apps.providers.services.keys import key_create, key_delete, key_test, key_update
from apps.providers.services.load_rows import loads_tidy
from apps.providers.services.loading import (
    load_cancel,
    load_run,
    load_start,
    model_load,
    model_unload,
    model_wait,
    must_load,
)
from apps.providers.services.management import model_reset, model_settings_update, models_reset_failed
from apps.providers.services.models import model_create, model_delete, model_update
from apps.providers.services.practice import builtin_ensure, builtin_ensure_for_all, practice_switch
from apps.providers.services.prices import file_price, price_reset, prices_apply
from apps.providers.services.providers import (
    connection_try,
    provider_check,
    provider_create,
    provider_delete,
    provider_toggle,
    provider_update,
)
from apps.providers.services.ratings import liking_of, model_rate, rating_delete, rating_update
from apps.providers.services.reservations import (
    budget_reserve,
    reservation_draw,
    reservation_release,
    reservation_settle,
    reservations_release,
)
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
from apps.providers.services.trials import (
    benchmark_start,
    comparison_rate,
    comparison_start,
    trial_delete,
    trial_stop,
    trials_purge,
    trials_restore,
)
from apps.providers.services.usage import cost_of, quality_record, usage_record

__all__ = [
    "SyncResult",
    "account_create",
    "account_delete",
    "account_sync",
    "account_update",
    "accounts_restore",
    "accounts_sync_due",
    "benchmark_start",
    "breaker_reset",
    "budget_create",
    "budget_delete",
    "budget_reserve",
    "budget_update",
    "budgets_restore",
    "builtin_ensure",
    "builtin_ensure_for_all",
    "call_usd",
    "comparison_rate",
    "comparison_start",
    "connection_try",
    "cost_of",
    "dearest_usd",
    "discover",
    "discovery_accept",
    "discovery_ignore",
    "download_start",
    "downloads_refresh",
    "fetches_models",
    "file_price",
    "key_create",
    "key_delete",
    "key_test",
    "key_update",
    "ladder_usd",
    "liking_of",
    "listings_refresh",
    "listings_refresh_due",
    "load_cancel",
    "load_run",
    "load_start",
    "loads_tidy",
    "model_create",
    "model_delete",
    "model_failed",
    "model_load",
    "model_rate",
    "model_recovered",
    "model_reset",
    "model_settings_update",
    "model_unload",
    "model_update",
    "model_verify",
    "model_wait",
    "models_reset_failed",
    "models_sync",
    "must_load",
    "practice_switch",
    "price_reset",
    "prices_apply",
    "provider_check",
    "provider_create",
    "provider_delete",
    "provider_toggle",
    "provider_update",
    "quality_record",
    "rating_delete",
    "rating_update",
    "refusal_tell",
    "reservation_draw",
    "reservation_release",
    "reservation_settle",
    "reservations_release",
    "specialized_ai_create",
    "specialized_ai_delete",
    "specialized_ai_restore",
    "specialized_ai_toggle",
    "specialized_ai_update",
    "specialized_ais_ensure",
    "specialized_ais_ensure_for_all",
    "trial_delete",
    "trial_stop",
    "trials_purge",
    "trials_restore",
    "usage_record",
]
