"""Releases that landing pages link and the registry lacks."""

from __future__ import annotations

import gc
from datetime import date
from pathlib import Path

import pytest
from publisher import Publisher, england_page, publication_page, status

from datawarp.acquire.discover import Discovery, LinkReader, discover
from datawarp.acquire.http import Client
from datawarp.acquire.landing import LandingPage
from datawarp.errors import RegistryError
from datawarp.files import read_json
from datawarp.registry.edit import NewRelease, add_releases, release_line
from datawarp.registry.paths import Paths
from datawarp.registry.registry import read_registry
from datawarp.registry.settings import Settings

TODAY = date(2026, 1, 20)


@pytest.fixture
def registry_file(tmp_path: Path) -> Path:
    return tmp_path / "publications.yaml"


def found(path: Path, text: str, paths: Paths, settings: Settings) -> Discovery:
    path.write_text(text)
    return discover(read_registry(path), paths, settings, TODAY)


def proposed(discovery: Discovery) -> list[tuple[str, str, str]]:
    return [(p.publication, p.period, p.url) for p in discovery.proposals]


def test_releases_of_the_known_shape_are_proposed_as_lines_to_paste(
    site: Publisher, registry_file: Path, paths: Paths, settings: Settings
) -> None:
    links = ["november-2025", "october-2025", "september-2025", "february-2026", "data-quality-november-2025", "about"]
    landing = site.page("/mi-adhd", publication_page("ADHD", [(f"/mi-adhd/{link}", link) for link in links]))
    discovery = found(
        registry_file,
        f"""
publications:
  adhd:
    name: ADHD
    landing_page: {landing}
    urls:
      - {{period: sep25, url: {landing}/september-2025}}
""",
        paths,
        settings,
    )
    assert proposed(discovery) == [
        ("adhd", "oct25", f"{landing}/october-2025"),
        ("adhd", "nov25", f"{landing}/november-2025"),
    ]
    text = discovery.text(read_registry(registry_file))
    assert f"      - {{period: oct25, url: {landing}/october-2025}}\n" in text
    assert "under publications.adhd.urls" in text
    assert [p["period"] for p in read_json(paths.discovered)["proposals"]] == ["oct25", "nov25"]


def test_codes_follow_the_registrys_own_spelling(
    site: Publisher, registry_file: Path, paths: Paths, settings: Settings
) -> None:
    landing = site.page("/mi-adhd", publication_page("ADHD", [("/mi-adhd/october-2025", "October")]))
    known = f"{{period: 2025-09, url: {landing}/september-2025}}"
    text = f"publications:\n  a: {{name: A, landing_page: {landing}, urls: [{known}]}}"
    assert [p.period for p in found(registry_file, text, paths, settings).proposals] == ["2025-10"]


def test_one_page_of_files_serves_several_publications_and_moved_files_are_told(
    site: Publisher, registry_file: Path, paths: Paths, settings: Settings
) -> None:
    up = "/wp-content/uploads/sites/2"
    landing = site.page(
        "/ae",
        england_page(
            "A&E",
            [
                (f"{up}/2026/01/December-2025-AE-by-provider-Sa9Xc.xls", "December"),
                (f"{up}/2026/01/Quarter-3-2025-26-AE-by-provider-jvRWD.xls", "Quarter 3"),
                (f"{up}/2026/01/November-2025-AE-by-provider-aB3dE-revised.xls", "November"),
                (f"{up}/2026/01/December-2025-Timeseries.xls", "Series"),
            ],
        ),
    )
    discovery = found(
        registry_file,
        f"""
publications:
  monthly:
    name: A&E
    landing_page: {landing}
    urls: [{{period: nov25, url: {site.url(up)}/2025/12/November-2025-AE-by-provider-0Qu74-1.xls}}]
  quarterly:
    name: A&E
    landing_page: {landing}
    urls: [{{period: q2-2526, url: {site.url(up)}/2025/11/Quarter-2-2025-2026-AE-by-provider-fa97L-revised-v2-1.xls}}]
""",
        paths,
        settings,
    )
    assert [(p, period) for p, period, _ in proposed(discovery)] == [("monthly", "dec25"), ("quarterly", "q3-2526")]
    assert [(m.publication, m.period) for m in discovery.moved] == [("monthly", "nov25")]
    assert "monthly_nov25" in discovery.text(read_registry(registry_file))
    assert site.asked("/ae") == 1


def test_a_new_publications_releases_lie_under_its_landing_page(
    site: Publisher, registry_file: Path, paths: Paths, settings: Settings
) -> None:
    landing = site.page(
        "/qof",
        publication_page("QOF", [("/qof/2024-25", "2024-25"), ("/qof/2024-25/annex", "x"), ("/other/2023-24", "y")]),
    )
    text = f"publications:\n  qof: {{name: QOF, frequency: annual, landing_page: {landing}}}\n"
    assert proposed(found(registry_file, text, paths, settings)) == [("qof", "fy2425", f"{landing}/2024-25")]


