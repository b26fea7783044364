"""The contract of a publication, held against a load."""

from __future__ import annotations

from datawarp.errors import ContractError
from datawarp.files import json_bytes, sha256_bytes
from datawarp.registry.models import Contract
from datawarp.warehouse.load.plan import SourceLoad, Table
from datawarp.warehouse.load.standing import Standing


def contract_version(contract: Contract) -> str:
    """A hash that changes when the contract does."""
    return sha256_bytes(json_bytes(contract.model_dump(mode="json")))[:12]


def check_account(table: Table, rows: int) -> None:
    """Raise :class:`ContractError` unless every row of the sheet is loaded or left out for a reason.

    The manifest's account must close, its excluded rows be those listed with reasons, and all body rows have come,
    and no others.
    """
    layout = table.entry.layout
    account = layout.account if layout else None
    if layout and account:
        listed = sum(last - first + 1 for first, last in (e.rows for e in layout.excluded))
        if not account.balanced:
            raise _open_account(table, f"the sheet has {account.sheet_rows:,} rows, and its parts are not as many")
        if listed != account.excluded:
            words = f"{account.excluded:,} rows are excluded, and {listed:,} are listed with a reason"
            raise _open_account(table, words)
    expected = table.expected_rows
    if expected is not None and rows != expected:
        raise _open_account(table, f"the manifest counts {expected:,} body rows to load, and {rows:,} came")


def _open_account(table: Table, words: str) -> ContractError:
    return ContractError(
        f"the row account does not close: {words}",
        where=table.where,
        hint="if the layout was edited by hand, correct n_rows and account with it; otherwise refresh the unit",
    )


def body_rows(load: SourceLoad, loaded: int) -> int:
    """Body rows on the source's sheets; ``loaded`` where the manifest has no account."""
    layouts = [table.entry.layout for table in load.tables]
    if any(layout is None for layout in layouts):
        return loaded
    return sum(layout.account.body if layout.account else layout.n_rows for layout in layouts if layout)


def check_rows(load: SourceLoad, rows: int, before: Standing | None, contract: Contract) -> None:
    """Raise :class:`ContractError` when the number of body rows is outside the contract's bounds.

    Body rows, so that a table stored long may gain a period column a month. A contract without ``max_change`` bounds
    no change: layouts of real releases change so much, and drift tells of it.
    """
    where = load.tables[0].where
    bounds = contract.rows
    if rows < bounds.min_rows:
        raise ContractError(
            f"{load.code} has {rows:,} rows, and the contract asks for at least {bounds.min_rows:,}",
            where=where,
            hint="look at the sheet: is the table empty or its layout wrong? contract.rows.min_rows sets the bound",
        )
    if before is None or before.body_rows == 0 or bounds.max_change is None:
        return
    difference = rows - before.body_rows
    change = difference / before.body_rows
    if abs(change) > bounds.max_change and abs(difference) > bounds.min_difference:
        raise ContractError(
            f"{load.code} has {rows:,} rows, and {before.period} had {before.body_rows:,}: a change of {change:+.0%}, "
            f"where the contract allows ±{bounds.max_change:.0%}",
            where=where,
            hint="compare the two sheets: is the file complete? If it is right so, set contract.rows.max_change in the "
            "registry and run again",
        )
