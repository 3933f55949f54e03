"""What a first visit of a page loads: the page itself, its styles, scripts and pictures, compressed as they are sent."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

_IMPORT = re.compile(r"""(?:import|from)\s*\(?\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Weight:
    page_kb: float
    requests: int
    scripts_kb: float
    all_kb: float


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.others: list[str] = []
        self.import_map = ""
        self._is_map = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and "stylesheet" in (given.get("rel") or ""):
            self.styles.append(given.get("href") or "")
        elif tag == "link" and (given.get("rel") or "") in ("icon", "manifest", "modulepreload", "preload"):
            self.others.append(given.get("href") or "")
        elif tag == "script" and given.get("src"):
            self.scripts.append(given["src"] or "")
        elif tag == "img" and given.get("src"):
            self.others.append(given["src"] or "")
        self._is_map = tag == "script" and given.get("type") == "importmap"

    def handle_data(self, data: str) -> None:
        if self._is_map:
            self.import_map += data


def weight_of(html: str, root: Path, prefix: str) -> Weight:
    """`root`: the folder of collected files, which are served under `prefix`."""
    parser = _Assets()
    parser.feed(html)
    modules = dict(re.findall(r'"([\w@/.-]+)":\s*"([^"]+)"', parser.import_map))
    scripts = _with_imports(parser.scripts, modules, root, prefix)
    others = [*dict.fromkeys(parser.styles), *dict.fromkeys(one for one in parser.others if one.startswith(prefix))]
    page = len(gzip.compress(html.encode(), 6))
    heavy = sum(_size(one, root, prefix) for one in scripts)
    rest = sum(_size(one, root, prefix) for one in others)
    return Weight(_kb(page), 1 + len(scripts) + len(others), _kb(heavy), _kb(page + heavy + rest))


def _with_imports(first: list[str], modules: dict[str, str], root: Path, prefix: str) -> list[str]:
    found: list[str] = []
    todo = list(first)
    while todo:
        address = todo.pop()
        if address in found or not address.startswith(prefix):
            continue
        found.append(address)
        for name in _IMPORT.findall(_text(address, root, prefix)):
            target = modules.get(name) or (urljoin(address, name) if name.startswith((".", "/")) else "")
            if target:
                todo.append(target)
    return found


@lru_cache
def _text(address: str, root: Path, prefix: str) -> str:
    file = root / address.removeprefix(prefix)
    return file.read_text(errors="replace") if file.is_file() else ""


@lru_cache
def _size(address: str, root: Path, prefix: str) -> int:
    file = root / address.partition("?")[0].removeprefix(prefix)
    return len(gzip.compress(file.read_bytes(), 9)) if file.is_file() else 0


def _kb(size: int) -> float:
    return round(size / 1024, 1)
