"""Pages of tasks and of the orchestrator."""

from __future__ import annotations

from django.urls import path

from apps.tasks.views import ab, audit, cached, logs, orchestrator, routing_settings, rules, task_list, try_it
from apps.tasks.views import tasks as views

app_name = "tasks"
urlpatterns = [
    path("tasks/", task_list.task_list, name="list"),
    path("tasks/new/", views.task_new, name="new"),
    path("tasks/new/cast/", views.cast_preview, name="cast"),
    path("tasks/bulk/", task_list.task_bulk, name="bulk"),
    path("tasks/undo/", task_list.task_undo, name="undo"),
    path("tasks/export/", task_list.task_export, name="export"),
    path("tasks/parts/", views.overview_parts, name="overview_parts"),
    path("tasks/<uuid:id>/", views.task_page, name="detail"),
    path("tasks/<uuid:id>/parts/", views.task_parts, name="parts"),
    path("tasks/<uuid:id>/trace/", views.task_trace, name="trace"),
    path("tasks/<uuid:id>/plan/", views.plan, name="plan"),
    path("tasks/<uuid:id>/delete/", views.task_delete, name="delete"),
    path("tasks/<uuid:id>/<slug:action>/", views.task_act, name="act"),
    path("tasks/steps/<uuid:id>/retry/", views.step_retry, name="retry"),
    path("logs/", logs.log_list, name="logs"),
    path("logs/export/", logs.log_export, name="logs_export"),
    path("logs/<uuid:id>/", logs.log_page, name="log"),
    path("orchestrator/", orchestrator.overview, name="orchestrator"),
    path("orchestrator/figures/", orchestrator.figures, name="orchestrator_figures"),
    path("orchestrator/recent/", orchestrator.recent, name="orchestrator_recent"),
    path("orchestrator/prompts/", orchestrator.prompts, name="prompts"),
    path("orchestrator/try/", try_it.try_it, name="try_it"),
    path("orchestrator/try/answer/", try_it.answer, name="try_it_answer"),
    path("orchestrator/rules/", rules.rule_list, name="rules"),
    path("orchestrator/rules/new/", rules.rule_new, name="rule_new"),
    path("orchestrator/rules/<uuid:rule_id>/", rules.rule_edit, name="rule"),
    path("orchestrator/rules/<uuid:rule_id>/switch/", rules.rule_switch, name="rule_switch"),
    path("orchestrator/rules/<uuid:rule_id>/delete/", rules.rule_delete, name="rule_delete"),
    path("orchestrator/audit/", audit.audit_list, name="audit"),
    path("orchestrator/audit/verify/", audit.verify, name="audit_verify"),
    path("orchestrator/cache/", cached.cache_page, name="cache"),
    path("orchestrator/cache/clear/", cached.clear, name="cache_clear"),
    path("orchestrator/cache/<uuid:cached_id>/delete/", cached.remove, name="cached_delete"),
    path("orchestrator/settings/", routing_settings.settings_page, name="routing_settings"),
    path("orchestrator/tests/", ab.test_list, name="ab_tests"),
    path("orchestrator/tests/new/", ab.test_new, name="ab_new"),
    path("orchestrator/tests/<uuid:ab_test_id>/", ab.test_page, name="ab_test"),
    path("orchestrator/tests/<uuid:ab_test_id>/stop/", ab.stop, name="ab_stop"),
    path("orchestrator/tests/<uuid:ab_test_id>/delete/", ab.delete, name="ab_delete"),
    path("orchestrator/<uuid:execution_id>/", orchestrator.execution, name="execution"),
    path("orchestrator/<uuid:execution_id>/escalate/", orchestrator.escalate, name="execution_escalate"),
    path("orchestrator/<uuid:execution_id>/thumb/", orchestrator.thumb, name="execution_thumb"),
]
