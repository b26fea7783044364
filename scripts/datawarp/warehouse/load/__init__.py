"""The load stage: one transaction per unit."""

from datawarp.warehouse.load.unit import load

__all__ = ["load"]
