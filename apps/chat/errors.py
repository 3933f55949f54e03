"""What can be wrong in a chat.

OrquestradorError
├── BadInput
│   └── FileRefused     a file that cannot be attached
└── (others as everywhere)
"""

from __future__ import annotations

from apps.common.errors import BadInput


class FileRefused(BadInput):
    """This file cannot be attached."""

    code = "file_refused"
