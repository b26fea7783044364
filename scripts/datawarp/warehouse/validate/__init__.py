"""Integrity of database, files and receipts against each other."""

from datawarp.warehouse.validate.findings import Finding, Report
from datawarp.warehouse.validate.validate import validate

__all__ = ["Finding", "Report", "validate"]
