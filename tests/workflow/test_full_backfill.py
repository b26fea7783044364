"""Everything redone: a backup first, the same content afterwards."""

from __future__ import annotations

from .conftest import Installation


def test_a_full_backfill_begins_with_a_backup_and_ends_with_the_same_content(installation: Installation) -> None:
    before = installation.outputs()
    call = installation.snakemake("all", "--config", "strategy=full", "pub=ambulance_weekly")
    assert call.done["finish_refresh"] == 2
    assert len(list(installation.paths.backups.glob("*/*.dump"))) == 1
    assert {name: data for name, data in installation.outputs().items() if before.get(name) != data} == {}
    assert installation.snakemake("all").nothing_to_do
