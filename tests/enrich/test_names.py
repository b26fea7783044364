"""Words that hold for years: titles, sheets and file names without what changes from release to release."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_releases import codes, manifest, put_draft, table, unit

from datawarp.enrich import titles, words
from datawarp.enrich.derive import derive
from datawarp.enrich.dictionary import load_dictionary
from datawarp.enrich.enrich import enrich
from datawarp.enrich.features import tables
from datawarp.enrich.naming import LONGEST_CODE, name_sources, owner
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

COLUMNS = ["Provider code", "Number waiting"]


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("Monthly-AE-July-2024-revised.csv", "monthly ae"),
        ("Q3-2024-25-Cancelled-Operations-65554.xlsx", "cancelled operations"),
        ("Quarter-2-2025-2026-AE-by-provider-fa97L-revised-v2-1.xls", "ae by provider"),
        ("Quarter-3-2025-26-AE-by-provider-jvRWD.xls", "ae by provider"),
        ("April-2025-AE-by-provider-sfo2q-revised.xls", "ae by provider"),
        ("qof-1516-prev-ach-exc-ccg-v2.xlsx", "qof prev ach exc ccg"),
        ("Waits%20by%20site%20Aug25.csv", "waits by site"),
        ("data_Nov25.csv", "data"),
        ("2. Primary Care – June 2020.csv", "primary care"),
        ("PracPopNov.csv", "prac pop"),
        ("28-January-2021.xlsx", ""),
        ("a-males.csv", "a males"),
        ("Table 10", "table 10"),
        ("covid_19", "covid 19"),
        ("Age 5 to 17", "age 5 to 17"),
        ("Weekly figures 2018", "weekly figures"),
        ("4WW_Perf_2024-04-30_v2.csv", "4ww perf"),
    ],
)
def test_names_without_period_version_and_suffix(name: str, stays: str) -> None:
    assert words.timeless_name(name) == stays


@pytest.mark.parametrize(
    ("title", "stays"),
    [
        ("Patients aged 5 to 17, as at 31st March 2025", "patients aged 5 to 17, as at"),
        ("COVID-19 cases, week ending 5 January 2018", "covid-19 cases,"),
        ("Completed at 12 months, July to September 2021 [1]", "completed at 12 months,"),
        ("Quarter 3, 2024-25", ""),
        ("Rate (per 100,000) 2017 estimates", "rate (per 100,000) estimates"),
    ],
)
def test_titles_without_dates(title: str, stays: str) -> None:
    assert words.timeless(title) == stays


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("Table 4a: Number waiting 0-1 weeks, April 2024", True),
        ("Title: Virtual ward capacity", True),
        ("PART B: FIRST TREATMENTS", True),
        ("Number waiting over 52 weeks (over 365 days) by service, October 2024", True),
        ("Source: NHS England", False),
        ("[note 2] Excludes unregistered population.", False),
        ("This worksheet contains one table. Some cells refer to notes.", False),
        ("* Data for adult safeguarding are not collected", False),
        ("Return to contents", False),
        ("Nov-23", False),
        ("https://www.england.nhs.uk/statistics", False),
        ("Data is submitted at provider level and aggregated up to national level. Variation is expected.", False),
    ],
)
def test_a_line_is_a_title_or_not(line: str, named: bool) -> None:
    assert titles.is_title(line) is named


def named(*entries: object, publication: str = "waits", name: str = "Waits") -> dict[str, str]:
    return codes(derive(manifest(publication, "jan25", entries), [], name, load_dictionary()).manifest)  # type: ignore[arg-type]


def test_codes_say_what_titles_say_without_the_publication_said_twice() -> None:
    title = "Table 2: Submissions via Online Consultation Systems, by practice, April 2024"
    found = named(
        table("Table 2", COLUMNS, title=title),
        table("Table 3", COLUMNS, title="Table 3: Average submissions by day"),
        publication="online_consultation",
        name="Online Consultation Systems",
    )
    assert found == {
        "Table 2": "online_consultation_submissions_by_practice",
        "Table 3": "online_consultation_average_submissions_by_day",
    }


def test_codes_fit_are_unique_and_keep_numbers() -> None:
    long = "Number of patients on the waiting list for elective and diagnostic treatment in the whole of England"
    found = named(
        *(table(f"Table {n}", COLUMNS, title=f"{long}, {n} to {n + 4} weeks") for n in (1, 10, 100)),
        *(table(None, COLUMNS, file=f"a-{s}.csv") for s in ("males", "female")),
        *(table("Twice", COLUMNS, nth=n) for n in (1, 2)),
    )
    assert len(set(found.values())) == len(found) == 7
    assert all(len(f"tbl_{code}") <= 60 and code.startswith("waits_") for code in found.values())
    assert {found["a-males.csv"], found["a-female.csv"]} == {"waits_a_males", "waits_a_female"}


def test_a_release_of_one_nameless_table_is_called_like_its_publication() -> None:
    assert named(table(None, COLUMNS, file="28-January-2021.csv")) == {"28-January-2021.csv": "waits"}


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("upload-itemindices202501.csv", "upload itemindices"),
        ("upload-202501pricequotes.csv", "upload pricequotes"),
        ("publishedweek402022.xlsx", "publishedweek"),
        ("Weekly-admissions-publication-210114-1.xlsx", "weekly admissions 1"),
        ("1 General Practice – March 2024 Practice Level.csv", "general practice practice level"),
        ("2 week waits.csv", "2 week waits"),
    ],
)
def test_dates_without_separators_and_ordinals_of_files(name: str, stays: str) -> None:
    assert words.timeless_name(name) == stays


def test_the_number_of_the_sheet_is_no_part_of_the_title() -> None:
    found = named(
        table("9", COLUMNS, title="9 Unemployment by age and duration"),
        table("A2", COLUMNS, title="A2: Children looked after by legal status"),
        table("Table_1_2", COLUMNS, title="Table 1.2: Admissions due to alcohol"),
    )
    assert list(found.values()) == [
        "waits_unemployment_by_age_duration",
        "waits_children_looked_after_by_legal_status",
        "waits_admissions_due_alcohol",
    ]


def of_publication(code: str, publications: list[str], *titles: str) -> list[str]:
    features = tables(manifest(code, "jan25", [table(f"Sheet {t}", COLUMNS, title=t) for t in titles]))
    return name_sources(code, code.replace("_", " "), features, publications=publications)


def test_no_two_publications_call_a_source_alike_whichever_comes_first() -> None:
    publications = ["gp", "gp_practice", "gp_practice_list", "waits"]
    made = {
        "gp": of_publication("gp", publications, "Practice list size", "Practice", "Workforce"),
        "gp_practice": of_publication("gp_practice", publications, "List size", "Workforce"),
        "gp_practice_list": of_publication("gp_practice_list", publications, "Size"),
    }
    assert made["gp"] == ["gp__practice_list_size", "gp__practice", "gp_workforce"]
    assert made["gp_practice"] == ["gp_practice__list_size", "gp_practice_workforce"]
    assert made["gp_practice_list"] == ["gp_practice_list_size"]
    every = [code for codes in made.values() for code in codes]
    assert len(set(every)) == len(every)
    assert {owner(code, publications) for code in made["gp_practice"]} == {"gp_practice"}
    odd = of_publication("gp", ["gp", "gp_", "gp_practice"], "Practice list size")
    assert owner(odd[0], ["gp", "gp_", "gp_practice"]) == "gp" and odd[0].endswith("_practice_list_size")


def test_long_publication_codes_leave_room_and_stay_apart() -> None:
    one, other = ("a" * 60 + end for end in ("b", "c"))
    first, second = of_publication(one, [one, other], "Patients waiting"), of_publication(other, [], "Patients waiting")
    assert first != second and len(first[0]) <= LONGEST_CODE and first[0].endswith("_patients")


def test_what_was_named_before_a_publication_came_is_taken(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    registry = tmp_path / "config" / "publications.yaml"
    registry.parent.mkdir()
    registry.write_text("publications: {gp: {}}\n")
    put_draft(paths, "gp", "jan25", [table("A", COLUMNS, title="Practice patients")])
    assert codes(enrich(unit("gp", "jan25"), paths, Settings())) == {"A": "gp_practice_patients"}
    registry.write_text("publications: {gp_practice: {}, gp: {}}\n")
    put_draft(paths, "gp_practice", "jan25", [table("B", COLUMNS, title="Patients")])
    assert codes(enrich(unit("gp_practice", "jan25"), paths, Settings())) == {"B": "gp_practice_patients_2"}
    put_draft(paths, "gp", "feb25", [table("A", COLUMNS, title="Practice patients")])
    put_draft(paths, "gp", "mar25", [table("C", ["Region", "Beds"], title="Practice beds")])
    assert codes(enrich(unit("gp", "feb25"), paths, Settings())) == {"A": "gp_practice_patients"}
    assert codes(enrich(unit("gp", "mar25"), paths, Settings())) == {"C": "gp__practice_beds"}
