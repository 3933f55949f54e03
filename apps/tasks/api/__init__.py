"""REST of tasks and of routed prompts. One module a story."""

from apps.tasks.api import ab, cache, checking, logs, routing, tasks

router_entries = [
    *tasks.router_entries,
    *logs.router_entries,
    *ab.router_entries,
    *routing.router_entries,
    *cache.router_entries,
    *checking.router_entries,
]
