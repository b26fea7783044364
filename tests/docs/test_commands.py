"""Every command of the documentation runs, and prints what its page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Terminal
from .pages import PAGES, ROOT, blocks, commands, missing, name

# What is done here in place of a command that makes what the test already has, or needs the web.
INSTEAD = {
    "make demo": "true",
    "source .venv/bin/activate": "true",
    "snakemake --snakefile ~/datawarp/Snakefile --directory ~/statistics all": "snakemake all",
    "snakemake refresh_adhd_aug25": "snakemake --dry-run refresh_adhd_aug25",
    "snakemake --cores 4 all": "snakemake all",
}
# Why a command is shown (```sh) and not run: what it needs that no test can have. The bucket's commands are tried
# in tests/lifecycle, against a real S3 server.
NOT_RUN = {
    r"s3://|\bR2_": "a bucket",
    r"DATABASE_URL|restore_backup": "a server of one's own",
    r"cron|systemctl|journalctl": "a machine's own scheduler",
    r"DATAWARP_(WEBHOOK|SMTP)_URL": "somebody to tell",
    r"pip install": "packages of the network",
    r"_waits_": "a release with an open question",
}
WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.fixture(scope="module")
def typed() -> dict[str, tuple[int, str]]:
    """What each command gave when it was first typed. Pages repeat many; once is enough, outside the tutorial."""
    return {}


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_the_commands_of_a_page_run_in_order(page: Path, terminal: Terminal, typed: dict[str, tuple[int, str]]) -> None:
    for command in commands(page):
        text = INSTEAD.get(command.text, command.text)
        if page.name == "tutorial.md" or text not in typed:
            typed[text] = terminal.type(text)
        status, printed = typed[text]
        assert (status != 0) == command.fails, f"$ {command.text}\n{printed}"
        lacking = missing(command.shown, printed)
        assert not lacking, f"$ {command.text}\nnot printed: {lacking}\nprinted:\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_not_run_needs_what_no_test_has(page: Path) -> None:
    for body, _ in blocks(page, "sh"):
        assert any(re.search(need, body) for need in NOT_RUN), f"make it a console block, so that it is run:\n{body}"


def test_every_target_that_is_named_exists() -> None:
    targets = (ROOT / "docs/reference/targets.md").read_text("utf-8")
    known = {cell.replace("<unit>", "") for cell in re.findall(r"^\| `([^`]+)` \|", targets, re.M)} | {"adhd"}
    for page in PAGES:
        for body, _ in [*blocks(page, "sh"), *blocks(page, "console")]:
            for typed in re.findall(r"\bsnakemake ([a-z]\w*)(?=[\s`]|$)", body):
                beginning = re.match(r"(?:approve|reject|refresh|restore|preview)_(?!all$|backup$)", typed)
                assert (beginning[0] if beginning else typed) in known, f"{name(page)}: snakemake {typed}"
