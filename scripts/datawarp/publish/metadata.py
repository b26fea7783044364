"""``output/metadata/<source_code>.md``: what a source is, counted from its files and told from its manifests.

Every number on the page was counted in the Parquet files, every word comes from the publisher's headers, the
registry or an enriched manifest; where nothing is known the page says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datawarp.files import write_text
from datawarp.publish.partition import Partition, partitions
from datawarp.publish.profile import MOST_DISTINCT, ColumnProfile, FileProfile, file_profile, marker_totals
from datawarp.publish.schema import LINEAGE, MARKER
from datawarp.registry.models import PublicationSettings
from datawarp.registry.paths import Paths

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class is named so there

_LINEAGE_MEANING = {
    "_period": "Period of the release that the row is from",
    "_period_start": "First day of that period",
    "_period_end": "Last day of that period",
    "_source_row": "Row of the sheet that it was read from, counted from 1",
    "_source_file": "File, sheet and table that it was read from; see Lineage",
}
_LISTED = re.compile(r"^\| .* \| `([^`|]+\.parquet)` \|$", re.MULTILINE)


@dataclass(frozen=True)
class ColumnMeaning:
    """What the manifests say of a column."""

    header: str | None
    description: str | None
    unit: str | None


@dataclass(frozen=True)
class SourceMeaning:
    """What the manifests say of a source."""

    name: str
    description: str | None
    columns: dict[str, ColumnMeaning]


def source_meanings(connection: Connection, codes: Collection[str]) -> dict[str, SourceMeaning]:
    """The words for sources and their columns, as the newest enriched manifest of each gives them."""
    columns: dict[str, dict[str, ColumnMeaning]] = {code: {} for code in codes}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source_code, column_name, original_name, description, unit "
            "FROM datawarp.tbl_column_metadata WHERE source_code = ANY(%s)",
            (list(columns),),
        )
        for code, column, *words in cursor.fetchall():
            columns[code][column] = ColumnMeaning(*words)
        cursor.execute(
            "SELECT source_code, name, description FROM datawarp.tbl_canonical_sources WHERE source_code = ANY(%s)",
            (list(columns),),
        )
        named = {code: (name, description) for code, name, description in cursor.fetchall()}
    return {code: SourceMeaning(*named.get(code, (code, None)), found) for code, found in columns.items()}


def lists_exactly(page: Path, files: Iterable[str]) -> bool:
    """Whether a page is there and speaks of these Parquet files (relative paths) and no others."""
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return sorted(_LISTED.findall(text)) == sorted(files)


def write_metadata(connection: Connection, code: str, publication: PublicationSettings, paths: Paths) -> None:
    """Write the page of source ``code``, or remove it when none of its files is left.

    Call it with the source's lock held.
    """
    held = partitions(connection, [code])[code]
    write_page(code, held, source_meanings(connection, [code])[code], publication, paths)


def write_page(
    code: str, held: Sequence[Partition], meaning: SourceMeaning, publication: PublicationSettings, paths: Paths
) -> None:
    """Write the page of a source that has these partitions; as :func:`write_metadata`, which asks the database."""
    page = paths.source_metadata(code)
    files = [
        (partition, path)
        for partition in held
        if (path := paths.parquet(code, partition.period, partition.unit)).is_file()
    ]
    if not files:
        page.unlink(missing_ok=True)
        return
    profiles = [file_profile(path, paths.profile(code, partition.unit)) for partition, path in files]
    held = [partition for partition, _ in files]
    lines = [
        f"# {_text(meaning.name)}",
        "",
        *([_text(meaning.description), ""] if meaning.description else []),
        *_facts(code, publication, held, profiles, paths),
        "",
        "## Columns",
        "",
        *_columns(meaning, profiles),
        *_markers(profiles),
        "",
        "## Periods",
        "",
        *_periods(files, profiles, paths),
        "",
        "## Lineage",
        "",
        *_lineage(held),
        "",
    ]
    write_text(page, "\n".join(lines))


def _facts(
    code: str,
    settings: PublicationSettings,
    held: Sequence[Partition],
    profiles: Sequence[FileProfile],
    paths: Paths,
) -> list[str]:
    first, last = held[0].period, max(held, key=lambda p: (p.end, p.start)).period
    facts = {
        "Publication": settings.name,
        "Publisher": settings.publisher,
        "Licence": settings.licence,
        "Landing page": settings.landing_page or "",
        "Periods": f"{len(held)}, {first} to {last}" if len(held) > 1 else first,
        "Rows": f"{sum(p.rows for p in profiles):,}",
        "Table": f"`staging.{held[0].table}`",
        "Parquet": f"`{paths.relative(paths.parquet_source(code))}/`",
    }
    return ["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in facts.items() if value)]


def _columns(meaning: SourceMeaning, profiles: Sequence[FileProfile]) -> list[str]:
    lines = [
        "Null rate, range and values are over all periods; distinct values are counted in the newest period.",
        "",
        "| column | type | unit | header | null rate | distinct | range or values | meaning |",
        "|---|---|---|---|--:|--:|---|---|",
    ]
    rows = sum(p.rows for p in profiles)
    for name, newest in profiles[-1].columns.items():
        over_time = [p.columns[name] for p in profiles if name in p.columns]
        base = name.removesuffix(MARKER)
        is_marker = name != base and base in profiles[-1].columns
        words = meaning.columns.get(name, ColumnMeaning(None, None, None))
        description = words.description or (f"What is printed in {base} where it is no value" if is_marker else "")
        nulls = sum(c.nulls for c in over_time) + sum(p.rows for p in profiles if name not in p.columns)
        cells = (
            f"`{name}`",
            newest.type,
            words.unit or "",
            words.header or "",
            f"{nulls / rows:.1%}" if rows else "",
            f"more than {MOST_DISTINCT:,}" if newest.distinct is None else f"{newest.distinct:,}",
            _extent(over_time),
            description,
        )
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    for schema in LINEAGE:
        kind = "string" if schema.name == "_source_file" else str(schema.type)
        lines.append(f"| `{schema.name}` | {kind} | | | | | | {_LINEAGE_MEANING[schema.name]} |")
    return lines


def _extent(columns: Sequence[ColumnProfile]) -> str:
    """Least to greatest value over all periods, or the values where they are few."""
    number = {"int64": int, "double": float}.get(columns[-1].type, str)
    lows = [c.low for c in columns if c.low is not None]
    highs = [c.high for c in columns if c.high is not None]
    if lows:
        low, high = min(lows, key=number), max(highs, key=number)
        return low if low == high else f"{low} to {high}"
    if any(c.values is None for c in columns):
        return ""
    values = sorted({value for c in columns for value in c.values or ()})
    return ", ".join(values) if len(", ".join(values)) <= 200 else ""


def _markers(profiles: Sequence[FileProfile]) -> list[str]:
    totals = marker_totals(profiles)
    if not totals:
        return []
    lines = ["", "## Markers", "", "What is printed where there is no value, and how often.", ""]
    lines += ["| column | printed | rows |", "|---|---|--:|"]
    for column, counts in totals.items():
        for printed, rows in sorted(counts.items(), key=lambda m: (-m[1], m[0])):
            lines.append(f"| `{column}` | `{_cell(printed)}` | {rows:,} |")
    return lines


def _periods(files: Sequence[tuple[Partition, Path]], profiles: Sequence[FileProfile], paths: Paths) -> list[str]:
    lines = ["| period | from | to | rows | Parquet |", "|---|---|---|--:|---|"]
    for (partition, path), profile in zip(files, profiles, strict=True):
        where = f"`{paths.relative(path)}`"
        lines.append(f"| {partition.period} | {partition.start} | {partition.end} | {profile.rows:,} | {where} |")
    return lines


def _lineage(held: Sequence[Partition]) -> list[str]:
    lines = ["| period | file id | sheet | SHA-256 | downloaded from |", "|---|---|---|---|---|"]
    for partition in held:
        for file in partition.files:
            sheet = " ".join(part for part in (file.member, file.sheet) if part)
            cells = (partition.period, f"`{file.id}`", sheet, f"`{file.sha256}`", file.url)
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return lines


def _text(text: str) -> str:
    """``text`` as a line of Markdown that cannot turn into anything else."""
    return re.sub(r"([\\*_\[\]<>#])", r"\\\1", " ".join(text.split()))


def _cell(text: str) -> str:
    """``text`` as a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;")
