"""Parquet, metadata and the catalogue."""
