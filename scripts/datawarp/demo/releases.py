"""The demo's releases: five publications of three periods each, in layouts that publishers really use.

What each publication shows:

- ``planned_care``: a cover and a notes sheet, title blocks, two-tier merged headers, suppression markers,
  a total set off by a blank row, footnotes, and a column that the third release renames;
- ``gp_appointments``: a CSV with codes such as ``007``, and a workbook whose months slide on by one a release;
- ``child_immunisation``: an OpenDocument spreadsheet with two tables, one above the other;
- ``community_staff``: a ZIP with a CSV and a workbook in it, whose one sheet the third release splits in two;
- ``ambulance_weekly``: a CSV file linked directly, with a title above its header and notes below its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from datawarp.demo.canvas import Canvas, Value, csv_bytes, ods_bytes, xlsx_bytes, zip_bytes
from datawarp.demo.figures import PRACTICES, PROVIDERS, PUBLISHER, REGIONS, Month, Provider, chance, count
from datawarp.registry.periods import parse_period

SUPPRESSED = "*"


@dataclass(frozen=True)
class DemoRelease:
    """One release: its files (name → bytes). ``direct`` releases are linked without a landing page."""

    period: str
    title: str
    files: dict[str, bytes]
    direct: bool = False


@dataclass(frozen=True)
class DemoPublication:
    """A publication and its releases, first to last."""

    code: str
    name: str
    frequency: str
    summary: str
    releases: tuple[DemoRelease, ...]


def publications() -> Iterator[DemoPublication]:
    """All publications of the demo, always the same to the byte."""
    yield DemoPublication(
        "planned_care",
        "Planned Care Waiting Times",
        "monthly",
        "Patients waiting to start planned treatment, by provider and region.",
        tuple(_planned_care(Month(2025, number)) for number in (4, 5, 6)),
    )
    yield DemoPublication(
        "gp_appointments",
        "Appointments in General Practice",
        "monthly",
        "Appointments by practice in the month, and by region over the last thirteen months.",
        tuple(_gp_appointments(Month(2025, number)) for number in (4, 5, 6)),
    )
    yield DemoPublication(
        "child_immunisation",
        "Childhood Immunisation Uptake",
        "quarterly",
        "Children immunised by their first and second birthday.",
        tuple(_child_immunisation(year, quarter) for year, quarter in ((2024, 4), (2025, 1), (2025, 2))),
    )
    yield DemoPublication(
        "community_staff",
        "Community Services Workforce",
        "quarterly",
        "Staff of community services by role, headcount and full-time equivalent.",
        tuple(_community_staff(year, quarter) for year, quarter in ((2024, 4), (2025, 1), (2025, 2))),
    )
    yield DemoPublication(
        "ambulance_weekly",
        "Ambulance Handovers, weekly",
        "weekly",
        "Handovers at emergency departments by site, each week.",
        tuple(_ambulance_weekly(2025, week) for week in (18, 19, 20)),
    )


def _cover(title: str, period: str, contents: Sequence[str]) -> Canvas:
    sheet = Canvas("Cover")
    sheet.line(title, bold=True)
    sheet.line(f"{period}, invented for demonstration")
    sheet.blank()
    sheet.line(f"Published by the {PUBLISHER}")
    sheet.line("None of these organisations exists and none of these numbers was counted.")
    sheet.blank()
    sheet.line("Contents", bold=True)
    for entry in contents:
        sheet.line(entry)
    return sheet


def _notes(*notes: str) -> Canvas:
    sheet = Canvas("Notes")
    sheet.line("Notes", bold=True)
    sheet.blank()
    for number, note in enumerate(notes, 1):
        sheet.line(f"[{number}]", note)
    return sheet


# planned care ---------------------------------------------------------------------------------

_PATHWAYS = ("Admitted pathways", "Non-admitted pathways")


def _planned_care(month: Month) -> DemoRelease:
    renamed = month.number >= 6
    sheets = [
        _cover("Planned Care Waiting Times", month.long, ["Table 1: by provider", "Table 2: by region", "Notes"]),
        _planned_care_providers(month, "Provider name" if renamed else "Organisation name"),
        _planned_care_regions(month),
        _notes(
            "A pathway is one patient's wait for one course of treatment.",
            "Counts of 1 to 4 are suppressed and shown as *.",
            "- means that the provider offers no such service.",
        ),
    ]
    name = f"Planned Care Waiting Times {month.long}.xlsx"
    return DemoRelease(month.code, f"Planned Care Waiting Times, {month.long}", {name: xlsx_bytes(sheets)})


def _pathways(month: Month, provider: Provider, pathway: str) -> tuple[int, int]:
    """Patients waiting, and those of them within 18 weeks."""
    is_small = chance("small", provider.code, pathway) < 0.15
    size = count(2, 8, provider.code, pathway) if is_small else count(90, 1800, provider.code, pathway)
    waiting = max(1, round(size * (0.9 + 0.2 * chance(provider.code, pathway, month.code))))
    return waiting, round(waiting * (0.5 + 0.4 * chance("within", provider.code, pathway, month.code)))


def _planned_care_providers(month: Month, name_header: str) -> Canvas:
    sheet = Canvas("Table 1")
    sheet.line("Table 1: Patients waiting to start planned treatment, by provider [1]", bold=True)
    sheet.line(f"Period: {month.long}")
    sheet.line(f"Source: {PUBLISHER}, planned care collection")
    sheet.blank()
    top = sheet.row
    sheet.line(None, None, None, _PATHWAYS[0], None, None, _PATHWAYS[1], None, None, bold=True)
    stub = ("Region", "Organisation code", name_header)
    tiers = ("Patients waiting", "Within 18 weeks [2]", "% within 18 weeks")
    sheet.line(*stub, *tiers, *tiers, bold=True)
    for left in (4, 7):
        sheet.merge(top, left, top, left + 2)
    percent = (None, None, None, None, None, "0.0%", None, None, "0.0%")
    totals = [tuple(map(sum, zip(*(_pathways(month, p, w) for p in PROVIDERS), strict=True))) for w in _PATHWAYS]
    sheet.line(
        "All regions",
        "X99",
        "All providers",
        *(v for waiting, within in totals for v in (waiting, within, round(within / waiting, 4))),
        bold=True,
        formats=percent,
    )
    sheet.blank()
    for provider in sorted(PROVIDERS, key=lambda p: (p.region.code, p.code)):
        figures: list[Value] = []
        for pathway in _PATHWAYS:
            if chance("offers", provider.code, pathway) < 0.08:
                figures += ["-", "-", "-"]
                continue
            waiting, within = _pathways(month, provider, pathway)
            small = waiting < 5 or within < 5
            figures += [SUPPRESSED] * 3 if small else [waiting, within, round(within / waiting, 4)]
        sheet.line(provider.region.name, provider.code, provider.name, *figures, formats=percent)
    sheet.blank()
    sheet.line("Notes", bold=True)
    sheet.line("[1] Pathways at the end of the month.")
    sheet.line("[2] Counts of 1 to 4, and rates that rest on them, are suppressed and shown as *.")
    sheet.line("- means that the provider offers no such service.")
    return sheet


def _planned_care_regions(month: Month) -> Canvas:
    sheet = Canvas("Table 2")
    sheet.line("Table 2: Patients waiting and median wait, by region", bold=True)
    sheet.line(f"Period: {month.long}")
    sheet.blank()
    sheet.line("Region code", "Region", "Patients waiting", "Median wait (weeks)", "Longest wait (weeks)", bold=True)
    for region in REGIONS:
        waiting = sum(_pathways(month, p, w)[0] for p in PROVIDERS if p.region == region for w in _PATHWAYS)
        median = round(9 + 4 * chance("median", region.code, month.code), 1)
        sheet.line(region.code, region.name, waiting, median, count(52, 78, "longest", region.code, month.code))
    sheet.blank()
    sheet.line("Source: planned care collection. Medians are rounded to one decimal place.")
    return sheet


# appointments in general practice ---------------------------------------------------------------

_MODES = ("Face-to-face", "Telephone", "Video or online")


def _gp_appointments(month: Month) -> DemoRelease:
    header = ["APPOINTMENT_MONTH", "GP_CODE", "GP_NAME", "REGION_CODE", *(m.upper() for m in _MODES), "DID_NOT_ATTEND"]
    rows: list[list[Value]] = [list(header)]
    for code, name, region in PRACTICES:
        by_mode: list[Value] = [count(300, 2600, code, mode, month.code) for mode in _MODES]
        if chance("no return", code, month.code) < 0.1:
            by_mode[2] = ""
        rows.append([month.short.upper(), code, name, region.code, *by_mode, count(10, 90, "dna", code, month.code)])
    files = {
        f"gp-appointments-practice-{month.code}.csv": csv_bytes(rows),
        f"gp-appointments-summary-{month.code}.xlsx": xlsx_bytes([_gp_summary(month)]),
    }
    return DemoRelease(month.code, f"Appointments in General Practice, {month.long}", files)


def _gp_summary(month: Month) -> Canvas:
    sheet = Canvas("Regional trend")
    sheet.line(f"Appointments by region, {month.plus(-12).long} to {month.long}", bold=True)
    sheet.line("Thousands of appointments; r marks a figure revised since the release before")
    sheet.blank()
    months = [month.plus(back) for back in range(-12, 1)]
    sheet.line("Region code", "Region", *(m.short for m in months), bold=True)
    for region in REGIONS:
        figures: list[Value] = [round(380 + 160 * chance("trend", region.code, m.code), 1) for m in months]
        if chance("revised", region.code, month.code) < 0.5:
            figures[-2] = f"{figures[-2]} r"
        if region.code == "Y04" and months[0].year == 2024 and months[0].number < 6:
            figures[0] = "[x]"
        sheet.line(region.code, region.name, *figures)
    sheet.blank()
    sheet.line("[x] not available: the system of this region was being replaced.")
    sheet.line(f"Source: {PUBLISHER}, practice systems.")
    return sheet


# childhood immunisation -------------------------------------------------------------------------

_VACCINES = {"12 months": ("6-in-1", "MenB", "Rotavirus"), "24 months": ("6-in-1", "MMR1", "PCV booster")}


def _quarter(year: int, quarter: int) -> tuple[str, str]:
    """A quarter's period code and its title: ``q1-2526``, ``April to June 2025``."""
    first = Month(year, 4).plus(3 * (quarter - 1))
    code = f"q{quarter}-{year % 100:02d}{(year + 1) % 100:02d}"
    return code, f"{first.long.split()[0]} to {first.plus(2).long}"


