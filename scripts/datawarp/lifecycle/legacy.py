"""What earlier installations left: their state file in its two forms, their manifests, their flat Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datawarp.files import read_json

_DONE = frozenset({"complete", "completed", "done", "success", "succeeded", "loaded", "exported", "finished", "ok"})
_NOT_DONE = frozenset({"failed", "error", "pending", "running", "started", "partial", "skipped", "in_progress", "new"})


@dataclass
class LegacyState:
    """``state/state.json``: what it says of units (publication, period → done or not), and what was not understood."""

    done: dict[tuple[str, str], bool] = field(default_factory=dict)
    not_understood: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LegacyManifest:
    """An enriched manifest in ``manifests/production/<publication>/<unit>_enriched.yaml``."""

    path: Path
    unit: str


def read_state(path: Path) -> LegacyState:
    """The state file at ``path``; an empty state where there is none. Never raises for its contents.

    Two forms are known, and both may be mixed: a flat mapping ``{"<publication>/<period>": {…}}``, and
    ``{"publications": {"<publication>": {"<period>": {…}}}}``, where the periods may lie one level deeper under
    ``periods`` or ``releases``. A unit's entry is a text or a mapping with ``status`` or ``state``, or with a
    time in ``completed_at``.
    """
    state = LegacyState()
    try:
        document = read_json(path)
    except FileNotFoundError:
        return state
    except ValueError as problem:
        state.not_understood.append(f"{path.name}: not JSON: {problem}")
        return state
    if not isinstance(document, dict):
        state.not_understood.append(f"{path.name}: expected a mapping, found {type(document).__name__}")
        return state
    for key, value in document.items():
        publication, slash, period = str(key).partition("/")
        if slash and publication and period:
            _entry(state, publication, period, value, str(key))
        elif key == "publications" and isinstance(value, dict):
            _nested(state, value)
        elif isinstance(value, dict) and any("/" in str(inner) for inner in value):
            for name, entry in value.items():  # the flat mapping under a key such as `processed`
                first, _, second = str(name).partition("/")
                _entry(state, first, second, entry, f"{key}.{name}")
        elif not isinstance(value, dict | list):
            continue  # a version, a time of writing
        else:
            state.not_understood.append(f"{path.name}: {key}: neither publication/period nor publications")
    return state


def legacy_manifests(root: Path) -> Iterator[LegacyManifest]:
    """The enriched manifests of the old layout below ``root``."""
    for path in sorted((root / "manifests" / "production").glob("*/*_enriched.y*ml")):
        yield LegacyManifest(path, path.stem.removesuffix("_enriched"))


def flat_parquet(output: Path) -> list[Path]:
    """Parquet files that lie in ``output/`` itself, apart from the catalogue."""
    return sorted(p for p in output.glob("*.parquet") if p.name != "catalog.parquet" and not p.name.startswith("."))


def _nested(state: LegacyState, publications: Mapping[str, Any]) -> None:
    for publication, entry in publications.items():
        if not isinstance(entry, dict):
            state.not_understood.append(f"publications.{publication}: expected periods, found {type(entry).__name__}")
            continue
        inner = next((entry[k] for k in ("periods", "releases") if isinstance(entry.get(k), dict)), entry)
        for period, value in inner.items():
            if inner is entry and not isinstance(value, dict | str | bool):
                continue  # a count or a time beside the periods
            _entry(state, str(publication), str(period), value, f"publications.{publication}.{period}")


def _entry(state: LegacyState, publication: str, period: str, value: Any, where: str) -> None:
    word: Any = value
    if isinstance(value, dict):
        word = value.get("status", value.get("state"))
        if word is None and any(value.get(k) for k in ("completed_at", "loaded_at", "finished_at")):
            word = "completed"
    if isinstance(word, bool):
        state.done[publication, period] = word
    elif isinstance(word, str) and word.lower() in _DONE | _NOT_DONE:
        state.done[publication, period] = word.lower() in _DONE
    else:
        state.not_understood.append(f"{where}: no status that is known: {word!r}")
