"""Refresh, archive, cleanup, retention, sync, backup."""
