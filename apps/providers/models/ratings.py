"""What people think of models."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.models import OwnedRow
from apps.providers.models.ai_models import AIModel


class ModelRating(OwnedRow):
    """A person's opinion of a model in a category; the latest one counts."""

    model = models.ForeignKey(AIModel, on_delete=models.CASCADE, related_name="ratings", verbose_name=_("model"))
    category = models.CharField(_("category"), max_length=60, default="general")
    stars = models.PositiveSmallIntegerField(_("stars"), validators=[MinValueValidator(1), MaxValueValidator(5)])
    comment = models.TextField(_("comment"), blank=True)

    class Meta:
        db_table = "model_ratings"
        verbose_name = _("rating of a model")
        verbose_name_plural = _("ratings of models")
        ordering = ["-updated_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "model", "category"], name="rating_once_per_person_model_category"),
            models.CheckConstraint(condition=Q(stars__gte=1, stars__lte=5), name="rating_has_one_to_five_stars"),
        ]

    def __str__(self) -> str:
        return f"{self.model_id} · {self.category} · {self.stars}"
