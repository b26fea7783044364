"""How long the whole draft stage takes against readers that only read, and in how much memory.

    python benchmarks/draft.py [a] [b] [c] [d] [--real FOLDER] [--folder FOLDER] [--scale 1.0] [--repeat 3] [--cpu]

(a) workbooks of 1 M, 100,000 and 20,000 rows × 20 columns   draft against python-calamine's to_python
(b) the real workbooks in FOLDER and below, by format        the same; and as jobs, each in a process of its own
(c) 200 workbooks of 3 sheets × 60 rows                      the same as (b), and pandas + openpyxl
(d) a CSV of 5 M rows × 12 columns                           draft against pyarrow's readers; also out of a ZIP

Every figure is measured in a process of its own, the contenders in turn; the median counts. ``--cpu`` compares
the processors' time instead of the clock's, for machines that do other work. Imports count only as jobs: there a
process begins as the rule's does. The inputs of (a), (c) and (d) are invented, generated once into FOLDER
(the system's temporary folder by default) and kept there.
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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

if TYPE_CHECKING:
    from datawarp.registry.models import Unit
    from datawarp.registry.paths import Paths

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
    from datawarp.manifest.draft import draft
    from datawarp.registry.paths import Paths
    from datawarp.registry.settings import Settings

    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder))
        for number, file in enumerate(files):
            manifest = draft(downloaded(file, number, paths), paths, Settings())
            rows += sum(f.layout.n_rows for s in manifest.enabled for f in s.files if f.layout)
    return rows


def downloaded(file: Path, number: int, paths: Paths) -> Unit:
    """A unit whose download is ``file``."""
    from datawarp.files import write_json
    from datawarp.registry.models import PublicationSettings, Unit

    unit = Unit(publication=f"bench{number}", period="aug25", url=str(file), settings=PublicationSettings(name="Bench"))
    sha256 = f"{number:064x}"
    kept = paths.store / sha256 / f"original{file.suffix}"
    kept.parent.mkdir(parents=True)
    os.symlink(file.resolve(), kept)
    listed = {"url": "", "filename": file.name, "sha256": sha256, "path": paths.relative(kept)}
    write_json(paths.download_receipt(unit.name), {"files": [listed]})
    return unit


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

    if contender == "draft_stage":  # what it imports when it is needed
        with tempfile.TemporaryDirectory() as folder:
            make_workbook(Path(folder) / "first.xlsx", 5, 6)
            draft_stage(Path(folder) / "first.xlsx")
    start, cpu = time.perf_counter(), time.process_time()
    rows = CONTENDERS[contender](*files)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    print(json.dumps({"clock": seconds, "cpu": cpu, "memory": memory, "rows": rows}))


_DRAFT_JOB = """
import json, sys
from pathlib import Path
from datawarp.lean import leave_out, leave_out_pandas
import datawarp.operations.stage
from datawarp.registry.models import Unit
leave_out_pandas()
leave_out("numpy")
from datawarp.manifest.draft import draft
from datawarp.registry.paths import Paths
from datawarp.registry.settings import read_settings
draft(Unit.model_validate_json(sys.argv[2]), Paths(Path(sys.argv[1])), read_settings(None, {}))
"""
_CALAMINE_JOB = """
import sys
import python_calamine
workbook = python_calamine.load_workbook(sys.argv[1])
for index in range(len(workbook.sheet_names)):
    workbook.get_sheet_by_index(index).to_python()
"""


def as_job(code: str, *arguments: str) -> dict[str, float]:
    """Seconds and peak memory (MB) of a process that runs ``code``, its start included."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"a job failed on {arguments[-1]}")
    memory = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    return {"clock": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime, "memory": memory}


def draft_jobs(*files: Path) -> dict[str, float]:
    """The draft stage of each file as the rule runs it, without what Snakemake itself puts before a script."""
    from datawarp.registry.paths import Paths

    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder))
        units = [downloaded(file, number, paths) for number, file in enumerate(files)]
        return _summed([as_job(_DRAFT_JOB, folder, unit.model_dump_json()) for unit in units])


def calamine_jobs(*files: Path) -> dict[str, float]:
    """python-calamine's to_python on each file, in a process of its own."""
    return _summed([as_job(_CALAMINE_JOB, str(file)) for file in files])


def _summed(jobs: list[dict[str, float]]) -> dict[str, float]:
    return {key: (max if key == "memory" else sum)(job[key] for job in jobs) for key in jobs[0]}


JOBS: dict[str, Callable[..., dict[str, float]]] = {f.__name__: f for f in (draft_jobs, calamine_jobs)}


