"""The manifest's reference page is what the models say."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from datawarp.manifest import models
from datawarp.manifest.reference import PAGE, filled

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / PAGE).read_text(encoding="utf-8")
MODELS = [
    value
    for value in vars(models).values()
    if isinstance(value, type) and issubclass(value, models.ManifestModel) and value is not models.ManifestModel
]


def test_the_page_is_current() -> None:
    assert filled(TEXT) == TEXT, "run: python -m datawarp.manifest.reference"


@pytest.mark.parametrize("model", MODELS)
def test_every_model_and_key_is_documented(model: type[BaseModel]) -> None:
    assert f"<!-- keys: {model.__name__} -->" in TEXT
    assert [name for name, field in model.model_fields.items() if not field.description] == []
