"""psycopg2, as every module of a job's start imports it: without Python's ssl module.

psycopg2 would import that, as long as all else that a connection needs, to have it set up locks that OpenSSL itself has
taken care of since its version 1.1; libpq's own TLS is not touched by it.
"""

# ruff: noqa: E402 - what is left out must be so before psycopg2 is imported
from __future__ import annotations

from datawarp.lean import bring_back, leave_out

leave_out("ssl")
import psycopg2
from psycopg2 import errors, sql

bring_back("ssl")

__all__ = ["errors", "psycopg2", "sql"]
