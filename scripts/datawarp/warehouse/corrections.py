"""Known errors of a publisher, corrected on the way into the warehouse: ``config/corrections/*.yaml``.

A correction names a cell, the value published, the value to load and the reason. It holds only as long as the
error is there: when the cells no longer hold the old value, the load fails and asks for the entry to be removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import Field, ValidationError, model_validator

from datawarp.errors import ContractError, RegistryError
from datawarp.files import json_bytes, sha256_bytes
from datawarp.registry.models import Model, PeriodCode
from datawarp.registry.paths import Paths
from datawarp.registry.periods import Period, parse_period
from datawarp.warehouse.types import column_type, fitted, printed

if TYPE_CHECKING:
    import pyarrow as pa

Value = str | int | float | bool | date | None


class Correction(Model):
    """One known error and what to load instead."""

    source: str = Field(description="Canonical source code.")
    period: PeriodCode = Field(description="Period code of the release that has the error.")
    column: str = Field(description="Physical column name; `<name>_marker` for a marker.")
    where: dict[str, Value] = Field(default={}, description="Values of other columns that pick the rows.")
    row: int | None = Field(default=None, ge=1, description="Sheet row, instead of or beside `where`.")
    sheet: str | None = Field(default=None, description="Sheet, when the source is fed from several.")
    old: Value = Field(description="The value as published; null for an empty cell.")
    new: Value = Field(description="The value to load; null to empty the cell.")
    reason: str = Field(min_length=1, description="Why, with the publisher's own word where there is one.")
    reported_by: str | None = Field(default=None, description="Who found it, or where it was announced.")
    expect: int = Field(default=1, ge=1, description="Cells that hold the old value; any other number fails the load.")

    @model_validator(mode="after")
    def _picks_rows(self) -> Correction:
        if self.row is None and not self.where:
            raise ValueError("say which rows: `where` with values of other columns, or `row` with the sheet row")
        if printed(self.old) == printed(self.new):
            raise ValueError("old and new are the same value")
        return self

    @property
    def columns(self) -> set[str]:
        """The columns that a table must have for it to apply."""
        return {self.column, *self.where}


class CorrectionFile(Model):
    """A file of ``config/corrections``."""

    corrections: list[Correction]


@dataclass(frozen=True)
class CorrectedCell:
    """A cell that was loaded with another value than published."""

    correction: Correction
    row: int
    old: str | None
    new: str | None


def read_corrections(root: Path, publication: str, period: Period) -> list[Correction]:
    """The corrections of one release, in file order; none without a file. Raises :class:`RegistryError`."""
    return corrections_of(read_file(root, publication), period)


def corrections_of(written: list[Correction], period: Period) -> list[Correction]:
    """Those of a publication's corrections that are of ``period``."""
    return [c for c in written if parse_period(c.period).canonical == period.canonical]


def read_file(root: Path, publication: str) -> list[Correction]:
    """All corrections of a publication, in file order; none without a file. Raises :class:`RegistryError`."""
    path = Paths(root).corrections(publication)
    try:
        document = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        return []
    except yaml.YAMLError as problem:
        raise RegistryError(f"not valid YAML: {problem}", where=str(path)) from None
    try:
        file = CorrectionFile.model_validate(document or {"corrections": []})
    except ValidationError as problem:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()]
        raise RegistryError(
            "\n  ".join(["these corrections cannot be used:", *lines]),
            where=str(path),
            hint="see config/corrections/README.md",
        ) from None
    return file.corrections


def corrections_version(corrections: list[Correction]) -> str | None:
    """A hash of what a release's corrections say; None when there are none."""
    if not corrections:
        return None
    return sha256_bytes(json_bytes([c.model_dump(mode="json") for c in corrections]))[:12]


class Corrector:
    """Applies corrections to a table's batches and remembers each cell it changed."""

    def __init__(self, corrections: list[Correction], where: str) -> None:
        self._corrections = corrections
        self._where = where
        self.cells: list[CorrectedCell] = []

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """``batch`` with the corrected values in place."""
        for correction in self._corrections:
            batch = self._apply(batch, correction)
        return batch

    def _apply(self, batch: pa.RecordBatch, correction: Correction) -> pa.RecordBatch:
        import pyarrow as pa

        mask = self._selected(batch, correction)
        rows = [i for i, chosen in enumerate(mask.to_pylist()) if chosen] if mask.true_count else []
        if not rows:
            return batch
        index = batch.schema.get_field_index(correction.column)
        column = batch.column(index)
        kind = column_type(column.type)
        assert kind is not None
        old, new = fitted(correction.old, kind), fitted(correction.new, kind)
        if old is None and correction.old is not None:
            return batch  # no cell of this type holds it
        if new is None and correction.new is not None:
            raise ContractError(
                f"the correction of {correction.column!r} to {correction.new!r} does not fit the column's type {kind}",
                where=self._where,
                hint=f"correct the entry with the reason {correction.reason!r} in config/corrections",
            )
        values = column.to_pylist()
        numbers = batch.column("_source_row")
        for i in rows:
            if printed(values[i]) == printed(old):
                self.cells.append(CorrectedCell(correction, numbers[i].as_py(), printed(values[i]), printed(new)))
                values[i] = new
        return batch.set_column(index, batch.schema.field(index), pa.array(values, column.type))

    def _selected(self, batch: pa.RecordBatch, correction: Correction) -> pa.BooleanArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        chosen = pa.repeat(pa.scalar(True), batch.num_rows)
        if correction.row is not None:
            chosen = pc.equal(batch.column("_source_row"), correction.row)
        for name, value in correction.where.items():
            column = batch.column(name)
            kind = column_type(column.type)
            wanted = fitted(value, kind) if kind else None
            if value is None:
                found = pc.is_null(column)
            elif wanted is None:
                found = pa.repeat(pa.scalar(False), batch.num_rows)
            else:
                found = pc.fill_null(pc.equal(column, pa.scalar(wanted, column.type)), False)
            chosen = pc.and_(chosen, found)
        return chosen


def check_expected(corrections: Iterable[Correction], cells: Collection[CorrectedCell], where: str) -> None:
    """Raise :class:`ContractError` when a correction met another number of wrong cells than it expects."""
    for correction in corrections:
        met = sum(1 for cell in cells if cell.correction is correction)
        if met != correction.expect:
            raise ContractError(
                f"the correction of {correction.source}.{correction.column} expects {correction.expect} cell(s) with "
                f"{correction.old!r} and found {met} (reason: {correction.reason})",
                where=where,
                hint="the publisher has probably fixed it: remove the entry from config/corrections, or correct it; "
                f"what is printed in place of a number is in {correction.column}_marker",
            )
