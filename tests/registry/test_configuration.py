"""The configuration, and what is generated from the models: schemas and reference pages."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from datawarp.errors import RegistryError
from datawarp.registry.models import PublicationSettings, Release
from datawarp.registry.periods import parse_period
from datawarp.registry.reference import PAGES, filled
from datawarp.registry.registry import RegistryFile
from datawarp.registry.settings import COMMAND_OPTIONS, Settings, read_settings
from datawarp.schemas import SCHEMAS, schema_bytes

ROOT = Path(__file__).parents[2]


def test_without_a_file_all_is_default() -> None:
    assert read_settings(None) == Settings()


def test_overrides_join_sections_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("http: {attempts: 7, backoff: 3}\n")
    settings = read_settings(path, {"http": {"attempts": 2}, "publications": "p.yaml", "execute": True})
    assert (settings.http.attempts, settings.http.backoff, settings.publications) == (2, 3, "p.yaml")


def test_problems_of_the_file_and_of_the_command_line_are_told(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("http:\n  atempts: 3\n  backoff: -1\n")
    with pytest.raises(RegistryError) as caught:
        read_settings(path)
    assert "2 problems" in str(caught.value)
    assert f"{path}:2: http: unknown key 'atempts'" in str(caught.value)
    assert f"{path}:3: http.backoff" in str(caught.value)
    with pytest.raises(RegistryError, match=r"unknown key 'publicatons' .did you mean 'publications'"):
        read_settings(None, {"publicatons": "x"})
    with pytest.raises(RegistryError, match="did you mean 'execute'"):
        read_settings(None, {"exceute": True})


def test_command_options_are_no_settings() -> None:
    assert not COMMAND_OPTIONS & set(Settings.model_fields)


def test_the_shipped_configuration_is_sound() -> None:
    assert read_settings(ROOT / "config" / "config.yaml").http == Settings().http


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_schemas_are_those_of_the_models(name: str) -> None:
    made = schema_bytes(SCHEMAS[name]).decode()
    kept = (ROOT / "config" / "schemas" / name).read_text()
    difference = "\n".join(difflib.unified_diff(kept.splitlines(), made.splitlines(), "kept", "models", lineterm=""))
    assert not difference, f"run `python -m datawarp.schemas`:\n{difference}"


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_pages_are_those_of_the_models(name: str) -> None:
    kept = (ROOT / "docs" / "reference" / name).read_text()
    difference = "\n".join(
        difflib.unified_diff(kept.splitlines(), filled(kept).splitlines(), "kept", "models", lineterm="")
    )
    assert not difference, f"run `python -m datawarp.reference`:\n{difference}"


def test_every_key_of_the_registry_has_a_meaning() -> None:
    for model in (RegistryFile, PublicationSettings, Release):
        for key, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{key}"


def test_editors_accept_the_shipped_registry_and_refuse_a_slip() -> None:
    schema = json.loads((ROOT / "config" / "schemas" / "publications.schema.json").read_text())
    registry = yaml.safe_load((ROOT / "config" / "publications.yaml").read_text())
    jsonschema.validate(registry, schema)
    for slip in ({"name": "A", "frequncy": "monthly"}, {"name": "A", "urls": [{"period": "august25", "url": "x"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"publications": {"a": slip}}, schema)


@pytest.mark.parametrize(
    "path", ["publications.yaml", "config.yaml", "retention.yaml", "corrections/example_publication.yaml"]
)
def test_the_shipped_files_name_their_schema_and_fit_it(path: str) -> None:
    file = ROOT / "config" / path
    text = file.read_text()
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named, "the first line lets an editor complete and check keys"
    schema = json.loads((file.parent / named[1]).read_text())
    assert schema["title"] == SCHEMAS[Path(named[1]).name].__name__
    jsonschema.validate(yaml.safe_load(text), schema)


def test_the_page_on_periods_says_what_the_code_does() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "reference" / "periods.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    assert len(rows) == 6
    for codes, _, canonical, days in rows:
        for code in codes.replace("`", "").split(", "):
            period = parse_period(code)
            assert period.canonical == canonical.strip("`")
            assert f"{period.start}, {period.end}" == days
