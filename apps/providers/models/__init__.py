"""Providers, their models, what every call cost, and how good each model has proved to be. One module a story."""

from apps.providers.models.ai_models import AIModel, AIModelQuerySet, ModelDownload
from apps.providers.models.providers import LOCAL_KINDS, Provider
from apps.providers.models.usage import CreditUsage, QualityMetric

__all__ = [
    "LOCAL_KINDS",
    "AIModel",
    "AIModelQuerySet",
    "CreditUsage",
    "ModelDownload",
    "Provider",
    "QualityMetric",
]
