"""Invented releases in the layouts that statistics publishers use, served over HTTP for ``make demo``."""