def _child_immunisation(year: int, quarter: int) -> DemoRelease:
    code, title = _quarter(year, quarter)
    sheet = Canvas("Uptake")
    sheet.line("Childhood immunisation uptake", bold=True)
    sheet.line(title)
    sheet.blank()
    for number, (age, vaccines) in enumerate(_VACCINES.items(), 1):
        sheet.line(f"Table {number}: Children immunised by {age}", bold=True)
        sheet.line("Region code", "Region", f"Children aged {age}", *(f"{v} (%)" for v in vaccines), bold=True)
        for region in REGIONS:
            uptake: list[Value] = [round(84 + 13 * chance(code, age, region.code, v), 1) for v in vaccines]
            if chance("confidential", code, age, region.code) < 0.25:
                uptake[-1] = "[c]"
            sheet.line(region.code, region.name, count(4200, 9800, code, age, region.code), *uptake)
        sheet.blank(2)
    sheet.line("[c] suppressed to protect confidentiality.")
    notes = _notes("Uptake is the share of eligible children immunised by the birthday named.", "[c] is confidential.")
    name = f"child_immunisation_{code.replace('-', '_')}.ods"
    return DemoRelease(code, f"Childhood Immunisation Uptake, {title}", {name: ods_bytes([sheet, notes])})


# community workforce ----------------------------------------------------------------------------

