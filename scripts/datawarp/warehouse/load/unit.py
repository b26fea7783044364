"""A unit into the warehouse, whole or not at all."""

from __future__ import annotations

import logging
import time

from datawarp.errors import UnreachableError
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect
from datawarp.warehouse.corrections import Correction, read_corrections
from datawarp.warehouse.driver import psycopg2
from datawarp.warehouse.load.marker import LoadedMarker, write_marker
from datawarp.warehouse.load.problems import is_passing, told
from datawarp.warehouse.load.transaction import load_unit

logger = logging.getLogger(__name__)

ATTEMPTS = 6
_PAUSE = 0.5
"""Seconds to wait after the first attempt; after the n-th, n times as long."""


def load(unit: Unit, paths: Paths, settings: Settings) -> LoadedMarker:
    """Load the unit's enabled sources in one transaction, then write its ``.loaded``.

    The rows of its period are replaced, the tables changed as the contract allows, history, lineage and drift
    recorded: all of it or none. A connection that breaks or a deadlock with somebody else's work is tried again.
    Raises :class:`ContractError` with sheet, column and value, and :class:`WarehouseError` when the database
    cannot take it.
    """
    corrections = read_corrections(paths.root, unit.publication, unit.when)
    marker = _loaded(unit, paths, settings, corrections)
    write_marker(paths.loaded_marker(unit.name), marker)
    return marker


def _loaded(unit: Unit, paths: Paths, settings: Settings, corrections: list[Correction]) -> LoadedMarker:
    attempt = 1
    while True:
        try:
            connection = connect(paths, settings)
            try:
                return load_unit(connection, unit, paths, settings, corrections)
            finally:
                connection.close()
        except psycopg2.Error as problem:
            if attempt == ATTEMPTS or not is_passing(problem):
                raise told(problem, unit.name) from problem
            logger.warning("%s: attempt %d: %s", unit.name, attempt, str(problem).strip())
        except UnreachableError as problem:
            # A server that was there a moment ago is restarting; one that never was is told at once.
            if attempt in (1, ATTEMPTS):
                raise
            logger.warning("%s: attempt %d: %s", unit.name, attempt, problem.message)
        time.sleep(_PAUSE * attempt)
        attempt += 1
