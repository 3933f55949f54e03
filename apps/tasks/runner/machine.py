"""Names of this machine and process, as rows of tasks and prompts say who is at them."""

from apps.common.machine import holder, host_name, machine

__all__ = ["holder", "host_name", "machine"]
