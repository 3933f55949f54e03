"""REST of tasks and of routed prompts. One module a story."""

from apps.tasks.api import cache, routing, tasks

router_entries = [*tasks.router_entries, *routing.router_entries, *cache.router_entries]
