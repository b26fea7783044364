"""The pages of the documentation, and the commands on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.M | re.S)
_FAILS = "<!-- fails -->\n"


@dataclass
class Command:
    """What is typed after a ``$``, the lines shown as its output, and whether the page says that it fails."""

    text: str
    shown: list[str] = field(default_factory=list)
    fails: bool = False


def name(page: Path) -> str:
    """The page's path in the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> Iterator[tuple[str, bool]]:
    """The fenced blocks of ``language``, without indentation, and whether each is marked as failing."""
    text = page.read_text("utf-8")
    for block in _FENCE.finditer(text):
        if block["language"] == language:
            lines = [line.removeprefix(block["indent"]) for line in block["body"].splitlines()]
            yield "\n".join(lines), text[: block.start()].endswith(_FAILS)


def commands(page: Path) -> list[Command]:
    """The commands of the page's console blocks, in order; ``>`` continues a command."""
    found: list[Command] = []
    for body, fails in blocks(page, "console"):
        for line in body.splitlines():
            if line.startswith("$ "):
                found.append(Command(re.sub(r" {2,}# .*", "", line[2:])))
            elif line.startswith("> ") and not found[-1].shown:
                found[-1].text += f"\n{line[2:]}"
            else:
                found[-1].shown.append(line)
        found[-1].fails = fails
    return found


def missing(shown: list[str], printed: str) -> list[str]:
    """The lines of ``shown`` that ``printed`` does not have, in that order.

    ``…`` stands for anything; numbers, hashes, rulers and white space stand for any others.
    """
    lines = [_plain(line) for line in printed.splitlines()]
    lacking = []
    at = 0
    for line in shown:
        if line.strip() in ("", "…"):
            continue
        wanted = re.compile(".*".join(re.escape(part) for part in _plain(line).split("…")))
        place = next((i for i in range(at, len(lines)) if wanted.fullmatch(lines[i])), None)
        if place is None:
            lacking.append(line)
        else:
            at = place + 1
    return lacking


def _plain(line: str) -> str:
    return re.sub(
        r"\b(?=\w*\d)[0-9a-f]{12,}\b|\d+", "#", re.sub("-{2,}", "-", " ".join(re.sub(r"\x1b\[\d*m", "", line).split()))
    )
