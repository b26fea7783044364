"""The errors of DataWarp: what was expected, what was found, where, and what to do next.

Every error that a person may see derives from :class:`DatawarpError`; a stage that ends with one
prints its text and nothing else. Any other exception is a fault of the program and keeps its
traceback in the job's log.
"""

from __future__ import annotations


class DatawarpError(Exception):
    """A problem with the input, the configuration or the surroundings, told to a person.

    ``message`` says what was expected and what was found; ``where`` names file, sheet, row and
    column as far as they are known; ``hint`` says what to do next.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(message, where, hint)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  what to do: {self.hint}" if self.hint else text


class RegistryError(DatawarpError):
    """The registry or the configuration cannot be used; lists every problem found."""


class AcquireError(DatawarpError):
    """A release's files could not be fetched or are not what their name says."""


class NotPublishedYet(AcquireError):
    """The address of a period answers 404: its publisher has not put it up yet."""


class BrokenLink(AcquireError):
    """A release's page links a data file that is not there: the publisher's fault, not a late release."""


class SheetError(DatawarpError):
    """A data file cannot be read, or holds no table."""


class ManifestError(DatawarpError):
    """A manifest is missing, cannot be read or contradicts its schema."""


class EnrichError(DatawarpError):
    """A manifest could not be enriched, or a unit is held back for review."""


class WarehouseError(DatawarpError):
    """The database is unreachable, full, or in a state that a load must not touch."""


class UnreachableError(WarehouseError):
    """No connection to the database could be made."""


class ContractError(WarehouseError):
    """A load would break the contract of its publication."""


class PublishError(DatawarpError):
    """What was exported does not agree with the database."""


class LifecycleError(DatawarpError):
    """An archive, backup, sync or restore could not be carried out safely."""
