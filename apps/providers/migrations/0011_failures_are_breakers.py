from django.db import migrations, models
from django.utils import timezone


def keep_what_rests(apps, schema_editor):
    """A model that failed keeps its rest and its reason, now in its breaker; its state says again only what its provider says."""
    AIModel = apps.get_model("providers", "AIModel")
    Breaker = apps.get_model("providers", "Breaker")
    failed = AIModel.objects.filter(failed_until__isnull=False)
    for model in failed.filter(failed_until__gt=timezone.now()):
        rest = {"state": "open", "trips": 1, "until": model.failed_until, "message": model.last_error}
        Breaker.objects.update_or_create(model=model, defaults={**rest, "failed_at": timezone.now()})
    failed.filter(state="failed").update(state="available")
    failed.update(last_error="")


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0010_slot_of_a_model"),
    ]

    operations = [
        migrations.RunPython(keep_what_rests, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name="aimodel",
            name="failed_until",
        ),
        migrations.AlterField(
            model_name="aimodel",
            name="last_error",
            field=models.TextField(blank=True, verbose_name="what its provider's list says is wrong with it"),
        ),
    ]
