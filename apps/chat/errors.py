"""What can be wrong in a chat.

OrquestradorError
├── BadInput
│   └── FileRefused              a file that cannot be attached
│       ├── FileTooLarge         more bytes, or more characters, than a file may have
│       ├── FileTypeUnknown      neither an image, a PDF nor a text
│       ├── ImageBroken          called an image, or beginning as one, but none
│       ├── PdfUnreadable        broken, locked, or without any text
│       └── PdfTooLarge          more pages, text or work than a file may have
├── Conflict
│   ├── ModelCannotSee           images are sent to a model that was chosen and reads none
│   └── OtherPerson              a page of one person asks while another one is signed in
└── (others as everywhere)
"""

from __future__ import annotations

from apps.common.errors import BadInput, Conflict


class FileRefused(BadInput):
    """This file cannot be attached."""

    code = "file_refused"


class FileTooLarge(FileRefused):
    """This file is too large."""

    code = "file_too_large"
    status = 413


class FileTypeUnknown(FileRefused):
    """This file is neither an image, a PDF nor a text."""

    code = "file_type_unknown"
    status = 415


class ImageBroken(FileRefused):
    """This image cannot be read."""

    code = "image_broken"


class PdfUnreadable(FileRefused):
    """This PDF cannot be read."""

    code = "pdf_unreadable"


class PdfTooLarge(FileRefused):
    """This PDF has more pages or text than a file may have."""

    code = "pdf_too_large"
    status = 413


class ModelCannotSee(Conflict):
    """The model that was chosen reads no images."""

    code = "model_cannot_see"


class OtherPerson(Conflict):
    """Somebody else is signed in in this browser by now. What this page holds is not theirs."""

    code = "other_person"
