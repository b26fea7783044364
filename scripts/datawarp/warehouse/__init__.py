"""PostgreSQL: schema, load, drift, integrity and the embedded server."""
