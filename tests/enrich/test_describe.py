"""What the rules alone say of tables and columns."""

from __future__ import annotations

import pytest
from made_releases import manifest, table

from datawarp.enrich.derive import derive
from datawarp.enrich.dictionary import load_dictionary
from datawarp.manifest.models import Column, Source


def described(columns: list[str], **more: object) -> tuple[Source, dict[str, Column]]:
    made = derive(manifest("waits", "jan25", [table("Data", columns, **more)]), [], "Waits", load_dictionary())  # type: ignore[arg-type]
    source = made.manifest.enabled[0]
    return source, {c.original_name: c for c in source.files[0].columns}


def test_a_practice_table_is_described_without_any_model() -> None:
    source, columns = described(
        ["Month [1]", "GP Code", "PCN Name [3]", "ICB Code", "Number of patients"],
        title="Table 2: Patients, April 2024",
    )
    assert columns["GP Code"].semantic_name == "practice_code"
    assert columns["PCN Name [3]"].semantic_name == "primary_care_network_name"
    assert columns["ICB Code"].description == "ODS code of the integrated care board."
    assert (columns["Number of patients"].is_measure, columns["GP Code"].is_measure) == (True, False)
    assert "gp" in (columns["GP Code"].query_keywords or [])
    assert source.description == "Patients, from Waits, by practice."
    assert source.metadata is not None
    assert (source.metadata.granularity, source.metadata.measures) == ("practice", ["number_of_patients"])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["A81001", "B82005"], "Code: ODS code of a general practice."),
        (["RJ1", "R0A"], "Code: ODS code of an NHS trust."),
        (["E12000001", "W06000002"], "Code: ONS nine-character geography code."),
        (["QE1", "QWO"], "Code: ODS code of an integrated care board."),
        (["10-12", "85+"], "Code: age band of the people counted."),
        (["Female", "Male"], "Code: sex of the people counted."),
    ],
)
def test_values_tell_what_a_vague_header_does_not(values: list[str], text: str) -> None:
    _, columns = described(["Code", "Number"], samples={"Code": values})
    assert columns["Code"].description == text


def test_every_shape_and_column_of_the_dictionary_can_be_read() -> None:
    dictionary = load_dictionary()
    assert len(dictionary.terms) > 40 and len(dictionary.codes) > 8
    levels = {code.level for code in dictionary.codes if code.level}
    assert all(dictionary.order_of_level(level) >= 0 for level in levels)
