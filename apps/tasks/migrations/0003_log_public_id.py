import uuid

import apps.common.logs
from django.db import migrations, models


def give_ids(apps, schema_editor):
    """Each entry that was written before gets an id of its own."""
    ExecutionLog = apps.get_model("tasks", "ExecutionLog")
    rows = ExecutionLog.objects.using(schema_editor.connection.alias)
    for pk in rows.values_list("pk", flat=True):
        rows.filter(pk=pk).update(public_id=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [("tasks", "0002_error_data")]

    operations = [
        migrations.AddField("executionlog", "public_id", models.UUIDField(null=True, editable=False)),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField(
            "executionlog", "public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
        ),
        migrations.AlterField(
            "executionlog", "request_id", models.CharField(blank=True, default=apps.common.logs.current_id, max_length=64)
        ),
    ]
