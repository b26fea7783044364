"""The lifecycle's reference page is that of its models."""

from __future__ import annotations

import difflib
from pathlib import Path

from datawarp.lifecycle.reference import MODELS, PAGE, filled

ROOT = Path(__file__).parents[2]


def test_the_page_is_that_of_the_models() -> None:
    kept = (ROOT / PAGE).read_text()
    difference = "\n".join(
        difflib.unified_diff(kept.splitlines(), filled(kept).splitlines(), "kept", "models", lineterm="")
    )
    assert not difference, f"run `python -m datawarp.reference`:\n{difference}"


def test_every_option_and_key_is_on_the_page_with_a_meaning() -> None:
    page = (ROOT / PAGE).read_text()
    for model in MODELS.values():
        assert f"<!-- keys: {model.__name__} -->" in page
        assert all(field.description for field in model.model_fields.values()), model