_ROLES = ("Nurses", "Health visitors", "Physiotherapists", "Speech therapists", "Support staff", "Managers")
_SEXES = ("Women", "Men")


def _community_staff(year: int, quarter: int) -> DemoRelease:
    code, title = _quarter(year, quarter)
    split = (year, quarter) >= (2025, 2)
    sheets = [_cover("Community Services Workforce", title, ["Staff by role", "Data file"])]
    sheets += [_staff(code, title, [s], f"Staff {s.lower()}") for s in _SEXES] if split else []
    sheets += [] if split else [_staff(code, title, _SEXES, "Staff")]
    rows: list[list[Value]] = [["Date", "Provider code", "Provider name", "Role", "Headcount", "FTE"]]
    end = parse_period(code).end
    for provider in PROVIDERS:
        for role in _ROLES[:4]:
            people = count(4, 90, code, provider.code, role)
            fte = round(people * (0.7 + 0.2 * chance("fte", code, provider.code, role)), 2)
            rows.append(
                [f"{end.day} {Month(end.year, end.month).long}", provider.code, provider.name, role, people, fte]
            )
    archive = zip_bytes(
        {
            f"Community staff {code}.csv": csv_bytes(rows, "cp1252"),
            f"tables/Community staff {code}.xlsx": xlsx_bytes(sheets),
        }
    )
    return DemoRelease(code, f"Community Services Workforce, {title}", {f"community-staff-{code}.zip": archive})


