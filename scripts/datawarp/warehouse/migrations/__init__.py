"""The schema's history. ``HEAD`` is the revision that this code works with (a test keeps it true)."""

HEAD = "0001"
