"""How alike the columns and the contents of two tables are: headers, types, size, first codes and names."""

from __future__ import annotations

from datawarp.enrich.features import ColumnFeature, TableFeatures

ColumnPair = tuple[ColumnFeature, ColumnFeature]

_NUMERIC = frozenset({"integer", "numeric"})


def compare_columns(table: TableFeatures, reference: TableFeatures) -> tuple[float, list[ColumnPair], list[str]]:
    """Share of columns in common, by header and then renamed ones by likeness; the pairs; why."""
    credit, pairs, reasons = _columns(table.columns, reference.columns)
    if table.wide != reference.wide:
        credit *= 0.7
        reasons.append("one has its periods in columns and the other not")
    return credit, pairs, reasons


def compare_contents(
    table: TableFeatures, reference: TableFeatures, pairs: list[ColumnPair]
) -> tuple[float, list[str]]:
    """Likeness of size, and of the first codes and names in the columns that correspond."""
    larger = max(table.n_rows, reference.n_rows, 1)
    parts = [min(table.n_rows, reference.n_rows) / larger]
    reasons = [] if parts[0] > 0.5 else [f"{reference.n_rows} rows before, {table.n_rows} now"]
    shares = [
        len(a.samples & b.samples) / min(len(a.samples), len(b.samples)) for a, b in pairs if a.samples and b.samples
    ]
    if shares:
        share = sum(shares) / len(shares)
        parts.extend([share, share])
        reasons.append(f"{share:.0%} of the first codes and names are the same")
    return sum(parts) / len(parts), reasons


def listed(items: list[str], most: int = 5) -> str:
    """Some of ``items``, and how many more there are."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _columns(
    table: tuple[ColumnFeature, ...], reference: tuple[ColumnFeature, ...]
) -> tuple[float, list[ColumnPair], list[str]]:
    if not table and not reference:
        return 1.0, [], ["neither has columns apart from periods"]
    mine, theirs = {c.header: c for c in table}, {c.header: c for c in reference}
    pairs = [(mine[h], theirs[h]) for h in mine if h in theirs]
    same = len(pairs)
    credit = sum(_type_credit(a, b) for a, b in pairs)
    gone = [h for h in theirs if h not in mine]
    renamed = []
    for likeness, header, before in _renamed([h for h in mine if h not in theirs], gone):
        if _type_credit(mine[header], theirs[before]) == 1:
            gone.remove(before)
            renamed.append((before, header))
            pairs.append((mine[header], theirs[before]))
            credit += 0.8 * likeness
    new = len(mine) - same - len(renamed)
    size = same + len(renamed) + 0.5 * (new + len(gone)) + 0.5 * max(new, len(gone))
    reasons = [f"{same} of {len(mine)} columns are the same"]
    if renamed:
        reasons.append("renamed: " + listed([f"{a!r} to {b!r}" for a, b in renamed]))
    if gone:
        reasons.append("gone: " + listed([repr(g) for g in gone]))
    if new:
        reasons.append(f"{new} new columns")
    return credit / size, pairs, reasons


def _type_credit(a: ColumnFeature, b: ColumnFeature) -> float:
    return 1.0 if a.type == b.type or {a.type, b.type} <= _NUMERIC else 0.85


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b))


def _renamed(fresh: list[str], gone: list[str]) -> list[tuple[float, str, str]]:
    """Headers that became others: likeness, now, before; each once, the most alike first."""
    words = {h: frozenset(h.split()) for h in (*fresh, *gone)}
    # `denominator` and `denom` begin alike.
    stems = {h: frozenset(w[:3] for w in words[h]) for h in words}
    alike = []
    for header in fresh:
        for before in gone:
            likeness = max(_overlap(words[header], words[before]), 0.9 * _overlap(stems[header], stems[before]))
            if likeness >= 0.5:
                alike.append((likeness, header, before))
    taken: set[str] = set()
    found = []
    for likeness, header, before in sorted(alike, key=lambda a: -a[0]):
        if header not in taken and f"\0{before}" not in taken:
            taken |= {header, f"\0{before}"}
            found.append((likeness, header, before))
    return found
