"""What the commands say, in English or Portuguese, before there is Django or a compiled translation to ask.

The language is ORQ_LANGUAGE, or else the terminal's. `words_pt.py` holds the Portuguese of every text given to `t`.
"""

from __future__ import annotations

import os
import sys

from scripts.words_pt import PORTUGUESE


class Stop(Exception):
    """The command cannot go on; the message says what failed and what to do. It ends with status 1 and no traceback."""


def is_portuguese() -> bool:
    names = ("ORQ_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((os.environ[name] for name in names if os.environ.get(name)), "").lower().startswith("pt")


def t(text: str, **values: object) -> str:
    """The text in the reader's language, with the values put in."""
    chosen = PORTUGUESE.get(text, text) if is_portuguese() else text
    return chosen.format(**values) if values else chosen


def say(text: str, **values: object) -> None:
    """One line of progress. It goes to stderr, so that what a command gives on stdout stays clean."""
    print(t(text, **values), file=sys.stderr, flush=True)
