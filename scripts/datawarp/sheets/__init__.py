"""Bytes to grids to tables: reading, table detection, typing."""
