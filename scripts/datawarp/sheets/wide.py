"""Runs of consecutive periods among a table's columns: a time series laid out across the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from datawarp.sheets.cells import BLANK, one_line
from datawarp.sheets.columns import JOIN
from datawarp.sheets.grid import Cell
from datawarp.sheets.headers import HeaderBlock
from datawarp.sheets.labels import PeriodLabel, as_series, read_label
from datawarp.sheets.view import View

SHORTEST = 4  # columns that make a series by themselves
SHORTEST_ALL = 3  # columns that make one when they are all the data columns of the table


@dataclass
class WideRun:
    """Period columns (0-based), the period of each, and its label as printed."""

    columns: list[int]
    periods: list[PeriodLabel]
    labels: list[str]
    evidence: str


def find_wide(
    view: View, block: HeaderBlock, parts: dict[int, list[str]], columns: list[int], data: list[int]
) -> WideRun | None:
    """The longest run of columns whose headers are consecutive periods and differ in nothing else."""
    best = _joined_run(parts, columns, data)
    for i in block.rows:
        week_row = re.search(r"\bweek|\bwk\b", " ".join(_stub_texts(view, i, columns)), re.I) is not None
        labels = {c: _label(view.value(i, c), week_row) for c in columns if view.kinds[i][c] != BLANK}
        for run in _runs(labels, columns):
            found = _checked(view, i, run, labels, parts, data)
            if found and (best is None or _rank(found) > _rank(best)):
                best = found
    return best


def _is_aside(part: str) -> bool:
    """Whether a tier tells columns apart no further than their period does: a period, a number, a mark in brackets."""
    return part.isdigit() or read_label(part) is not None or re.fullmatch(r"\[[^\]]*\]", part) is not None


def _joined_run(parts: dict[int, list[str]], columns: list[int], data: list[int]) -> WideRun | None:
    """Months or quarters printed under the heading of their year: 2023 above Jan, Feb, Mar."""
    labels = {c: _joined(parts[c]) for c in columns if len(parts[c]) >= 2}
    best: WideRun | None = None
    for run in _runs(labels, columns):
        periods = as_series([x for c in run if (x := labels[c])])
        if periods is None or len(run) < SHORTEST or len({len(parts[c]) for c in run}) > 1:
            continue
        printed = [JOIN.join(parts[c]) for c in run]
        found = WideRun(run, periods, printed, _evidence(printed, periods))
        if best is None or len(found.columns) > len(best.columns):
            best = found
    return best


def _joined(tiers: list[str]) -> PeriodLabel | None:
    """The period that a year and a month or quarter below it name together, when neither names it alone."""
    year, part = tiers[-2], tiers[-1]
    if len(tiers) > 2 or read_label(part):
        return None
    found = read_label(year)
    return read_label(f"{part} {year}") if found and found.kind in ("year", "financial_year") else None


def _evidence(printed: list[str], periods: list[PeriodLabel]) -> str:
    what = periods[0].kind.replace("_", " ")
    return f"{len(printed)} columns are consecutive {what}s, {printed[0]} to {printed[-1]}: stored long"


def _rank(run: WideRun) -> tuple[int, bool]:
    return (len(run.columns), run.periods[0].kind != "week_number")


def _stub_texts(view: View, i: int, columns: list[int]) -> list[str]:
    return [one_line(view.value(i, c)) for c in columns[:3] if isinstance(view.value(i, c), str)]


def _label(value: Cell, week_row: bool) -> PeriodLabel | None:
    if week_row and isinstance(value, int | float) and not isinstance(value, bool):
        week = int(value)
        return PeriodLabel("week_number", week, f"W{week:02d}") if value == week and 1 <= week <= 53 else None
    return read_label(value)


def _runs(labels: dict[int, PeriodLabel | None], columns: list[int]) -> list[list[int]]:
    """Neighbouring columns with a period label each, cut where the periods stop being consecutive."""
    stretches: list[list[int]] = [[]]
    for c in columns:
        label = labels.get(c)
        if label is None:
            stretches.append([])
            continue
        stretches[-1].append(c)
    runs: list[list[int]] = []
    for stretch in stretches:
        if as_series([x for c in stretch if (x := labels[c])]):
            runs.append(stretch)  # the usual case; what begins a series is one too
            continue
        run: list[int] = []
        for c in stretch:
            trial = [*run, c]
            if len(trial) == 1 or as_series([x for t in trial if (x := labels[t])]):
                run = trial
            else:
                runs.append(run)
                run = [c]
        runs.append(run)
    return [run for run in runs if len(run) >= 2]


def _checked(
    view: View,
    i: int,
    run: list[int],
    labels: dict[int, PeriodLabel | None],
    parts: dict[int, list[str]],
    data: list[int],
) -> WideRun | None:
    periods = as_series([x for c in run if (x := labels[c])])
    if periods is None:
        return None
    if len(run) < SHORTEST and not (len(run) >= SHORTEST_ALL and set(data) <= set(run)):
        return None
    printed = {c: one_line(view.value(i, c)) for c in run}
    others = {tuple(p for p in parts[c] if p != printed[c] and not _is_aside(p)) for c in run}
    if len(others) > 1:
        return None  # the columns differ in more than their period
    texts = [printed[c] for c in run]
    return WideRun(run, periods, texts, _evidence(texts, periods))
