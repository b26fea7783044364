"""Matching on made-up releases: what goes on, what is new, what is in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from made_releases import codes, manifest, put_draft, table, unit

from datawarp.enrich.derive import derive
from datawarp.enrich.dictionary import load_dictionary
from datawarp.enrich.enrich import enrich
from datawarp.enrich.reference import gather
from datawarp.errors import EnrichError
from datawarp.manifest.document import read_manifest, write_manifest
from datawarp.manifest.models import FileEntry, Manifest
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

COLUMNS = ["Provider code", "Provider name", "Number waiting", "Number treated"]


def follow(first: list[FileEntry], second: list[FileEntry]) -> tuple[Manifest, Manifest, list[str]]:
    """Two releases, the second matched to the first; what was told about the second."""
    dictionary = load_dictionary()
    before = derive(manifest("waits", "jan25", first), [], "Waits", dictionary).manifest
    after = derive(manifest("waits", "feb25", second), [gather([before], previous=True)], "Waits", dictionary)
    return before, after.manifest, after.news


def test_periods_versions_and_suffixes_in_names_disturb_nothing() -> None:
    before, after, _ = follow(
        [
            table("Table_10_Aug25", COLUMNS, file="Waits-August-2025-v2.xlsx"),
            table("Table_1_Aug25", COLUMNS, file="Waits-August-2025-v2.xlsx"),
        ],
        [
            table("Table_1_Nov25", COLUMNS, file="November-2025-Waits-sfo2q-revised.xlsx"),
            table("Table_10_Nov25", COLUMNS, file="November-2025-Waits-sfo2q-revised.xlsx"),
        ],
    )
    assert codes(after)["Table_10_Nov25"] == codes(before)["Table_10_Aug25"] == "waits_table_10"
    assert codes(after)["Table_1_Nov25"] == codes(before)["Table_1_Aug25"] == "waits_table_1"


def test_titles_win_over_renumbered_sheets() -> None:
    titles = ["Patients admitted", "Patients discharged", "Patients referred"]
    first = [table(f"Table {n}", COLUMNS, title=t) for n, t in enumerate(titles, 1)]
    second = [table("Table 1", COLUMNS, title="Patients born")]
    second += [table(f"Table {n}", COLUMNS, title=t) for n, t in enumerate(titles, 2)]
    before, after, _ = follow(first, second)
    assert [codes(after)[f"Table {n}"] for n in (2, 3, 4)] == [codes(before)[f"Table {n}"] for n in (1, 2, 3)]
    assert codes(after)["Table 1"] == "waits_patients_born"


def test_a_new_sheet_never_falls_onto_an_old_table_that_vanished() -> None:
    first = [table(s, COLUMNS, title=f"Patients waiting, {s.lower()}") for s in ("Males", "Females")]
    second = [table(s, COLUMNS, title=f"Patients waiting, {s.lower()}") for s in ("Persons", "Females")]
    before, after, news = follow(first, second)
    assert codes(after)["Females"] == codes(before)["Females"]
    assert codes(after)["Persons"] not in codes(before).values()
    assert any("waits" in line and "vanished" in line for line in news)


def test_numbers_tell_tables_of_one_family_apart() -> None:
    first = [table(f"Table {n}", COLUMNS, title=f"Patients aged {a}") for n, a in enumerate(("0 to 4", "5 to 17"), 1)]
    second = [table(f"Table {n}", COLUMNS, title=f"Patients aged {a}") for n, a in enumerate(("0 to 4", "5 to 15"), 1)]
    before, after, _ = follow(first, second)
    assert codes(after)["Table 1"] == codes(before)["Table 1"]
    assert codes(after)["Table 2"] not in codes(before).values()


def test_a_number_that_tells_nothing_apart_may_change() -> None:
    first = [table("Table 1", COLUMNS, title="The 148 organisations that did not submit")]
    second = [table("Table 1", COLUMNS, title="The 151 organisations that did not submit")]
    before, after, _ = follow(first, second)
    assert codes(after) == codes(before)


def test_a_merge_is_told() -> None:
    first = [table(s, COLUMNS, title=f"Waiting lists of {s}") for s in ("acute trusts", "community trusts")]
    second = [table("All trusts", COLUMNS, title="Waiting lists of acute and community trusts")]
    _, after, news = follow(first, second)
    assert len(codes(after)) == 1 and any("seems merged from" in line for line in news)


def test_first_codes_decide_between_tables_that_are_otherwise_alike() -> None:
    regions, boards = ["Y56", "Y58", "Y59"], ["QE1", "QF7", "QGH"]

    def block(nth: int, values: list[str]) -> FileEntry:
        return table("Population", ["Area", "Number"], nth=nth, rows=len(values), samples={"Area": values})

    before, after, _ = follow([block(1, regions), block(2, boards)], [block(1, boards), block(2, regions)])
    assert codes(after)["Population"] != codes(before)["Population"]


def test_a_table_that_comes_back_goes_on(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    yearly = table("Yearly", ["Provider code", "Number of staff"], title="Staff in post")
    monthly = table("Monthly", COLUMNS, title="Patients waiting")
    for period, entries in {"jan25": [monthly, yearly], "feb25": [monthly], "mar25": [monthly, yearly]}.items():
        put_draft(paths, "waits", period, entries)
        made = enrich(unit("waits", period), paths, Settings())
    assert [s.enrichment.method for s in made.enabled if s.enrichment] == ["reference", "reference"]
    assert codes(made) == codes(read_manifest(paths.enriched_manifest("waits_jan25")))


def test_the_pinned_reference_comes_first_and_must_be_there(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    put_draft(paths, "waits", "jan25", [table("Monthly", COLUMNS, title="Patients waiting")])
    pinned = enrich(unit("waits", "jan25"), paths, Settings())
    pinned.sources[0].code, pinned.sources[0].table = "waits_by_hand", "tbl_waits_by_hand"
    pinned.sources[0].description = "Named by a person."
    write_manifest(tmp_path / "manifests/reference/waits_jan25.enriched.yaml", pinned)
    put_draft(paths, "waits", "feb25", [table("Monthly", COLUMNS, title="Patients waiting")])
    made = enrich(
        unit("waits", "feb25", reference_manifest="manifests/reference/waits_jan25.enriched.yaml"), paths, Settings()
    )
    assert codes(made) == {"Monthly": "waits_by_hand"}
    assert made.enabled[0].description == "Named by a person."
    with pytest.raises(EnrichError, match="is not there"):
        enrich(unit("waits", "feb25", reference_manifest="manifests/reference/other.yaml"), paths, Settings())


def test_the_warehouse_is_asked_when_no_manifest_is_left(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    put_draft(paths, "waits", "jan25", [table("Monthly", COLUMNS, title="Patients waiting")])
    known = enrich(unit("waits", "jan25"), paths, Settings())
    known.sources[0].code = "waits_known_to_the_database"
    paths.enriched_manifest("waits_jan25").unlink()
    paths.pending_manifest("waits_jan25").unlink()
    put_draft(paths, "waits", "feb25", [table("Monthly", COLUMNS, title="Patients waiting")])
    made = enrich(unit("waits", "feb25"), paths, Settings(), warehouse=lambda publication: [known])
    assert codes(made) == {"Monthly": "waits_known_to_the_database"}


def test_a_review_with_a_slip_of_the_pen_is_refused_by_name(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    put_draft(paths, "waits", "jan25", [table("Monthly", COLUMNS, title="Patients waiting")])
    paths.review("waits_jan25").parent.mkdir(parents=True)
    paths.review("waits_jan25").write_text(
        yaml.safe_dump({"unit": "waits_jan25", "publication": "waits", "period": "jan25", "itmes": []})
    )
    with pytest.raises(EnrichError, match="itmes"):
        enrich(unit("waits", "jan25"), paths, Settings())
