"""A known table, written in a random dialect, comes back exactly: in memory, streamed, and typed the same."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawarp.sheets.book import open_book
from datawarp.sheets.detect import detect
from datawarp.sheets.typed_table import typed_table

relaxed = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

WORDS = [
    "Leeds",
    "North East",
    "Café",
    "Bury, Bolton",
    'say "so"',
    '5" pipe',
    "A&E",
    "two\nlines",
    "O'Neill",
    "50%",
    "a;b",
]
FIGURES = [
    "0",
    "7",
    "1,234",
    "-5",
    "12.5",
    "*",
    "",
    "007",
    "1E5",
    "99999999999999999999",
    "TRUE",
    "[c]",
    "10,5",
    "1 234",
]


@dataclass(frozen=True)
class Written:
    """A table and the bytes of a file that holds it."""

    rows: list[list[str]]
    data: bytes
    delimiter: str


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Six to forty records of words, codes and figures in a dialect that can hold them."""
    width = draw(st.integers(2, 8))
    n = draw(st.integers(6, 40))
    kinds = [
        "code",
        *draw(st.lists(st.sampled_from(["word", "figure", "code"]), min_size=width - 1, max_size=width - 1)),
    ]
    rows = [[f"Heading {i}" for i in range(width)]]
    for r in range(n):
        words = {
            "code": st.just(f"A{81000 + r}"),
            "word": st.sampled_from(WORDS),
            "figure": st.sampled_from(FIGURES),
        }
        rows.append([draw(words[kind]) for kind in kinds])
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=newline)
    writer.writerows(rows)
    whole = text.getvalue()
    if draw(st.booleans()):
        whole = whole.removesuffix(newline)
    return Written(rows, whole.encode(encoding), delimiter)


def records(data: bytes, streamed: int | None = None) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "original"
        path.write_bytes(data)
        (grid,) = open_book(path, "file.csv", streamed=streamed)
        found = grid.stream.records() if grid.stream is not None else grid.rows
        return [["" if cell is None else str(cell) for cell in row] for row in found]


@relaxed
@given(written())
def test_every_cell_comes_back(file: Written) -> None:
    wanted = [list(row) for row in file.rows]
    for row in wanted:
        while row and row[-1] == "":
            row.pop()
    assert records(file.data) == wanted
    assert records(file.data, streamed=50) == wanted


NOTATIONS = {  # between thousands, before decimals
    "plain": ("", "."),
    "english": (",", "."),
    "continental": (".", ","),
    "french": ("\u202f", ","),
    "swiss": ("'", "."),
    "comma": ("", ","),
}


def printed(value: float, digits: int, notation: str) -> str:
    thousands, point = NOTATIONS[notation]
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans({",": thousands, ".": point}))


@st.composite
def figures(draw: st.DrawFn) -> tuple[list[tuple[int, float]], str, str, int]:
    """Whole numbers and rates, how they are written, between which delimiters, with how many decimals."""
    numbers = st.tuples(st.integers(-5_000_000, 5_000_000), st.integers(-10_000_000, 10_000_000))
    digits = draw(st.integers(1, 4))
    values = [(whole, rate / 10**digits) for whole, rate in draw(st.lists(numbers, min_size=6, max_size=25))]
    return values, draw(st.sampled_from(sorted(NOTATIONS))), draw(st.sampled_from([",", ";", "\t", "|"])), digits


@relaxed
@given(figures())
def test_figures_are_right_or_text(case: tuple[list[tuple[int, float]], str, str, int]) -> None:
    values, notation, delimiter, digits = case
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["Code", "Patients", "Rate"])
    for n, (whole, rate) in enumerate(values):
        writer.writerow([f"A{81000 + n}", printed(whole, 0, notation), printed(rate, digits, notation)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "original"
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        (grid,) = open_book(path, "file.csv")
        (table,) = detect(grid).tables
        found = typed_table(grid, table)
    for column, wanted in ((table.columns[1], [v[0] for v in values]), (table.columns[2], [v[1] for v in values])):
        if column.type == "text":
            continue
        assert not column.markers and found[column.name].to_pylist() == wanted
