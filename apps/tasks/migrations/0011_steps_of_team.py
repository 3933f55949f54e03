"""Steps know the team of their task, so that the list of all steps is read from one index."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def take_from_task(apps, schema_editor):
    subtasks, tasks = apps.get_model("tasks", "Subtask"), apps.get_model("tasks", "Task")
    team = Subquery(tasks.objects.filter(pk=OuterRef("task_id")).values("team_id")[:1])
    subtasks.objects.filter(team=None).update(team_id=team)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_notification_team"),
        ("tasks", "0010_checking_quality"),
    ]

    operations = [
        migrations.AddField(
            model_name="subtask",
            name="team",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.RunPython(take_from_task, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="subtask",
            name="team",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AddIndex(
            model_name="subtask",
            index=models.Index(fields=["team", "created_at"], name="subtasks_of_team"),
        ),
    ]
