"""Layouts of statistical sheets, drawn in ``layouts``, come back as a statistician reads them."""

from __future__ import annotations

import pytest
from grids import headers
from layouts import LAYOUTS, NO_TABLES, Expected, sheet

from datawarp.sheets.detect import detect


def found_on(drawn: str) -> list[Expected]:
    """Header rows, body rows and headers of the tables on a sheet."""
    tables = detect(sheet(drawn)).tables
    assert all(t.account and t.account.balanced for t in tables)
    return [(t.header_rows or (0, 0), t.data_rows, "; ".join(headers(t))) for t in tables]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_tables_of_a_layout(name: str) -> None:
    drawn, expected = LAYOUTS[name]
    assert found_on(drawn) == expected


@pytest.mark.parametrize("name", NO_TABLES)
def test_sheets_to_read_hold_no_table(name: str) -> None:
    found = detect(sheet(NO_TABLES[name]))
    assert found.kind == "notes" and found.reason


WORDS = {
    "labels named below dates": "names the columns of labels",
    "what the labels are, a row below the headings": "says what the labels are",
    "columns with letters": "letters or numbers the columns",
    "units of some columns": "nothing but texts over figures",
    "series with their particulars above periods": "attributes of series",
    "an unlabelled total": "the last header row",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_evidence_says_why(name: str) -> None:
    (found,) = detect(sheet(LAYOUTS[name][0])).tables
    assert any(WORDS[name] in words for words in found.evidence), found.evidence
