"""The page of targets against the rules."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "targets.md").read_text("utf-8")
RULES = "\n".join(p.read_text("utf-8") for p in [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))])


def rules() -> set[str]:
    """Names of the rules, and beginnings of those that are named after a unit or publication."""
    return set(re.findall(r"^rule (\w+):", RULES, re.M)) | set(re.findall(r'^ +f"(\w+_)\{', RULES, re.M))


def documented() -> set[str]:
    """The same on the page; a publication or a unit by itself is no rule."""
    first_cells = re.findall(r"^\| `([^`]+)` \|", PAGE, re.M)
    return {cell.replace("<unit>", "") for cell in first_cells} - {"<publication>", ""}


def test_every_rule_is_documented_and_nothing_else_is() -> None:
    assert rules() == documented()


def test_every_rule_has_a_script_of_its_name() -> None:
    scripts = set(re.findall(r'"\.\./scripts/(\w+)\.py"', RULES))
    assert scripts == {p.stem for p in (ROOT / "scripts").glob("*.py")}
