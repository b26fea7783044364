"""What one call of Snakemake takes on, from the registry, the options and what is on disk."""

import pytest

from datawarp.errors import RegistryError
from datawarp.files import write_json
from datawarp.operations.driver import Plan, config_files
from datawarp.registry.paths import Paths
from datawarp.warehouse.validate.findings import Finding, Report

REGISTRY = """
publications:
  ward:
    name: Virtual wards
    urls:
      - {period: aug25, url: aug.csv}
      - {period: sep25, url: sep.csv}
      - {period: oct25, url: oct.csv}
"""


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "publications.yaml").write_text(REGISTRY)
    return Paths(tmp_path)


def plan(paths, *arguments, **config):
    return Plan.of(config, paths, paths.root, list(arguments))


def test_validation_redoes_the_units_that_the_report_calls_severely_wrong(paths):
    findings = [
        Finding("parquet", "severe", "ward_sep25", "ward_sep25.parquet is gone"),
        Finding("stale", "warning", "ward_oct25", "was loaded again after its export"),
        Finding("tables", "severe", "staging.tbl_ward", "is not there"),
    ]
    write_json(paths.output / "validation.json", Report("db", ("parquet", "stale", "tables"), findings).document())
    made = plan(paths, strategy="validation")
    assert list(made.pending) == ["ward_sep25"]
    assert made.pending["ward_sep25"].again
    assert made.stamp("ward_sep25") == [f".datawarp/refresh/ward_sep25/ward_sep25@{made.run}.json"]
    assert set(made.left) == {"ward_aug25", "ward_oct25"}


def test_without_a_validation_there_is_nothing_to_redo(paths):
    assert plan(paths, strategy="validation").pending == {}


def test_one_unit_and_its_targets_can_be_asked_for(paths, capsys):
    made = plan(paths)
    assert made.unit_called("ward_2025-09") == "ward_sep25"
    assert made.unit_called("ward_nov25") is None
    assert made.targets("ward_sep25") == ["output/receipts/ward/ward_sep25.json"]
    assert capsys.readouterr().err == "1 of 3 units to do\n  ward  sep25\n"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("ward_spe25", "did you mean 'ward_sep25'"),
        ("ward_jan01", "ward has aug25, sep25, oct25; add a line for jan01 to its urls"),
        ("stauts", "did you mean 'status'"),
        ("wrad", "did you mean 'ward'"),
        ("something", "docs/reference/targets.md lists all"),
    ],
)
def test_a_target_that_there_is_not_is_refused_with_the_nearest(paths, word, told):
    assert told in str(plan(paths).no_such_target(word, ["all", "status", "ward", word]))


def test_no_job_waits_for_a_model_that_nobody_asks(paths):
    assert plan(paths).calls_to_models == 0
    layer = {"name": "small", "model": "small", "base_url": "http://127.0.0.1:1/v1"}
    assert plan(paths, enrichment={"layers": [layer]}).calls_to_models == 1


def test_what_is_wrong_in_a_configuration_file_has_its_line(tmp_path):
    for folder in ("project", "run"):
        (tmp_path / folder / "config").mkdir(parents=True)
    project, run = tmp_path / "project" / "config" / "config.yaml", tmp_path / "run" / "config" / "config.yaml"
    project.write_text("http: {attempts: 3}\n")
    assert config_files(tmp_path / "project", tmp_path / "run") == [project]
    run.write_text("http:\n  attempts: 3\nexecute: true\n")
    with pytest.raises(RegistryError, match=f"{run}:3: unknown key 'execute'"):
        config_files(tmp_path / "project", tmp_path / "run")
