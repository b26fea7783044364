"""Generated tables of docs/reference/lifecycle.md: ``python -m datawarp.reference``."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from datawarp.lifecycle import retention, targets
from datawarp.lifecycle.orphans import GROUPS, WORDS
from datawarp.registry.reference import keys_table

PAGE = Path("docs/reference/lifecycle.md")

MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        targets.ArchiveOptions,
        targets.CleanupOptions,
        targets.SyncOptions,
        targets.RestoreOptions,
        targets.RestoreBackupOptions,
        retention.RetentionPolicy,
        retention.RetentionRule,
        retention.Generations,
        retention.BucketSettings,
        retention.Transition,
    )
}

_BLOCK = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.S)


def filled(page: str) -> str:
    """``page`` with every generated block made anew."""
    return _BLOCK.sub(
        lambda m: m[1] + (orphans_table() if m[2] == "orphans" else keys_table(MODELS[m[2]])) + m[3], page
    )


def orphans_table() -> str:
    """The kinds of orphans as a Markdown table, with the word of `skip=` that leaves each alone."""
    rows = ["| found | `skip=` |", "|---|---|"]
    rows += [f"| {words} | `{GROUPS[kind]}` |" for kind, words in WORDS.items()]
    return "\n".join(rows) + "\n"
