"""What reading makes of other readers' hard cases: the outcome of every file, as a table and as a page.

python tests/sheets/hard_cases.py FOLDER            prints the outcomes, one line per file
python tests/sheets/hard_cases.py FOLDER --write    writes the expected outcomes and docs/reference/hard-cases.md
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = ROOT / "tests" / "data" / "hard_cases.tsv"
PAGE = ROOT / "docs" / "reference" / "hard-cases.md"


def outcome(path: Path) -> str:
    """What reading a file comes to, in one line: its sheets and cells, or the one clear error."""
    from datawarp.errors import SheetError
    from datawarp.sheets.book import open_book

    try:
        grids = list(open_book(path, path.name))
    except SheetError as problem:
        return "error: " + problem.message.replace("\n", " ").strip()
    cells = sum(len(row) - row.count(None) for grid in grids for row in map(list, grid.rows))
    readers = Counter(grid.reader for grid in grids)
    words = [f"{len(grids)} sheet{'s' if len(grids) > 1 else ''}, {cells} cells, by {' and '.join(sorted(readers))}"]
    kinds = Counter(
        f"{grid.visibility} " if grid.visibility != "visible" else "chart " if grid.sheet_type == "chart" else ""
        for grid in grids
    )
    words += [f"{n} {kind.strip()}" for kind, n in sorted(kinds.items()) if kind]
    words += sorted({note for grid in grids for note in grid.notes})
    words += [f"{grid.member}: {grid.unread}" for grid in grids if grid.unread]
    return "; ".join(words)


def outcomes(folder: Path) -> dict[str, str]:
    """File name → outcome, for every file of a folder of hard cases."""
    return {p.name: outcome(p) for p in sorted(folder.iterdir()) if p.is_file() and p.name != "INDEX.tsv"}


def expected() -> dict[str, str]:
    """The outcomes that are committed."""
    lines = EXPECTED.read_text(encoding="utf-8").splitlines()
    return {name: text for name, _, text in (line.partition("\t") for line in lines)}


def page(found: dict[str, str]) -> str:
    """The reference page of these outcomes."""
    failed = sum(text.startswith("error:") for text in found.values())
    lines = [
        "# Hard cases of other readers",
        "",
        "Workbooks, CSV files and archives that calamine, Apache POI, readxl, xlrd, frictionless and others keep as",
        f"hard cases of their own: {len(found)} files. {len(found) - failed} are read, {failed} give one clear error.",
        "The table is made by `tests/sheets/hard_cases.py`; a test compares it with what reading does, and",
        "every .xls and .xlsx cell by cell with openpyxl or xlrd.",
        "",
        "| file | outcome |",
        "|---|---|",
        *(f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in found.items()),
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    found = outcomes(Path(arguments[0]))
    lines = "".join(f"{name}\t{text}\n" for name, text in found.items())
    if "--write" not in arguments:
        sys.stdout.write(lines)
        return
    for path, text in ((EXPECTED, lines), (PAGE, page(found))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "scripts"))
    main(sys.argv[1:])