def test_pages_by_year_under_the_landing_page_are_read(
    site: Publisher, registry_file: Path, paths: Paths, settings: Settings
) -> None:
    landing = site.page(
        "/ae/", publication_page("A&E", [("/ae/activity-2025-26/", "2025-26"), ("/ae/activity-2010-11/", "old")])
    )
    site.page("/ae/activity-2025-26/", england_page("A&E", [("/up/2026/01/December-2025-AE-xY12z.xls", "December")]))
    known = f"{{period: nov25, url: {site.url('/up/2025/12/November-2025-AE-ab12C.xls')}}}"
    text = f"publications:\n  ae: {{name: A&E, landing_page: {landing}, urls: [{known}]}}\n"
    assert [p.period for p in found(registry_file, text, paths, settings).proposals] == ["dec25"]
    assert site.asked("/ae/activity-2010-11/") == 0


def test_a_pattern_overrules_shapes(site: Publisher, registry_file: Path, paths: Paths, settings: Settings) -> None:
    landing = site.page(
        "/x", publication_page("X", [("/pub/202510/a", "A"), ("/pub/202511/b", "B"), ("/y/202512/a", "C")])
    )
    text = f"publications:\n  x: {{name: X, landing_page: {landing}, discover: '/pub/(?P<period>[0-9]{{6}})/'}}\n"
    assert [p.period for p in found(registry_file, text, paths, settings).proposals] == ["oct25", "nov25"]


def test_a_page_that_cannot_be_read_does_not_hide_the_others(
    site: Publisher, registry_file: Path, paths: Paths, settings: Settings
) -> None:
    site.always("/down", status(500))
    good = site.page("/good", publication_page("G", [("/good/october-2025", "x")]))
    discovery = found(
        registry_file,
        f"publications:\n  a: {{name: A, landing_page: {site.url('/down')}}}\n  b: {{name: B, landing_page: {good}}}\n",
        paths,
        settings,
    )
    assert "500" in discovery.problems["a"]
    assert [p.publication for p in discovery.proposals] == ["b"]
    with pytest.raises(RegistryError, match="did you mean"):
        discover(read_registry(registry_file), paths, settings, TODAY, ["aa"])


REGISTRY = """\
# Ours.
publications:   # all of them

  adhd:
    name: 'ADHD'      # quoted
    urls:
      - {period: aug25, url: https://x.uk/august-2025}   # a note
      # nothing for September

  blocks:
    name: B
    urls:
    - period: aug25
      url: "https://x.uk/b"
    # end of blocks
  flow: {name: F, urls: [{period: aug25, url: https://x.uk/f}]}
  none:
    name: N   # none yet
"""


def test_pages_are_read_once_and_not_kept(site: Publisher, settings: Settings, tmp_path: Path) -> None:
    """A parsed page is many times its size: of hundreds of publications only the links may stay."""
    pages = [site.page(f"/{number}", f'<a href="/{number}/aug25">August 2025</a>') for number in range(5)]
    with Client(settings.http) as client:
        reader = LinkReader(client, tmp_path / "page")
        read = [reader(page) for page in (*pages, pages[0])]
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, LandingPage)]
    assert [links[0].text for links in read] == ["August 2025"] * 6
    assert len(site.requests) == 5


def test_a_new_line_is_the_only_difference(registry_file: Path) -> None:
    registry_file.write_bytes(REGISTRY.encode())
    add_releases(
        registry_file, {"adhd": [NewRelease("sep25", "https://x.uk/s"), NewRelease("oct25", "https://x.uk/o")]}
    )
    added = "      - {period: sep25, url: https://x.uk/s}\n      - {period: oct25, url: https://x.uk/o}\n"
    note = "   # a note\n"
    assert registry_file.read_text() == REGISTRY.replace(note, note + added)


def test_lists_of_every_style_are_added_to(registry_file: Path) -> None:
    registry_file.write_bytes(REGISTRY.encode())
    release = NewRelease("sep25", "https://x.uk/a,b{c}#d")
    add_releases(registry_file, {code: [release] for code in ("blocks", "flow", "none")})
    registry = read_registry(registry_file)
    for code in ("blocks", "flow", "none"):
        assert registry.unit(f"{code}_sep25").url == release.url
    text = registry_file.read_text()
    for comment in (
        "# Ours.",
        "# all of them",
        "# quoted",
        "# a note",
        "# nothing for September",
        "# end of blocks",
        "# none yet",
    ):
        assert comment in text
    assert "'ADHD'" in text


def test_line_ends_and_a_missing_last_one_are_kept(registry_file: Path) -> None:
    text = "publications:\r\n  a:\r\n    name: A\r\n    urls:\r\n      - {period: aug25, url: x}"
    registry_file.write_bytes(text.encode())
    add_releases(registry_file, {"a": [NewRelease("2024", "y z")]})
    assert registry_file.read_bytes().decode() == f"{text}\r\n      - {{period: 2024, url: y z}}\r\n"


def test_what_would_break_the_registry_is_not_written(registry_file: Path) -> None:
    registry_file.write_bytes(REGISTRY.encode())
    with pytest.raises(RegistryError, match="there twice"):
        add_releases(registry_file, {"adhd": [NewRelease("2025-08", "https://x.uk/again")]})
    assert registry_file.read_text() == REGISTRY
    assert [p.name for p in registry_file.parent.iterdir()] == [registry_file.name]


def test_a_line_is_quoted_only_where_it_must_be() -> None:
    assert release_line(NewRelease("aug25", "https://x.uk/a?b=c")) == "{period: aug25, url: https://x.uk/a?b=c}"
    assert release_line(NewRelease("aug25", "a, b")) == "{period: aug25, url: 'a, b'}"
