"""How a staging table must change to take a unit's columns, as far as the contract allows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from datawarp.errors import ContractError, WarehouseError
from datawarp.manifest.models import ColumnType
from datawarp.registry.models import Contract
from datawarp.warehouse.driver import sql
from datawarp.warehouse.load.drift import DriftEvent
from datawarp.warehouse.load.plan import LINEAGE, MARKER, IncomingColumn, SourceLoad
from datawarp.warehouse.load.tally import Tally, tallied
from datawarp.warehouse.types import FROM_POSTGRES, LARGEST_EXACT, POSTGRES, conversion, converted, wider

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812


@dataclass
class Evolution:
    """What is to be done to a table, and what each delivered column becomes.

    ``stored`` maps each column that will be loaded to the type it has in the table then. ``left_out``
    columns are not loaded; ``kept`` are columns whose misfits go to the marker column.
    """

    exists: bool
    stored: dict[str, ColumnType] = field(default_factory=dict)
    added: dict[str, ColumnType] = field(default_factory=dict)
    retyped: dict[str, tuple[ColumnType, ColumnType]] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    kept: dict[str, tuple[ColumnType, ColumnType]] = field(default_factory=dict)

    def events(self) -> list[DriftEvent]:
        """What happened to the table, and what the contract kept out."""
        widened = [
            DriftEvent(
                "type_widened",
                "warning" if new == "text" else "info",
                f"column {name!r} of the table became {new}; it was {old}",
                name,
                expected=old,
                found=new,
            )
            for name, (old, new) in self.retyped.items()
            if name not in self.emptied
        ]
        left_out = [
            DriftEvent("column_left_out", "warning", f"column {name!r} is new, and the contract leaves it out", name)
            for name in self.left_out
        ]
        kept = [
            DriftEvent(
                "type_kept",
                "warning",
                f"column {name!r} stays {old}; what is not is in {name}{MARKER}, as the contract says",
                name,
                expected=old,
                found=new,
            )
            for name, (old, new) in self.kept.items()
        ]
        return [*widened, *left_out, *kept]


def stored_columns(cursor: Cursor, table: str) -> dict[str, ColumnType] | None:
    """The source's own columns of a staging table with their types; None when there is no table."""
    return stored_tables(cursor, [table]).get(table)


def stored_tables(cursor: Cursor, tables: Collection[str]) -> dict[str, dict[str, ColumnType]]:
    """The sources' own columns, with their types, of those of these staging tables that there are."""
    cursor.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'staging'::regnamespace "
        "AND c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum",
        (list(tables),),
    )
    found: dict[str, dict[str, ColumnType]] = {}
    for table, name, kind in cursor.fetchall():
        columns = found.setdefault(table, {})
        if name in LINEAGE:
            continue
        if kind not in FROM_POSTGRES:
            raise WarehouseError(
                f"column {name!r} has the type {kind}, which DataWarp does not make",
                where=f"staging.{table}",
                hint="somebody changed the table: change it back, or `snakemake cleanup` the source and load it again",
            )
        columns[name] = FROM_POSTGRES[kind]
    return found


def decide(
    cursor: Cursor,
    load: SourceLoad,
    stored: Mapping[str, ColumnType] | None,
    contract: Contract,
    tally: Tally | None,
    replaced: sql.Composed,
) -> tuple[Evolution, Tally | None]:
    """The evolution that ``load`` needs, and the tally of its rows where one had to be made to decide.

    A column without any value, delivered or stored, has no say about types. Where types may change, neither have the
    rows that will be replaced, which the condition ``replaced`` picks. Raises :class:`ContractError` where the
    contract forbids the change.
    """
    incoming = load.columns
    if stored is None:
        kinds = {name: column.type for name, column in incoming.items()}
        return Evolution(exists=False, stored=kinds, added=dict(kinds)), tally
    evolution = Evolution(exists=True)
    for name, column in incoming.items():
        if name not in stored:
            _add(evolution, load, column, contract)
            continue
        old = stored[name]
        if old == column.type:
            evolution.stored[name] = old
            continue
        tally = tally or tallied(load.tables)
        # A type that the contract keeps is kept by a replaced period too, though no other has values.
        counted = sql.SQL("NOT ({})").format(replaced) if contract.types in ("widen", "evolve") else None
        _reconcile(StoredRows(cursor, load.table_name, counted), evolution, load, column, old, tally, contract)
    for name in evolution.kept:
        marker = f"{name}{MARKER}"
        if marker not in stored and marker not in evolution.stored:
            evolution.added[marker] = "text"
        evolution.stored.setdefault(marker, "text")
    if contract.columns == "freeze":
        _refuse_vanished(load, stored, incoming)
    return evolution, tally


def _add(evolution: Evolution, load: SourceLoad, column: IncomingColumn, contract: Contract) -> None:
    # A marker column is the other half of a column that exists: suppression must not be lost to a contract.
    if contract.columns == "evolve" or column.is_marker:
        evolution.added[column.name] = evolution.stored[column.name] = column.type
    elif contract.columns == "discard":
        evolution.left_out.append(column.name)
    else:
        table = next(t for t in load.tables if column.name in t.schema.names)
        raise ContractError(
            f"{table.header(column.name)} is new (as {column.name!r}), and the contract freezes the columns",
            where=table.where,
            hint="set contract.columns to evolve (or discard, to leave it out) in the registry and run again",
        )


