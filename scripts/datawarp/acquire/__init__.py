"""HTTP, landing pages and the content-addressed store of downloads."""
