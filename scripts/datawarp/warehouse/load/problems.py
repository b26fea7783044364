"""What the database's refusals mean for the person who runs a load."""

from __future__ import annotations

from datawarp.errors import ContractError, WarehouseError
from datawarp.warehouse.driver import errors, psycopg2

_AGAIN = "nothing of the unit was loaded; the next run tries again"

_TOLD: tuple[tuple[type[psycopg2.Error], str, str], ...] = (
    (errors.DiskFull, "the database's disk is full", f"make room on it; {_AGAIN}"),
    (
        errors.OutOfMemory,
        "the database has not enough memory",
        "give it more, or run with fewer --cores; where it is shared memory, raise the server's "
        f"max_locks_per_transaction: each table that a load makes takes nine; {_AGAIN}",
    ),
    (
        errors.InsufficientPrivilege,
        "the database's user may not write to the warehouse",
        "it needs CREATE on the database, or to own the schemas datawarp and staging",
    ),
    (
        errors.ReadOnlySqlTransaction,
        "the database can only be read: is it a replica?",
        "point DATABASE_URL at the primary server",
    ),
    (
        errors.TooManyColumns,
        "the table would have more than PostgreSQL's 1600 columns",
        "give the columns to take under `sheets:` in the registry, or store periods in columns long (`wide: true`)",
    ),
    (
        errors.ProgramLimitExceeded,
        "a row is larger than a page of PostgreSQL holds",
        "give the columns to take under `sheets:` in the registry, or store periods in columns long (`wide: true`)",
    ),
    (
        errors.DependentObjectsStillExist,
        "a view of yours depends on a column whose type must widen",
        f"drop the view, load, and make it again; {_AGAIN}",
    ),
    (
        errors.FeatureNotSupported,
        "a view of yours depends on a column whose type must widen",
        f"drop the view, load, and make it again; {_AGAIN}",
    ),
)


def is_passing(problem: psycopg2.Error) -> bool:
    """Whether the same work may well succeed when done again: a broken connection, a deadlock."""
    if isinstance(problem, errors.DiskFull | errors.OutOfMemory):
        return False
    if isinstance(problem, errors.DeadlockDetected | errors.SerializationFailure):
        return True
    return isinstance(problem, psycopg2.OperationalError | psycopg2.InterfaceError)


def told(problem: psycopg2.Error, unit: str) -> WarehouseError:
    """The error as a person should read it."""
    text = str(problem).strip()
    if isinstance(problem, errors.CharacterNotInRepertoire | errors.UntranslatableCharacter):
        return ContractError(
            f"a text cannot be stored: {text.splitlines()[0]}",
            where=unit,
            hint="the file has a byte 0 in a text, which PostgreSQL does not take; report it to the publisher",
        )
    for kind, words, hint in _TOLD:
        if isinstance(problem, kind):
            return WarehouseError(f"{words} ({text.splitlines()[0]})", where=unit, hint=hint)
    if is_passing(problem):
        return WarehouseError(f"the connection to the database broke: {text}", where=unit, hint=_AGAIN)
    return WarehouseError(f"the database refused the load: {text}", where=unit, hint=_AGAIN)
