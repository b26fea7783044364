"""The embedded PostgreSQL's parts: what is on record, who runs it and where, its processes, and how it starts."""
