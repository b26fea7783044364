"""Parquet, metadata and the catalogue: what people, notebooks and dashboards read."""