def compare(title: str, runs: dict[str, tuple[str, list[Path]]], base: str, repeat: int, clock: str) -> None:
    """Print the medians of ``runs`` as ratios to the run ``base``, by the seconds that ``clock`` (or cpu) counts."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    for _ in range(repeat):
        for name, (contender, files) in runs.items():
            results[name].append(JOBS[contender](*files) if contender in JOBS else measured(contender, files))
    seconds = {name: statistics.median(r[clock] for r in found) for name, found in results.items()}
    print(f"\n{title}")
    for name, found in results.items():
        peak = max(r["memory"] for r in found)
        ratio = seconds[name] / seconds[base]
        rows = f"{found[0]['rows']:.0f} rows" if "rows" in found[0] else ""
        print(f"  {name:28} {seconds[name]:8.3f} s  {ratio:6.2f} ×  {peak:7.0f} MB  {rows}", flush=True)


CALAMINE = "python-calamine to_python"


def in_process(files: list[Path]) -> dict[str, tuple[str, list[Path]]]:
    """The draft stage against python-calamine, imports apart."""
    return {"draft stage": ("draft_stage", files), CALAMINE: ("calamine", files)}


def in_jobs(files: list[Path]) -> dict[str, tuple[str, list[Path]]]:
    """The same with the start of a process for each file."""
    return {"draft stage": ("draft_jobs", files), CALAMINE: ("calamine_jobs", files)}


def real_workbooks(folder: Path) -> dict[str, list[Path]]:
    """The workbooks in a folder and below, by format."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"):
            found.setdefault(path.suffix.lower(), []).append(path)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="a, b, c, d; all of them without any")
    parser.add_argument(
        "--real", type=Path, default=SCRIPTS.parents[1] / "shared" / "nhs", help="real workbooks for (b)"
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "datawarp-benchmarks")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", help="compare the processors' time, not the clock's")
    parser.add_argument("--slow", action="store_true", help="pandas + openpyxl on (a) too: minutes")
    parser.add_argument("--one", metavar="CONTENDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one, [Path(case) for case in arguments.cases])
        return
    folder, scale = arguments.folder, arguments.scale
    repeat, clock = arguments.repeat, "cpu" if arguments.cpu else "clock"
    folder.mkdir(parents=True, exist_ok=True)
    cases = arguments.cases or ["a", "b", "c", "d"]
    if "a" in cases:
        for rows in (int(1_000_000 * scale), int(100_000 * scale), int(20_000 * scale)):
            name = f"a-{scale}.xlsx" if rows == int(1_000_000 * scale) else f"a-{rows}.xlsx"
            book = _made(folder / name, partial(make_workbook, rows=rows, columns=20))
            runs = in_process([book])
            if arguments.slow:
                runs["pandas + openpyxl"] = ("pandas_openpyxl", [book])
            compare(f"(a) one workbook of {rows:,} rows", runs, CALAMINE, repeat, clock)
    if "b" in cases and arguments.real.is_dir():
        formats = real_workbooks(arguments.real)
        every = [path for files in formats.values() for path in files]
        for suffix, files in formats.items():
            compare(f"(b) {len(files)} real workbooks, {suffix}", in_process(files), CALAMINE, repeat, clock)
        compare(f"(b) all {len(every)} real workbooks", in_process(every), CALAMINE, repeat, clock)
        compare(f"(b) all {len(every)}, each a job", in_jobs(every), CALAMINE, repeat, clock)
    elif "b" in cases:
        print(f"\n(b) left out: there is no folder {arguments.real}")
    if "c" in cases:
        few = [
            _made(folder / f"c-{n}.xlsx", lambda path: make_workbook(path, 60, 12, 3)) for n in range(int(200 * scale))
        ]
        runs = {**in_process(few), "pandas + openpyxl": ("pandas_openpyxl", few)}
        compare(f"(c) {len(few)} small workbooks", runs, CALAMINE, repeat, clock)
        compare(f"(c) {len(few[:20])} of them, each a job", in_jobs(few[:20]), CALAMINE, repeat, clock)
    if "d" in cases:
        text = _made(folder / f"d-{scale}.csv", lambda path: make_csv(path, int(5_000_000 * scale)))
        packed = _made(folder / f"d-{scale}.zip", lambda path: _zip(text, path))
        runs = {
            "draft stage": ("draft_stage", [text]),
            "draft stage, out of a ZIP": ("draft_stage", [packed]),
            "pyarrow open_csv, as text": ("arrow_stream", [text]),
            "pyarrow read_csv": ("arrow_whole", [text]),
        }
        compare("(d) one large CSV", runs, "pyarrow open_csv, as text", repeat, clock)


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
