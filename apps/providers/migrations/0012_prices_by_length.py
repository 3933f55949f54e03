"""The one step of prices by length becomes a list of steps; the prices in batches stand together."""

import apps.common.models
from django.db import migrations


def to_steps(apps, schema_editor):
    models = apps.get_model("providers", "AIModel").objects.exclude(price_long_prompt=None)
    for model in models.only("price_long_prompt").iterator():
        if model.price_long_prompt:
            model.price_tiers = [model.price_long_prompt]
            model.save(update_fields=["price_tiers"])


def to_one_step(apps, schema_editor):
    for model in apps.get_model("providers", "AIModel").objects.only("price_tiers").iterator():
        if model.price_tiers:
            model.price_long_prompt = model.price_tiers[0]
            model.save(update_fields=["price_long_prompt"])


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0011_failures_are_breakers"),
    ]

    operations = [
        migrations.RunPython(to_steps, to_one_step, elidable=True),
        migrations.RemoveField(model_name="aimodel", name="price_batch_input"),
        migrations.RemoveField(model_name="aimodel", name="price_batch_output"),
        migrations.RemoveField(model_name="aimodel", name="price_long_prompt"),
        migrations.AddField(
            model_name="aimodel",
            name="price_batch",
            field=apps.common.models.CheckedJSON(blank=True, default=dict, verbose_name="prices in batches"),
        ),
    ]
