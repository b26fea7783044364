"""The drill: damage an installation in every way at once or in turn, recover by the documented commands, compare.

The commands are those of docs/tasks/restore-after-lost-disk.md. "As before" is by content: the rows of
every table with their lineage, and the bytes of every Parquet file.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from datawarp.lifecycle.bucket import Bucket
from datawarp.warehouse.server import Server

from .conftest import Installation, S3Server, administer
from .test_targets import snakemake


def content(made: Installation) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, str]]:
    """The rows of every staging table, without what tells one load from another, and the Parquet files."""
    tables = {}
    for (table,) in made.query("SELECT table_name FROM datawarp.tbl_data_sources ORDER BY 1"):
        columns = made.query(
            "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY column_name) FROM information_schema.columns"
            f" WHERE table_schema = 'staging' AND table_name = '{table}'"
            " AND column_name NOT IN ('_load_id', '_loaded_at', '_manifest_file_id')"
        )[0][0]
        tables[table] = made.query(
            f"SELECT {columns}, file_id FROM staging.{table} JOIN datawarp.tbl_manifest_files"
            f" ON manifest_file_id = _manifest_file_id ORDER BY file_id, _source_row, {columns}"
        )
    return tables, made.parquet()


def commands(made: Installation, *calls: tuple[str, ...], server: S3Server | None = None) -> str:
    """Run each call; all must end well. Returns what they printed."""
    printed = ""
    for call in calls:
        done = snakemake(made, *call, server=server)
        assert done.returncode == 0, f"{call}:\n{done.stdout}{done.stderr}"
        printed += done.stdout + done.stderr
    return printed


def empty_database(postgres: Server, made: Installation) -> None:
    """Drop the installation's database and put an empty one in its place."""
    name = made.query("SELECT current_database()")[0][0]
    administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")
    administer(postgres, f"CREATE DATABASE {name}")


def corrupt(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def a_download(made: Installation) -> Path:
    return next(p for p in sorted(made.paths.store.rglob("original.*")))


def test_without_a_backup_a_lost_database_is_loaded_again_from_what_is_retained(
    installation: Installation, postgres: Server
) -> None:
    made, before = installation, content(installation)
    empty_database(postgres, made)
    # The address is the same, so it is a load, or the first job that needs the database, that notices.
    (made.paths.private / "database.json").unlink(missing_ok=True)
    refused = snakemake(made, "all")
    assert refused.returncode != 0
    assert "were loaded into another database" in refused.stdout + refused.stderr
    commands(made, ("adopt",), ("all",), ("validate",))
    assert content(made) == before


def test_a_backup_brings_the_database_back_and_markers_agree(installation: Installation, postgres: Server) -> None:
    made, before = installation, content(installation)
    commands(made, ("backup",))
    empty_database(postgres, made)
    told = commands(made, ("restore_backup",), ("adopt",), ("all",), ("validate",))
    assert "Nothing to be done" in told
    assert content(made) == before


def test_lost_parquet_lost_snakemake_folder_and_lost_receipts_are_made_again(installation: Installation) -> None:
    made, before = installation, content(installation)
    shutil.rmtree(made.paths.output)
    shutil.rmtree(made.paths.root / ".snakemake", ignore_errors=True)
    commands(made, ("adopt",), ("all",), ("validate",))
    assert content(made) == before


def test_damaged_bytes_are_found_and_come_back_from_the_bucket(
    installation: Installation, bucket: Bucket, s3_server: S3Server
) -> None:
    made, before = installation, content(installation)
    commands(made, ("sync", "--config", f"to={bucket.location}"), server=s3_server)
    corrupt(a_download(made))
    corrupt(next(iter(sorted((made.paths.output / "parquet").rglob("*.parquet")))))
    found = snakemake(made, "validate")
    assert found.returncode != 0
    assert "is not the file that was exported" in (made.paths.output / "validation.json").read_text()
    units = [unit.name for unit in made.registry.units()]
    config = ("--config", f"from={bucket.location}")
    commands(made, (*(f"restore_{u}" for u in units), *config), ("validate",), server=s3_server)
    assert content(made) == before


def test_a_bucket_that_answers_errors_costs_nothing_local(
    installation: Installation, bucket: Bucket, s3_server: S3Server
) -> None:
    made, before = installation, installation.files()
    wrong = S3Server(s3_server.endpoint, "not the secret", s3_server.folder)
    refused = snakemake(made, "sync", "--config", f"to={bucket.location}", "delete_local=true", server=wrong)
    assert refused.returncode != 0
    assert "Traceback" not in refused.stdout + refused.stderr
    assert made.files() == before
    commands(made, ("sync", "--config", f"to={bucket.location}"), server=s3_server)


@pytest.mark.slow
def test_everything_lost_at_once(
    installation: Installation, postgres: Server, bucket: Bucket, s3_server: S3Server
) -> None:
    made, before = installation, content(installation)
    commands(made, ("backup",), ("sync", "--config", f"to={bucket.location}"), server=s3_server)
    empty_database(postgres, made)
    config = (made.paths.root / "config" / "publications.yaml").read_bytes()
    for entry in made.paths.root.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    (made.paths.root / "config").mkdir()
    (made.paths.root / "config" / "publications.yaml").write_bytes(config)
    source = f"from={bucket.location}"
    commands(
        made,
        ("restore_backup", "--config", source),
        ("restore_all", "--config", source),
        ("adopt",),
        ("all",),
        ("validate",),
        server=s3_server,
    )
    assert content(made) == before
