"""The registry: read whole, or refused with everything that is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawarp.errors import RegistryError
from datawarp.registry.addresses import resolved
from datawarp.registry.registry import RESERVED_BEGINNINGS, RESERVED_CODES, Registry, read_registry

ROOT = Path(__file__).parents[2]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "config" / "publications.yaml"


def read(path: Path, text: str) -> Registry:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return read_registry(path)


def refusal(path: Path, text: str) -> str:
    with pytest.raises(RegistryError) as caught:
        read(path, text)
    return str(caught.value)


def release(*lines: str) -> str:
    return "publications:\n  adhd:\n    name: ADHD\n    urls:\n" + "".join(f"      - {line}\n" for line in lines)


def test_units_come_in_order_of_publication_then_of_period(written: Path) -> None:
    registry = read(
        written,
        release("{period: nov25, url: https://x.uk/n}", "{period: 2025-08, url: https://x.uk/a}")
        + "  aa: {name: A, urls: [{period: 2025, url: https://x.uk/y}]}\n",
    )
    assert [unit.name for unit in registry.units()] == ["adhd_2025-08", "adhd_nov25", "aa_2025"]
    assert [unit.name for unit in registry.units("aa")] == ["aa_2025"]


def test_a_unit_is_found_by_either_spelling_of_its_month(written: Path) -> None:
    registry = read(written, release("{period: aug25, url: https://x.uk/a}"))
    assert registry.unit("adhd_aug25") == registry.unit("adhd_2025-08")
    with pytest.raises(RegistryError, match="did you mean 'adhd_aug25'"):
        registry.unit("adhd_aug52")
    with pytest.raises(RegistryError, match="did you mean 'adhd'"):
        registry.units("adhdd")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("releases/nov25/", "/data/config/releases/nov25"),
        ("../files/My table 100% final%20v2.xlsx", "/data/files/My table 100% final%20v2.xlsx"),
        ("/srv/a b.csv", "/srv/a b.csv"),
        ("C%3A.csv", "/data/config/C%3A.csv"),
        ("https://x.uk/a%20b.csv", "https://x.uk/a%20b.csv"),
    ],
)
def test_addresses_are_kept_as_written_and_paths_found_from_the_registrys_folder(
    written: Path, url: str, place: str
) -> None:
    unit = read(written, release(f'{{period: aug25, url: "{url}"}}')).units()[0]
    assert unit.url == url
    assert unit.is_local is not url.startswith("https")
    assert resolved(unit.url, Path("/data/config")) == place


def test_years_and_days_need_no_quotes(written: Path) -> None:
    registry = read(written, release("{period: 2024, url: a}", "{period: 2025-08-31, url: b}"))
    assert [unit.period for unit in registry.units()] == ["2024", "2025-08-31"]


def test_what_a_release_says_for_itself_overrules_its_publication(written: Path) -> None:
    registry = read(
        written,
        """
        publications:
          adhd:
            name: ADHD
            files: {include: ["*.xlsx"]}
            sheets: {"Table 1": {header_rows: [5, 6]}}
            urls:
              - {period: aug25, url: a}
              - {period: sep25, url: b, files: {include: ["*sep*"]}, sheets: {"Table 2": {enabled: false}}}
        """,
    )
    august, september = registry.units()
    assert august.settings.files.include == ["*.xlsx"]
    assert september.settings.files.include == ["*sep*"]
    assert list(august.settings.sheets) == ["Table 1"]
    assert set(september.settings.sheets) == {"Table 1", "Table 2"}


def test_anchors_and_merges_work(written: Path) -> None:
    registry = read(
        written,
        """
        publications:
          a: &shared {name: A, publisher: NHS England, urls: [{period: aug25, url: x}]}
          b: {<<: *shared, name: B}
        """,
    )
    assert (registry.publications["b"].name, registry.publications["b"].publisher) == ("B", "NHS England")


def test_all_problems_are_told_at_once_with_line_and_hint(written: Path) -> None:
    told = refusal(
        written,
        """publications:
  adhd:
    name: ADHD
    frequncy: monthly
    frequency: montly
    landing_page: www.nhs.uk/adhd
    discover: '(['
    urls:
      - {period: aug25, url: htps://x.uk/a}
      - {period: 2025-08, url: https://x.uk/b}
      - {period: august, url: https://x.uk/c}
      - {period: 2025-02-30, url: https://x.uk/d}
      - {perod: jan25, url: 5}
  Bad-Code: {name: x}
  status: {name: x}
  empty:
publication: {}
""",
    )
    lines = told.splitlines()
    assert lines[0] == f"15 problems in {written}"
    expected = [
        (4, "unknown key 'frequncy'", "did you mean 'frequency'?"),
        (5, "'montly' is not one of hourly, daily, weekly, monthly", "did you mean 'monthly'?"),
        (6, "'www.nhs.uk/adhd' has no scheme", "write https://www.nhs.uk/adhd"),
        (7, "'([' is no regular expression", "quote it"),
        (9, "the scheme 'htps' is not fetched", "did you mean https://x.uk/a?"),
        (10, "the period 2025-08 is there twice, first as aug25", "remove one of the two"),
        (11, "period 'august' cannot be read", "aug25 or 2025-08 (month)"),
        (12, "period '2025-02-30' does not exist", "2025-08-31 (day)"),
        (13, "the key 'period' is missing", "add `period: …`"),
        (13, "unknown key 'perod'", "did you mean 'period'?"),
        (13, "input should be a valid string, found 5", ""),
        (14, "the publication code 'Bad-Code' cannot be used", "write bad_code"),
        (15, "'status' is a command of the workflow", "rename it"),
        (16, "publications.empty", ""),
        (17, "unknown key 'publication'", "did you mean 'publications'?"),
    ]
    for line, message, hint in expected:
        found = next(i for i, text in enumerate(lines) if text.startswith(f"  {written}:{line}: ") and message in text)
        assert hint in (lines[found + 1] if hint else "")


@pytest.mark.parametrize(("code", "better"), [("gp_", "gp"), ("gp__list", "gp_list"), ("_gp", "gp"), ("g__", "g")])
def test_codes_that_could_not_be_told_from_those_of_sources(written: Path, code: str, better: str) -> None:
    told = refusal(written, f"publications:\n  {code}: {{name: A}}\n")
    assert f"{written}:2: " in told
    assert f"the publication code '{code}' cannot be used" in told
    assert f"single _ between them, a letter first: write {better}" in told


def test_two_periods_stored_under_one_name_are_told(written: Path) -> None:
    told = refusal(written, release("{period: fy1112, url: a}", "{period: dec11, url: b}"))
    assert "fy1112 and dec11 are both stored as 2011-12" in told
    assert f"{written}:6:" in told


def test_a_key_written_twice_is_told_on_its_line(written: Path) -> None:
    told = refusal(written, "publications:\n  a: {name: A, name: B}\n  b: {name: B}\n  a: {name: C}\n")
    assert f"{written}:2: publications.a: the key 'name' is written twice" in told
    assert f"{written}:4: publications: the key 'a' is written twice, first on line 2" in told


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("publications:\n  a: [1\nb: 2\n", 3, "not valid YAML"),
        ("publications:\n\ta: 1\n", 2, "not valid YAML"),
        ("- a\n", 1, "expected keys and values, found a list"),
        ("publications: [a]\n", 1, "expected codes with their settings"),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "not valid YAML"),
        ("a: b: c\n", 1, "not valid YAML"),
    ],
)
def test_broken_yaml_is_told_with_its_line(written: Path, text: str, line: int, message: str) -> None:
    told = refusal(written, text)
    assert f"{written}:{line}: " in told
    assert message in told


def test_a_file_that_is_not_there_or_not_text(written: Path) -> None:
    with pytest.raises(RegistryError, match="no such file"):
        read_registry(written)
    written.parent.mkdir()
    written.write_bytes(b"publications: \xff\xfe")
    with pytest.raises(RegistryError, match="UTF-8"):
        read_registry(written)


def test_an_empty_registry_has_no_units(written: Path) -> None:
    assert read(written, "").units() == []
    assert read(written, "publications:\n").units() == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://x.uk/a.csv", "the scheme 'ftp' is not fetched"),
        ("file:///etc/passwd", "write the path alone: /etc/passwd"),
        ("https:/x.uk/a", "write https://x.uk/a"),
        ("https://", "names no host"),
        ("https://x.uk:99999/a", "not a web address"),
        ("https://x.uk/a b.csv", "write https://x.uk/a%20b.csv"),
        ("https://me:secret@x.uk/a", "holds a user name or password"),
        ("//x.uk/a.csv", "has no scheme"),
        (" a.csv", "begins or ends with a space"),
        ("", "the address is empty"),
    ],
)
def test_bad_addresses_are_told(written: Path, url: str, message: str) -> None:
    told = refusal(written, release(f'{{period: aug25, url: "{url}"}}'))
    assert message in told
    assert "secret" not in told


def test_a_missing_local_file_is_the_downloads_business(written: Path) -> None:
    assert read(written, release("{period: aug25, url: not/there.xlsx}")).units()[0].is_local


def test_the_shipped_registry_is_sound_and_real() -> None:
    registry = read_registry(ROOT / "config" / "publications.yaml")
    digital = {unit.publication for unit in registry.units() if unit.url.startswith("https://digital.nhs.uk/")}
    england = {unit.publication for unit in registry.units() if unit.url.startswith("https://www.england.nhs.uk/")}
    assert len(digital) == 7
    assert len(england) >= 5
    assert all(p.licence == "OGL-UK-3.0" and p.landing_page for p in registry.publications.values())


def test_no_publication_can_have_the_name_of_a_rule() -> None:
    written = "".join(path.read_text() for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
    rules = set(re.findall(r"^(?:rule|checkpoint) (\w+):", written, re.M))
    assert rules
    free = {rule for rule in rules if not rule.startswith(RESERVED_BEGINNINGS)} - RESERVED_CODES
    assert not free, "add them to RESERVED_CODES of datawarp.registry.registry"


def test_no_publication_can_have_the_name_of_a_target_that_ends_in_a_unit() -> None:
    written = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    targets = set(re.findall(r'asked_for\("(\w+)"\)', written)) | {"refresh"}
    assert {f"{target}_" for target in targets} <= set(RESERVED_BEGINNINGS)


SAMPLE = (ROOT / "config" / "publications.yaml").read_text()[:2500]


@given(st.integers(0, len(SAMPLE)), st.text("{}[]:,-&*!|>'\"%@`#\t\n a?", min_size=1, max_size=4), st.integers(0, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_slip_of_the_pen_is_read_or_told_with_a_line(tmp_path: Path, place: int, slip: str, removed: int) -> None:
    path = tmp_path / "publications.yaml"
    try:
        read(path, SAMPLE[:place] + slip + SAMPLE[place + removed :])
    except RegistryError as refused:
        assert re.search(rf"{path}:[1-9][0-9]*: ", str(refused))