def _reconcile(
    table: StoredRows,
    evolution: Evolution,
    load: SourceLoad,
    column: IncomingColumn,
    old: ColumnType,
    tally: Tally,
    contract: Contract,
) -> None:
    name, new, types = column.name, column.type, contract.types
    if tally.values.get(name, 0) == 0:
        evolution.stored[name] = old
        return
    if not table.has_values(name):
        evolution.stored[name] = new
        evolution.retyped[name] = (old, new)
        evolution.emptied.add(name)
        return
    target = table.joint_type(name, old, new, beyond_exact=name in tally.beyond_exact)
    if target == old:
        evolution.stored[name] = old
    elif types in ("widen", "evolve"):
        evolution.stored[name] = target
        evolution.retyped[name] = (old, target)
    elif types == "discard":
        evolution.stored[name] = old
        evolution.kept[name] = (old, new)
    else:
        _refuse_misfit(load, column, old)
        evolution.stored[name] = old


@dataclass(frozen=True)
class StoredRows:
    """The rows of a table that have a say about its types: all, or those that ``counted`` picks."""

    cursor: Cursor
    name: str
    counted: sql.Composable | None = None

    def has_values(self, column: str) -> bool:
        """Whether any of them has a value of ``column``."""
        return self._any(sql.SQL("{} IS NOT NULL").format(sql.Identifier(column)))

    def joint_type(self, column: str, old: ColumnType, new: ColumnType, *, beyond_exact: bool) -> ColumnType:
        """The type that holds both the values that ``column`` has, as ``old``, and those to come, as ``new``.

        ``beyond_exact`` says that integers are to come which doubles skip; they, and numbers, are told apart by text.
        """
        if {old, new} == {"integer", "numeric"} and (beyond_exact or (old == "integer" and self._beyond_exact(column))):
            return "text"
        return wider(old, new)

    def _beyond_exact(self, column: str) -> bool:
        return self._any(
            sql.SQL("{} NOT BETWEEN {} AND {}").format(
                sql.Identifier(column), sql.Literal(-LARGEST_EXACT), sql.Literal(LARGEST_EXACT)
            )
        )

    def _any(self, condition: sql.Composed) -> bool:
        if self.counted is not None:
            condition = sql.SQL("{} AND {}").format(condition, self.counted)
        table = sql.Identifier("staging", self.name)
        self.cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(table, condition))
        return bool(self.cursor.fetchone() == (True,))


def _refuse_misfit(load: SourceLoad, column: IncomingColumn, old: ColumnType) -> None:
    """Raise with the first value that the stored type cannot hold; values that all fit are let in."""
    for table in load.tables:
        if column.name not in table.schema.names:
            continue
        for batch in table.batches():
            misfits = converted(batch.column(column.name), column.type, old)[1]
            if misfits is None:
                continue
            at = next(i for i, text in enumerate(misfits.to_pylist()) if text is not None)
            raise ContractError(
                f"{table.header(column.name)}, sheet row {batch.column('_source_row')[at]}: {misfits[at].as_py()!r} "
                f"does not fit the type {old} that the column has, and the contract freezes the types",
                where=table.where,
                hint="set contract.types to widen in the registry, or add a correction, and run again",
            )


def _refuse_vanished(load: SourceLoad, stored: Mapping[str, ColumnType], incoming: dict[str, IncomingColumn]) -> None:
    gone = [n for n in stored if n not in incoming and not n.endswith(MARKER)]
    if gone:
        raise ContractError(
            f"column(s) {', '.join(map(repr, gone))} of earlier periods are missing, and the contract freezes the "
            "columns",
            where=load.tables[0].where,
            hint="if the publisher dropped them, set contract.columns to evolve in the registry and run again",
        )


def alter(cursor: Cursor, table_name: str, evolution: Evolution) -> None:
    """Add and retype columns of a table that is there: one statement, so at most one rewrite."""
    table = sql.Identifier("staging", table_name)
    changes: list[sql.Composable] = [
        sql.SQL("ADD COLUMN {} {}").format(sql.Identifier(name), sql.SQL(POSTGRES[kind]))
        for name, kind in evolution.added.items()
    ]
    for name, (old, new) in evolution.retyped.items():
        expression = f"NULL::{POSTGRES[new]}" if name in evolution.emptied else conversion(old, new)
        changes.append(
            sql.SQL("ALTER COLUMN {} TYPE {} USING {}").format(
                sql.Identifier(name), sql.SQL(POSTGRES[new]), sql.SQL(expression).format(sql.Identifier(name))
            )
        )
    if changes:
        cursor.execute(sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(changes)))


def create(cursor: Cursor, new: Iterable[tuple[SourceLoad, Evolution]]) -> None:
    """Make the tables of sources that have none."""
    _execute_all(cursor, (statement for load, evolution in new for statement in _creation(load, evolution)))


def _creation(load: SourceLoad, evolution: Evolution) -> Iterator[sql.Composed]:
    table = sql.Identifier("staging", load.table_name)
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(POSTGRES[kind])) for name, kind in evolution.added.items()
    ]
    columns += [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in LINEAGE.items()]
    yield sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join(columns))
    yield sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(f"{load.source.name} ({load.code})"))


def index(cursor: Cursor, new: Iterable[SourceLoad]) -> None:
    """Index new tables by period, after their first rows are in: replacing and exporting a period go by it."""
    names = (sql.Identifier("staging", load.table_name) for load in new)
    _execute_all(cursor, (sql.SQL("CREATE INDEX ON {} (_period)").format(name) for name in names))


def _execute_all(cursor: Cursor, statements: Iterable[sql.Composable]) -> None:
    """Send statements that give nothing back in one go."""
    together = sql.SQL("; ").join(statements)
    if together.seq:
        cursor.execute(together)
