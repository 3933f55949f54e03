"""Icons by what they mean, drawn from Heroicons (MIT), so that one meaning has one picture everywhere."""

from __future__ import annotations

from functools import lru_cache

import heroicons
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

ICONS = {
    # the three voices, and who plans
    "author": "pencil",
    "checker": "magnifying-glass",
    "judge": "scale",
    "planner": "map",
    # places
    "dashboard": "squares-2x2",
    "tasks": "queue-list",
    "providers": "server-stack",
    "settings": "cog-6-tooth",
    "admin": "wrench-screwdriver",
    "chat": "chat-bubble-left-right",
    "monitor": "chart-bar",
    "team": "user-group",
    "person": "user-circle",
    "system": "cpu-chip",
    # states
    "ok": "check-circle",
    "done": "check",
    "problem": "x-circle",
    "warning": "exclamation-triangle",
    "info": "information-circle",
    "clock": "clock",
    "running": "play",
    "paused": "pause",
    "stopped": "no-symbol",
    "skipped": "forward",
    "hand": "hand-raised",
    "unknown": "question-mark-circle",
    "loading": "arrow-path",
    "sleeping": "moon",
    "gone": "archive-box-x-mark",
    "flag": "flag",
    # actions
    "add": "plus",
    "edit": "pencil-square",
    "delete": "trash",
    "check": "signal",
    "sync": "arrow-path",
    "search": "magnifying-glass",
    "close": "x-mark",
    "copy": "clipboard-document",
    "link": "link",
    "key": "key",
    "retry": "arrow-path",
    "start": "play",
    "pause": "pause",
    "cancel": "stop",
    "escalate": "arrow-trending-up",
    "next": "arrow-right",
    "back": "arrow-left",
    "more": "ellipsis-horizontal",
    "down": "chevron-down",
    "right": "chevron-right",
    "fold": "chevron-double-left",
    "sign-out": "arrow-right-start-on-rectangle",
    "download": "arrow-down-tray",
    "filter": "funnel",
    "sun": "sun",
    "moon": "moon",
    "screen": "computer-desktop",
    "bell": "bell",
    "language": "language",
    "lock": "lock-closed",
    "mail": "envelope",
    "spark": "sparkles",
    "money": "banknotes",
    "bank": "building-library",
    "eye": "eye",
    "local": "home",
    "remote": "cloud",
    "world": "globe-alt",
    "memory": "cpu-chip",
    "bulb": "light-bulb",
    "practice": "academic-cap",
    "graph": "share",
    "steps": "list-bullet",
    "code": "code-bracket",
    "bolt": "bolt",
    "image": "photo",
    "tools": "wrench",
    "document": "document-text",
    "switch": "power",
    "swap": "arrows-right-left",
    "send": "paper-airplane",
    "attach": "paper-clip",
    "pin": "bookmark",
    "archive": "archive-box",
    "share": "user-group",
    "thumb-up": "hand-thumb-up",
    "thumb-down": "hand-thumb-down",
    "previous": "chevron-left",
    "newest": "arrow-down",
    "undo": "arrow-uturn-left",
}


def icon_svg(name: str, *, size: int = 16, label: str = "") -> SafeString:
    """The icon as inline SVG; a filled drawing up to 16 px, a line drawing above. KeyError for a name that nobody gave."""
    return _drawn(ICONS[name], size, label)


@lru_cache(maxsize=512)
def _drawn(name: str, size: int, label: str) -> SafeString:
    style = "micro" if size <= 16 else "outline"
    said = {"role": "img", "aria_label": escape(label)} if label else {"aria_hidden": "true"}
    attributes = {"stroke_width": "1.6"} if style == "outline" else {}
    return mark_safe(heroicons._render_icon(style, name, size, {"class": "icon", **said, **attributes}))
