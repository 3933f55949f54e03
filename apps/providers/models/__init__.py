"""Providers, their models, what every call cost, and how good each model has proved to be. One module a story."""

from apps.providers.models.accounts import ExternalAccount
from apps.providers.models.ai_models import AIModel, AIModelQuerySet, ModelDownload
from apps.providers.models.budgets import Budget, Reservation
from apps.providers.models.calls import Breaker, CallSlot
from apps.providers.models.keys import ProviderKey
from apps.providers.models.management import GROUPS, ModelDiscovery, ModelLoad, ModelSettings
from apps.providers.models.providers import LOCAL_KINDS, Provider
from apps.providers.models.ratings import ModelRating
from apps.providers.models.specialized import SpecializedAI, SpecializedAIFallback
from apps.providers.models.trials import (
    AnswerStatus,
    Benchmark,
    BenchmarkAnswer,
    Comparison,
    ComparisonAnswer,
    Trial,
    TrialAnswer,
    TrialStatus,
)
from apps.providers.models.usage import CreditUsage, QualityMetric

__all__ = [
    "GROUPS",
    "LOCAL_KINDS",
    "AIModel",
    "AIModelQuerySet",
    "AnswerStatus",
    "Benchmark",
    "BenchmarkAnswer",
    "Breaker",
    "Budget",
    "CallSlot",
    "Comparison",
    "ComparisonAnswer",
    "CreditUsage",
    "ExternalAccount",
    "ModelDiscovery",
    "ModelDownload",
    "ModelLoad",
    "ModelRating",
    "ModelSettings",
    "Provider",
    "ProviderKey",
    "QualityMetric",
    "Reservation",
    "SpecializedAI",
    "SpecializedAIFallback",
    "Trial",
    "TrialAnswer",
    "TrialStatus",
]
