"""The commands as a person types them: Snakemake, a real database, a real bucket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datawarp.errors import LifecycleError
from datawarp.lifecycle import targets
from datawarp.lifecycle.bucket import Bucket
from datawarp.registry.paths import Paths

from .conftest import Installation, S3Server

PROJECT = Path(__file__).parents[2]


def snakemake(made: Installation, *words: str, server: S3Server | None = None) -> subprocess.CompletedProcess[str]:
    """Run the workflow on an installation; the words are those after ``--directory``."""
    command = [str(Path(sys.executable).parent / "snakemake"), "--snakefile", str(PROJECT / "Snakefile")]
    environment = {**os.environ, **(server.environment if server else {})}
    for name in ("R2_ACCOUNT_ID", "R2_ENDPOINT", "R2_ACCESS_KEY_ID"):
        environment.pop(name, None)
    return subprocess.run(
        [*command, "--directory", str(made.paths.root), *words],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_old_releases_go_to_the_bucket_and_come_back(
    installation: Installation, bucket: Bucket, s3_server: S3Server
) -> None:
    made = installation
    parquet, beds = made.parquet(), made.rows(made.beds)

    done = snakemake(made, "archive", "--config", "older_than=30d", "purge_db=true")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "moved to the archive" in done.stdout
    done = snakemake(made, "sync", "--config", f"to={bucket.location}", "delete_local=true", server=s3_server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(made.paths.archive.rglob("*.parquet"))
    assert made.pending() == []
    units = [unit.name for unit in made.registry.units() if made.paths.archived_record(unit.name).exists()]
    done = snakemake(
        made, *(f"restore_{unit}" for unit in units), "--config", f"from={bucket.location}", server=s3_server
    )
    assert done.returncode == 0, done.stdout + done.stderr

    assert units
    assert (made.parquet(), made.rows(made.beds)) == (parquet, beds)
    assert made.pending() == []


def test_the_other_commands(installation: Installation) -> None:
    made = installation
    beds = made.rows(made.beds)
    done = snakemake(made, "backup", "adopt", "cleanup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ".dump: " in done.stdout and "0 markers written, 3 agreed" in done.stdout and "no orphans" in done.stdout
    made.query(f"TRUNCATE staging.tbl_{made.beds}")
    done = snakemake(made, "restore_backup")
    assert done.returncode == 0 and "compared table by table" in done.stdout, done.stdout + done.stderr
    assert made.rows(made.beds) == beds


def test_a_command_that_cannot_be_carried_out_says_why_and_fails(installation: Installation) -> None:
    done = snakemake(installation, "archive")
    assert done.returncode != 0
    assert "nothing says what is old" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"to": "bucket"}, "is not a bucket"),
        ({"to": "s3://bucket"}, "not in the environment"),
        ({}, "no bucket is named"),
        ({"to": "s3://bucket", "verify": "perhaps"}, "verify"),
    ],
)
def test_what_sync_needs_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], told: str
) -> None:
    for name in ("R2_ACCOUNT_ID", "R2_ENDPOINT", "R2_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LifecycleError, match=told):
        targets.sync(Paths(tmp_path), config, str(tmp_path))
