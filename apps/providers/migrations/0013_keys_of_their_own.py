"""Each provider's key becomes a row of its own, which belongs to it. Keys are read and encrypted anew on the way."""

from django.db import migrations, models


def to_rows(apps, schema_editor):
    keys = apps.get_model("providers", "ProviderKey").objects
    for provider in apps.get_model("providers", "Provider").objects.iterator():
        if not provider.api_key:  # the database cannot tell: no text is stored encrypted, too
            continue
        provider.key = keys.create(
            team_id=provider.team_id,
            owner_id=provider.owner_id,
            name=provider.display_name or provider.name,
            kind=provider.kind,
            base_url=provider.base_url,
            allows_private_address=provider.allows_private_address,
            secret=provider.api_key,
            belongs_to_provider=True,
        )
        provider.save(update_fields=["key"])


def to_column(apps, schema_editor):
    """Keys that no provider uses have no place in the older table, and are lost with theirs."""
    for provider in apps.get_model("providers", "Provider").objects.exclude(key=None).select_related("key").iterator():
        provider.api_key = provider.key.secret
        provider.save(update_fields=["api_key"])


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0012_prices_by_length"),
    ]

    operations = [
        migrations.RunPython(to_rows, to_column),
        migrations.RemoveField(model_name="provider", name="api_key"),
        migrations.AddField(
            model_name="externalaccount",
            name="spent",
            field=models.DecimalField(
                blank=True,
                decimal_places=8,
                max_digits=20,
                null=True,
                verbose_name="spent this month, as the vendor says",
            ),
        ),
    ]
