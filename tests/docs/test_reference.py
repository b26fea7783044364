"""The reference says all that models, schema and code have, and nothing else."""

from __future__ import annotations

import difflib
import re
import shutil
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from pydantic import BaseModel

import datawarp.reference  # imports every room that has models
from datawarp.registry.models import Model
from datawarp.registry.settings import COMMAND_OPTIONS
from datawarp.warehouse.reference import tables

from .pages import PAGES, ROOT

REFERENCE = ROOT / "docs" / "reference"
# Not written by anybody: the parts of a file that another model's page shows as a whole.
WHOLE_FILES = {"PublicationSettings", "Unit", "CorrectionFile"}


def models(base: type[BaseModel] = Model) -> list[type[BaseModel]]:
    return [m for sub in base.__subclasses__() for m in (sub, *models(sub))]


def test_the_generated_pages_are_current(database_url: str, tmp_path: Path) -> None:
    made = tmp_path / "reference"
    shutil.copytree(REFERENCE, made)
    with closing(psycopg2.connect(database_url)) as connection:
        changed = datawarp.reference.write_pages(made, tables(connection))
    difference = [
        line
        for name in changed
        for line in difflib.unified_diff(
            (REFERENCE / name).read_text("utf-8").splitlines(), (made / name).read_text("utf-8").splitlines(), name
        )
    ]
    assert not changed, "run `python -m datawarp.reference`:\n" + "\n".join(difference)


@pytest.mark.parametrize("model", [m for m in models() if m.__name__ not in WHOLE_FILES], ids=lambda m: m.__name__)
def test_every_key_that_a_person_writes_is_documented(model: type[BaseModel]) -> None:
    text = "\n".join(page.read_text("utf-8") for page in REFERENCE.glob("*.md"))
    for name, field in model.model_fields.items():
        assert f"| `{field.alias or name}` |" in text, f"{model.__name__}.{name}"


def test_every_option_of_a_command_is_documented() -> None:
    text = (REFERENCE / "targets.md").read_text("utf-8") + (REFERENCE / "lifecycle.md").read_text("utf-8")
    words = set(re.findall(r"`(\w+)", text))
    assert not COMMAND_OPTIONS - words


def test_every_environment_variable_is_documented() -> None:
    code = "\n".join(p.read_text("utf-8") for p in (ROOT / "scripts").rglob("*.py"))
    read = set(re.findall(r"environ(?:ment)?(?:\.get\(|\[)\"([A-Z]+_[A-Z_]+)\"", code))
    told = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert read and not {name for name in read if name not in told}
