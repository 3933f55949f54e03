"""Files that people attach: what one is by its content, and what a model can be given of it. No database here."""

from __future__ import annotations

from apps.chat.files.reading import Read, read_file

__all__ = ["Read", "read_file"]