def _staff(code: str, title: str, sexes: Sequence[str], name: str) -> Canvas:
    sheet = Canvas(name)
    who = "" if len(sexes) > 1 else f", {sexes[0].lower()}"
    sheet.line(f"Staff of community services by role{who}", bold=True)
    sheet.line(title)
    sheet.blank()
    top = sheet.row
    sheet.line("Role", *(v for sex in sexes for v in (sex, None)), bold=True)
    sheet.line(None, *(v for _ in sexes for v in ("Headcount", "FTE")), bold=True)
    sheet.merge(top, 1, top + 1, 1)
    for k in range(len(sexes)):
        sheet.merge(top, 2 + 2 * k, top, 3 + 2 * k)
    for role in _ROLES:
        figures: list[Value] = []
        for sex in sexes:
            people = count(120, 2400, code, role, sex)
            figures += [people, round(people * (0.74 + 0.2 * chance("fte", code, role, sex)), 1)]
        sheet.line(role, *figures)
    sheet.blank()
    sheet.line("FTE is full-time equivalent.")
    return sheet


# ambulance handovers ----------------------------------------------------------------------------

_DELAY_BANDS: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("Handovers", lambda n: n),
    ("Over 15 minutes", lambda n: n * 2 // 5),
    ("Over 30 minutes", lambda n: n // 7),
    ("Over 60 minutes", lambda n: n // 31),
)


def _ambulance_weekly(year: int, week: int) -> DemoRelease:
    monday = date.fromisocalendar(year, week, 1)
    sunday = monday + timedelta(days=6)
    rows: list[list[Value]] = [
        [f"Ambulance handovers, week {week} of {year}"],
        [f"{monday:%d/%m/%Y} to {sunday:%d/%m/%Y}"],
        [],
        ["Site code", "Site", "Region", *(name for name, _ in _DELAY_BANDS)],
    ]
    for provider in PROVIDERS:
        handovers = count(60, 900, provider.code, year, week)
        figures: list[Value] = [share(handovers) for _, share in _DELAY_BANDS]
        if chance("no data", provider.code, week) < 0.1:
            figures = [".."] * len(_DELAY_BANDS)
        rows.append([f"{provider.code}01", provider.name, provider.region.name, *figures])
    rows += [[], [".. no data returned"], [f"Source: {PUBLISHER}"]]
    code = f"{year}-w{week:02d}"
    return DemoRelease(
        code, f"Ambulance handovers, week {week} of {year}", {f"handovers-{code}.csv": csv_bytes(rows)}, direct=True
    )
