"""What the rules alone say of tables and columns."""

from __future__ import annotations

import pytest
from made_releases import manifest, table

from datawarp.enrich.derive import derive
from datawarp.enrich.dictionary import load_dictionary
from datawarp.enrich.display import without_period
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
    assert source.name == "Patients"
    assert source.description == (
        "Patients, from Waits, by practice. Rows by month, practice, primary care network and integrated care board. "
        "Figures: Number of patients."
    )
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


@pytest.mark.parametrize(
    ("title", "stays"),
    [
        ("Table 4a: Number waiting 0-1 weeks, April 2024 [note 1]", "Number waiting 0-1 weeks"),
        ("Submissions received by practices, April 2024", "Submissions received by practices"),
        ("Response rates, Great Britain, May 2018 to April 2023 [note 2 and 12]", "Response rates, Great Britain"),
        ("Index number, 2019 = 100", "Index number, 2019 = 100"),
        ("Disease prevalence, hypertension, 2015-16, CCG level", "Disease prevalence, hypertension, CCG level"),
        ("Deaths registered in week ending 5 January 2018", "Deaths registered"),
        ("2019", ""),
    ],
)
def test_names_are_titles_without_the_period(title: str, stays: str) -> None:
    assert without_period(title) == stays


def test_names_of_a_release_differ_and_read_well() -> None:
    entries = [
        table("Provider", ["Org Code", "Total"], title="Monthly Diagnostics"),
        table("Provider by Test", ["Org Code", "Total"], title="Monthly Diagnostics"),
        table("12m_UTLA_GOR", ["UTLA code", "Total"]),
        table("PART", ["Org Code", "Total"], title="PART A: ALL FDS ROUTES"),
    ]
    made = derive(manifest("waits", "jan25", entries), [], "Waits", load_dictionary()).manifest
    assert [s.name for s in made.enabled] == [
        "Monthly Diagnostics \u2013 Provider",
        "Monthly Diagnostics \u2013 Provider by Test",
        "12m UTLA GOR",
        "Part A: all FDS routes",
    ]
    assert (made.enabled[2].description or "").startswith(
        "12m UTLA (upper tier local authority) GOR (Government Office"
    )
    alone = derive(
        manifest("waits", "jan25", [table(None, ["Code"], file="wl-jan.csv")]), [], "Waits", load_dictionary()
    )
    assert alone.manifest.enabled[0].name == "Waits"


def test_what_only_ends_like_a_term_is_not_taken_for_it() -> None:
    source, columns = described(
        ["Former area team code", "Time period and dataset identifier code", "Virtual ward beds"]
    )
    assert source.metadata and source.metadata.granularity is None
    assert columns["Former area team code"].description == "Former area team code."


def test_small_words_are_no_abbreviations_and_a_and_e_is_one() -> None:
    _, columns = described(["Total GVA at basic prices", "A&E attendances Type 1", "PRIMARY_LEVEL_REACHED"])
    assert columns["Total GVA at basic prices"].semantic_name == "total_gross_value_added_basic_prices"
    assert columns["A&E attendances Type 1"].semantic_name == "accident_emergency_attendances_type_1"
    assert columns["PRIMARY_LEVEL_REACHED"].description == "Primary level reached."
