"""Random statistical sheets with known tables: what detection must give back exactly.

A sheet is drawn as a plan (preamble, tables with their tiers, stubs, bodies, notes) and then laid out on a
grid; the layout writes down where each table came to lie.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Literal

from hypothesis import strategies as st

from datawarp.sheets.grid import Cell, Grid, Merge, column_letters

MARKERS = ("*", "-", ":", "..", "[c]", "[x]", "z", "[low]", "n/a")
PLACES = (
    "North East", "North West", "Yorkshire and The Humber", "East Midlands", "West Midlands",
    "East of England", "London",
    "South East", "South West", "Wales", "Scotland", "Northern Ireland", "Bristol", "Leeds", "Cardiff",
    "Belfast", "Fife",
    "Powys", "Derry City and Strabane", "Isles of Scilly",
)  # fmt: skip
MEASURES = (
    "Number of patients", "Admissions", "Total waiting", "Median wait (weeks)", "Practices", "List size",
    "Percentage seen",
    "Rate per 100,000", "Attendances", "Deaths", "Vacancies", "Expenditure (£)", "Index", "Lower CI", "Upper CI",
)  # fmt: skip
GROUPS = (
    "Males",
    "Females",
    "Persons",
    "All ages",
    "England and Wales",
    "Inpatients",
    "Outpatients",
    "Type 1",
    "Type 2",
)
STUBS = ("Code", "Area name", "Organisation", "Age group", "Service")
TITLES = (
    "Table {n}: Patients waiting by region", "Table {n} Number of admissions, England", "Deaths registered by area",
    "Workforce by organisation, August 2024",
)  # fmt: skip
PREAMBLE = (
    "This worksheet contains one table. Some cells refer to notes which can be found on the notes worksheet.",
    "Source: Office for National Statistics", "Released 12 June 2024", "England, 2023 to 2024", "Return to Contents",
)  # fmt: skip
NOTES = (
    "Source: Hospital Episode Statistics", "Notes",
    "1. Figures are rounded to the nearest five and may not sum to totals.",
    "* Values between 1 and 4 are suppressed.",
    "[c] Confidential. This figure has been withheld to protect identities.",
    "Copyright © 2024, Crown copyright. Reproduced under the Open Government Licence.",
)  # fmt: skip
Body = Literal["integers", "decimals", "percentages"]


@dataclass
class Expected:
    """A table as the generator laid it out: 1-based rows, column letters."""

    header_rows: tuple[int, int]
    data_rows: tuple[int, int]
    n_rows: int
    columns: list[str]
    headers: list[str]
    sums: dict[str, float]
    markers: dict[str, int]
    wide: list[str] | None = None


@dataclass
class Sheet:
    """A grid in the making."""

    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)

    def grid(self) -> Grid:
        height = 1 + max(r for r, _ in self.cells)
        width = 1 + max(c for _, c in self.cells)
        rows: list[list[Cell]] = [[None] * width for _ in range(height)]
        for (r, c), value in self.cells.items():
            rows[r][c] = value
        return Grid("Table", None, rows, "generator", merges=self.merges)


@dataclass(frozen=True)
class Plan:
    """How one table looks."""

    stubs: int
    groups: int  # 0: one tier
    leaves: int
    merged: bool
    stub_merged: bool
    code_row: bool
    body: Body
    rows: int
    total_then_blank: bool
    section_every: int  # 0: none
    blank_every: int  # 0: none
    marker_share: float
    spacer: bool
    months: bool
    stub_headless: bool
    blank_below_header: bool
    seed: int


@st.composite
def plans(draw: st.DrawFn, *, small: bool = False) -> Plan:
    """The look of one table."""
    months = not small and draw(st.integers(0, 5)) == 0
    code_row = not months and draw(st.integers(0, 5)) == 0
    groups = 0 if months else draw(st.sampled_from([0, 0, 2, 3]))
    return Plan(
        stubs=draw(st.integers(1, 3)),
        groups=groups,
        leaves=draw(st.integers(5, 14)) if months else draw(st.integers(2, 4)),
        merged=draw(st.booleans()),
        stub_merged=draw(st.booleans()),
        code_row=code_row,
        body=draw(st.sampled_from(["integers", "decimals", "percentages"])),
        rows=draw(st.integers(3 if code_row else 1, 30)),
        total_then_blank=draw(st.integers(0, 4)) == 0,
        section_every=draw(st.sampled_from([0, 0, 0, 5])),
        blank_every=draw(st.sampled_from([0, 0, 0, 4])),
        marker_share=draw(st.sampled_from([0.0, 0.1, 0.4])),
        spacer=groups > 0 and draw(st.booleans()),
        months=months,
        stub_headless=draw(st.integers(0, 5)) == 0,
        blank_below_header=draw(st.integers(0, 5)) == 0,
        seed=draw(st.integers(0, 10**6)),
    )


def _stub_value(random: Random, n: int, row: int) -> str:
    if n == 0:
        return f"{PLACES[row % len(PLACES)]}{'' if row < len(PLACES) else f' {row // len(PLACES)}'}"
    return (
        f"{random.choice('ERQW')}{random.randint(10, 99)}{random.choice('ABCX')}" if n == 1 else random.choice(GROUPS)
    )


def _figure(random: Random, plan: Plan) -> Cell:
    if random.random() < plan.marker_share:
        return random.choice(MARKERS)
    if plan.body == "integers":
        return float(random.randint(0, 50_000))
    return round(random.random(), 6) if plan.body == "percentages" else round(random.random() * 500, 2)


def lay_table(sheet: Sheet, plan: Plan, top: int, left: int) -> tuple[int, int]:
    """Lay a table with its header's first row at ``top``; gives the first free row and column after it."""
    random = Random(plan.seed)
    measures = random.sample(MEASURES, min(plan.leaves, len(MEASURES)))
    names = random.sample(GROUPS, plan.groups)
    columns: list[tuple[int, str]] = []  # 0-based column, header
    leaf_row = top + (1 if plan.groups else 0)
    for n in range(plan.stubs):
        name = "" if plan.stub_headless and n == 0 and not plan.code_row else STUBS[(plan.seed + n) % len(STUBS)]
        if name:
            row = top if plan.groups and plan.merged and plan.stub_merged else leaf_row
            sheet.cells[row, left + n] = name
            if row < leaf_row:
                sheet.merges.append(Merge(row, left + n, leaf_row, left + n))
        columns.append((left + n, name))
    column = left + plan.stubs
    wide: list[str] | None = None
    if plan.months:
        wide = []
        for m in range(plan.leaves):
            day = date(2023 + (3 + m) // 12, (3 + m) % 12 + 1, 1)
            label = day.strftime("%b-%y")
            sheet.cells[leaf_row, column] = label
            columns.append((column, label))
            wide.append(column_letters(column))
            column += 1
    for g in range(max(1, plan.groups) if not plan.months else 0):
        if plan.groups:
            sheet.cells[top, column] = names[g]
            if plan.merged:
                sheet.merges.append(Merge(top, column, top, column + len(measures) - 1))
        for measure in measures:
            sheet.cells[leaf_row, column] = measure
            columns.append((column, f"{names[g]} | {measure}" if plan.groups else measure))
            column += 1
        if plan.spacer and g + 1 < plan.groups:
            column += 1
    row = leaf_row
    if plan.code_row:
        row += 1
        coded = []
        for n, (c, header) in enumerate(columns):
            if n >= plan.stubs:
                code = f"{random.choice('ABCDKL')}{random.choice('ABYZ')}{n:02d}"
                sheet.cells[row, c] = code
                header = f"{header} | {code}"
            coded.append((c, header))
        columns = coded
    header_rows = (top + 1, row + 1)
    row += 1 + plan.blank_below_header
    first = None
    filled = 0
    sums: dict[str, float] = {}
    markers: dict[str, int] = {}
    for n in range(plan.rows):
        if n and plan.section_every and n % plan.section_every == 0 and plan.rows - n >= 1:
            sheet.cells[row, left] = f"{GROUPS[n % len(GROUPS)]} in {n}"
            first = row if first is None else first
            filled += 1
            row += 1
        elif (n and plan.blank_every and n % plan.blank_every == 0) or (n == 1 and plan.total_then_blank):
            row += 1
        first = row if first is None else first
        filled += 1
        for k, (c, _) in enumerate(columns):
            if k < plan.stubs:
                sheet.cells[row, c] = "England" if n == 0 and k == 0 else _stub_value(random, k, n)
                continue
            # The first row of a column is a figure, so that its type does not hang on chance.
            value = _figure(random, plan) if n else float(random.randint(10, 99)) + 0.5 * (plan.body == "decimals")
            sheet.cells[row, c] = value
            letters = column_letters(c)
            if isinstance(value, str):
                markers[letters] = markers.get(letters, 0) + 1
            else:
                sums[letters] = sums.get(letters, 0.0) + float(value)  # type: ignore[arg-type]
        row += 1
    assert first is not None
    letters = [column_letters(c) for c, _ in columns]
    headers = [h for _, h in columns]
    sheet.expected.append(Expected(header_rows, (first + 1, row), filled, letters, headers, sums, markers, wide))
    return row, column


def _preamble(sheet: Sheet, random: Random, rows: int, left: int) -> int:
    for r in range(rows):
        sheet.cells[r, left] = (
            TITLES[random.randrange(len(TITLES))].format(n=1) if r == 0 else PREAMBLE[(r - 1) % len(PREAMBLE)]
        )
    return rows


def _notes(sheet: Sheet, random: Random, rows: int, top: int, left: int) -> None:
    chosen = random.sample(NOTES, min(rows, len(NOTES)))
    for r, text in enumerate(chosen):
        sheet.cells[top + r, left] = text


@st.composite
def single_tables(draw: st.DrawFn) -> Sheet:
    """One table with a preamble above and notes below."""
    sheet = Sheet()
    random = Random(draw(st.integers(0, 10**6)))
    left = draw(st.sampled_from([0, 0, 1]))
    top = _preamble(sheet, random, draw(st.integers(0, 6)), left)
    top += draw(st.integers(0, 2)) if top else draw(st.sampled_from([0, 3]))
    end, _ = lay_table(sheet, draw(plans()), top, left)
    _notes(sheet, random, draw(st.integers(0, 5)), end + draw(st.integers(1, 2)), left)
    return sheet


@st.composite
def stacked_tables(draw: st.DrawFn) -> Sheet:
    """Two or three tables below each other, each under its own title."""
    sheet = Sheet()
    random = Random(draw(st.integers(0, 10**6)))
    row = _preamble(sheet, random, draw(st.integers(0, 3)), 0)
    for n in range(draw(st.integers(2, 3))):
        sheet.cells[row, 0] = TITLES[n % len(TITLES)].format(n=n + 1)
        row += 1 + draw(st.integers(0, 1))
        row, _ = lay_table(sheet, draw(plans(small=True)), row, 0)
        row += draw(st.integers(1, 3))
    _notes(sheet, random, draw(st.integers(0, 4)), row, 0)
    return sheet


@st.composite
def tables_side_by_side(draw: st.DrawFn) -> Sheet:
    """Two tables beside each other, of different lengths, apart by one or two blank columns."""
    sheet = Sheet()
    random = Random(draw(st.integers(0, 10**6)))
    top = _preamble(sheet, random, draw(st.integers(0, 3)), 0) + 1
    left = 0
    for n in range(2):
        sheet.cells[top, left] = TITLES[n].format(n=n + 1)
        plan = draw(plans(small=True).filter(lambda p: not p.spacer and not p.stub_headless))
        _, left = lay_table(sheet, plan, top + 1, left)
        left += draw(st.integers(1, 2))
    return sheet


@st.composite
def text_tables(draw: st.DrawFn) -> Sheet:
    """A lookup of codes and names, all text."""
    sheet = Sheet()
    random = Random(draw(st.integers(0, 10**6)))
    top = _preamble(sheet, random, draw(st.integers(0, 3)), 0)
    top += draw(st.integers(0, 1)) if top else 0
    names = ["Organisation code", "Organisation name", "Region", "Type"][: draw(st.integers(2, 4))]
    n = draw(st.integers(3, 40))
    for c, name in enumerate(names):
        sheet.cells[top, c] = name
    for r in range(1, n + 1):
        row = [
            f"R{r:02d}{random.choice('ABCDE')}",
            f"{PLACES[r % 20]} Trust {r}",
            PLACES[r % 9],
            random.choice(GROUPS[:3]),
        ]
        for c in range(len(names)):
            sheet.cells[top + r, c] = row[c]
    letters = [column_letters(c) for c in range(len(names))]
    sheet.expected.append(Expected((top + 1, top + 1), (top + 2, top + 1 + n), n, letters, names, {}, {}))
    return sheet
