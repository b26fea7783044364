"""How long the whole draft stage takes against readers that only read, and in how much memory.

    python benchmarks/draft.py [a] [c] [d] [--folder FOLDER] [--scale 1.0] [--repeat 3]

(a) one workbook of 1 M rows × 20 columns   draft against python-calamine's to_python, and pandas + openpyxl
(c) 200 workbooks of 3 sheets × 60 rows     the same
(d) a CSV of 5 M rows × 12 columns          draft against pyarrow's streaming and whole-file readers; also in a ZIP

Every figure is measured in a process of its own, the contenders in turn; the median counts. The inputs are
invented, generated once into FOLDER (the system's temporary folder by default) and kept there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

REGIONS = ("East of England", "London", "Midlands", "North East and Yorkshire", "North West", "South East")
MEASURES = ("Submissions", "Patients", "Appointments", "Referrals", "Admissions", "Attendances")


# -- inputs ----------------------------------------------------------------------------------------


def make_workbook(path: Path, rows: int, columns: int, sheets: int = 1) -> None:
    """A workbook as Excel writes it: shared strings, a date column, codes, whole and decimal figures."""
    strings = [*REGIONS, *[f"PRACTICE {n}" for n in range(2000)], "*"]
    head = ["Month", "Region", "Practice code", "Practice", *[f"{MEASURES[i % 6]} {i}" for i in range(columns - 4)]]
    letters = [chr(65 + i) for i in range(columns)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        package.writestr("[Content_Types].xml", _content_types(sheets))
        package.writestr("_rels/.rels", _RELS)
        package.writestr("xl/workbook.xml", _workbook(sheets))
        package.writestr("xl/_rels/workbook.xml.rels", _workbook_rels(sheets))
        package.writestr("xl/styles.xml", _STYLES)
        items = "".join(f"<si><t>{text}</t></si>" for text in strings)
        package.writestr("xl/sharedStrings.xml", f'{_XML}<sst xmlns="{_MAIN}" count="1">{items}</sst>')
        for sheet in range(sheets):
            with package.open(f"xl/worksheets/sheet{sheet + 1}.xml", "w") as out:
                out.write(
                    f'{_XML}<worksheet xmlns="{_MAIN}"><dimension ref="A1:{letters[-1]}{rows + 1}"/>'
                    '<sheetData><row r="1">'.encode()
                )
                cells = [
                    f'<c r="{a}1" t="inlineStr"><is><t>{h}</t></is></c>' for a, h in zip(letters, head, strict=True)
                ]
                out.write("".join([*cells, "</row>"]).encode())
                block = []
                for r in range(2, rows + 2):
                    block.append(
                        f'<row r="{r}"><c r="A{r}" s="1"><v>{45383 + r % 12 * 30}</v></c>'
                        f'<c r="B{r}" t="s"><v>{r % 6}</v></c>'
                        f'<c r="C{r}" t="inlineStr"><is><t>A{80000 + r % 9000}</t></is></c>'
                        f'<c r="D{r}" t="s"><v>{6 + r % 2000}</v></c>'
                        + "".join(
                            f'<c r="{a}{r}" s="2"><v>{(r * 37 + i) % 1000 / 1000}</v></c>'
                            if i % 4 == 3
                            else f'<c r="{a}{r}"><v>{(r * 7919 + i * 104729) % 20000}</v></c>'
                            for i, a in enumerate(letters[4:])
                        )
                        + "</row>"
                    )
                    if len(block) == 5000:
                        out.write("".join(block).encode())
                        block = []
                out.write("".join([*block, "</sheetData></worksheet>"]).encode())


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>'
)
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1">'
    "<fill><patternFill/></fill></fills>"
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf numFmtId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="17" applyNumberFormat="1"/>'
    '<xf numFmtId="10" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


def _content_types(sheets: int) -> str:
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n + 1}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for n in range(sheets)
    )
    return (
        f'{_XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPE}.sharedStrings+xml"/>{parts}</Types>'
    )


def _workbook(sheets: int) -> str:
    listed = "".join(f'<sheet name="Table {n + 1}" sheetId="{n + 1}" r:id="s{n + 1}"/>' for n in range(sheets))
    return f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'


def _workbook_rels(sheets: int) -> str:
    listed = "".join(
        f'<Relationship Id="s{n + 1}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n + 1}.xml"/>'
        for n in range(sheets)
    )
    return (
        f'{_XML}<Relationships xmlns="{_PACKAGE}">{listed}<Relationship Id="y" Type="{_OFFICE}/styles" '
        f'Target="styles.xml"/><Relationship Id="z" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>"
    )


def make_csv(path: Path, rows: int) -> None:
    """A CSV of codes, names, a date and six measures, with some suppressed figures."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    rng = np.random.default_rng(1)
    with open(path, "wb") as out:
        for start in range(0, rows, 250_000):
            n = min(250_000, rows - start)
            patients = pa.array(rng.integers(0, 20_000, n)).cast(pa.string()).to_numpy(zero_copy_only=False)
            patients[rng.integers(0, n, max(1, n // 500))] = "*"
            table = pa.table(
                {
                    "Period": pa.array([f"2024-{m:02d}-01" for m in range(1, 13)]).take(
                        pa.array(rng.integers(0, 12, n))
                    ),
                    "Region": pa.array(REGIONS).take(pa.array(rng.integers(0, len(REGIONS), n))),
                    "Region code": pa.array([f"E4000000{i}" for i in range(6)]).take(pa.array(rng.integers(0, 6, n))),
                    "Practice code": np.char.add("A8", np.char.mod("%04d", rng.integers(0, 9999, n))),
                    "Practice": np.char.add("PRACTICE ", np.char.mod("%d", rng.integers(0, 9999, n))),
                    "Age": pa.array(["0-4", "5-9", "10-14", "15+"]).take(pa.array(rng.integers(0, 4, n))),
                    "Patients": patients,
                    "Submissions": rng.integers(0, 500, n),
                    "Rate": np.round(rng.random(n) * 100, 3),
                    "Ratio": np.round(rng.random(n), 6),
                    "Cost": np.round(rng.random(n) * 10_000, 2),
                    "Total": rng.integers(0, 10**6, n),
                }
            )
            arrow_csv.write_csv(table, out, arrow_csv.WriteOptions(include_header=start == 0, quoting_style="needed"))


# -- contenders: each takes the input and returns the number of rows it saw -------------------------


def draft_stage(*files: Path) -> int:
    """The whole draft stage of one unit per file: detection, typing, typed tables and manifests written."""
    from datawarp.files import write_json
    from datawarp.manifest.draft import draft
    from datawarp.registry.models import PublicationSettings, Unit
    from datawarp.registry.paths import Paths
    from datawarp.registry.settings import Settings

    rows = 0
    with tempfile.TemporaryDirectory(dir=files[0].parent) as folder:
        paths = Paths(Path(folder))
        for number, file in enumerate(files):
            unit = Unit(
                publication=f"bench{number}", period="aug25", url=str(file), settings=PublicationSettings(name="Bench")
            )
            sha256 = f"{number:064x}"
            kept = paths.store / sha256 / f"original{file.suffix}"
            kept.parent.mkdir(parents=True)
            os.symlink(file, kept)
            listed = {"url": "", "filename": file.name, "sha256": sha256, "path": paths.relative(kept)}
            write_json(paths.download_receipt(unit.name), {"files": [listed]})
            manifest = draft(unit, paths, Settings())
            rows += sum(f.layout.n_rows for s in manifest.enabled for f in s.files if f.layout)
    return rows


def calamine(*files: Path) -> int:
    """python-calamine's to_python on every sheet."""
    import python_calamine

    rows = 0
    for file in files:
        workbook = python_calamine.load_workbook(str(file))
        for index in range(len(workbook.sheet_names)):
            rows += len(workbook.get_sheet_by_index(index).to_python())
    return rows


def pandas_openpyxl(*files: Path) -> int:
    """pandas.read_excel through openpyxl."""
    import pandas

    return sum(
        len(frame) for file in files for frame in pandas.read_excel(file, sheet_name=None, engine="openpyxl").values()
    )


def arrow_stream(*files: Path) -> int:
    """pyarrow.csv.open_csv, all columns as text, batch by batch."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    rows = 0
    for file in files:
        with open(file, encoding="utf-8") as text:
            names = text.readline().replace('"', "").strip().split(",")
        as_text = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        rows += sum(batch.num_rows for batch in arrow_csv.open_csv(file, convert_options=as_text))
    return rows


def arrow_whole(*files: Path) -> int:
    """pyarrow.csv.read_csv with its defaults: types guessed, the whole table in memory."""
    import pyarrow.csv as arrow_csv

    return sum(arrow_csv.read_csv(file).num_rows for file in files)


CONTENDERS: dict[str, Callable[..., int]] = {
    f.__name__: f for f in (draft_stage, calamine, pandas_openpyxl, arrow_stream, arrow_whole)
}


# -- measuring -------------------------------------------------------------------------------------


def measured(contender: str, files: list[Path]) -> dict[str, float]:
    """Seconds, peak memory (MB) and rows of one run in a process of its own; imports do not count."""
    arguments = [sys.executable, "-W", "ignore", __file__, "--one", contender, *map(str, files)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{contender} failed on {files[0]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def one(contender: str, files: list[Path]) -> None:
    """Body of the measuring process."""
    import pandas  # noqa: F401
    import pyarrow.csv  # noqa: F401
    import python_calamine  # noqa: F401

    import datawarp.manifest.draft  # noqa: F401

    start = time.perf_counter()
    rows = CONTENDERS[contender](*files)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    print(json.dumps({"seconds": seconds, "memory": memory, "rows": rows}))


def compare(title: str, runs: dict[str, tuple[str, list[Path]]], base: str, repeat: int) -> None:
    """Print the medians of ``runs`` as ratios to the run ``base``."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    for _ in range(repeat):
        for name, (contender, files) in runs.items():
            results[name].append(measured(contender, files))
    seconds = {name: statistics.median(r["seconds"] for r in found) for name, found in results.items()}
    print(f"\n{title}")
    for name, found in results.items():
        peak = max(r["memory"] for r in found)
        ratio = seconds[name] / seconds[base]
        print(f"  {name:28} {seconds[name]:8.2f} s  {ratio:6.2f} ×  {peak:7.0f} MB  {found[0]['rows']:.0f} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="a, c, d; all of them without any")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "datawarp-benchmarks")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--slow", action="store_true", help="pandas + openpyxl on (a) too: minutes")
    parser.add_argument("--one", metavar="CONTENDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one, [Path(case) for case in arguments.cases])
        return
    folder, scale = arguments.folder, arguments.scale
    folder.mkdir(parents=True, exist_ok=True)
    cases = arguments.cases or ["a", "c", "d"]
    if "a" in cases:
        book = _made(folder / f"a-{scale}.xlsx", lambda path: make_workbook(path, int(1_000_000 * scale), 20))
        runs = {"draft stage": ("draft_stage", [book]), "python-calamine to_python": ("calamine", [book])}
        if arguments.slow:
            runs["pandas + openpyxl"] = ("pandas_openpyxl", [book])
        compare("(a) one large workbook", runs, "python-calamine to_python", arguments.repeat)
    if "c" in cases:
        few = [
            _made(folder / f"c-{n}.xlsx", lambda path: make_workbook(path, 60, 12, 3)) for n in range(int(200 * scale))
        ]
        runs = {
            "draft stage": ("draft_stage", few),
            "python-calamine to_python": ("calamine", few),
            "pandas + openpyxl": ("pandas_openpyxl", few),
        }
        compare("(c) many small workbooks", runs, "python-calamine to_python", arguments.repeat)
    if "d" in cases:
        text = _made(folder / f"d-{scale}.csv", lambda path: make_csv(path, int(5_000_000 * scale)))
        packed = _made(folder / f"d-{scale}.zip", lambda path: _zip(text, path))
        runs = {
            "draft stage": ("draft_stage", [text]),
            "draft stage, out of a ZIP": ("draft_stage", [packed]),
            "pyarrow open_csv, as text": ("arrow_stream", [text]),
            "pyarrow read_csv": ("arrow_whole", [text]),
        }
        compare("(d) one large CSV", runs, "pyarrow open_csv, as text", arguments.repeat)


def _zip(text: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.write(text, text.name)


def _made(path: Path, make: Callable[[Path], None]) -> Path:
    if not path.exists():
        unfinished = path.with_name(path.name + ".part")
        make(unfinished)
        shutil.move(unfinished, path)
    return path


if __name__ == "__main__":
    main()
