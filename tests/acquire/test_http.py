"""The client against a real server: patience, politeness, and nothing taken on trust."""

from __future__ import annotations

import base64
import gzip
import hashlib
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from publisher import Publisher, chunked, dropped, redirect, slow, status, wrong_length

from datawarp.acquire.http import Client, NotFound
from datawarp.acquire.pacing import Pace, is_this_machine
from datawarp.acquire.validators import Validators
from datawarp.errors import AcquireError
from datawarp.registry.settings import HttpSettings, Settings

BODY = b"region,count\nNorth,1\n" * 500


class Waits(list[float]):
    """A sleep that takes no time and remembers."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(settings: Settings, waits: Waits) -> Client:
    return Client(settings.http, sleep=waits)


def test_a_file_is_streamed_hashed_and_its_validators_kept(site: Publisher, client: Client, tmp_path: Path) -> None:
    got = client.fetch(site.file("/a.csv", BODY, "text/csv"), tmp_path / "a")
    assert got.path == tmp_path / "a"
    assert got.path.read_bytes() == BODY
    assert got.sha256 == hashlib.sha256(BODY).hexdigest()
    assert got.size_bytes == len(BODY)
    assert got.validators.etag == f'"{hashlib.md5(BODY).hexdigest()}"'
    assert site.requests[0].headers["User-Agent"] == HttpSettings().user_agent


def test_what_is_unchanged_is_not_sent_again(site: Publisher, client: Client, tmp_path: Path) -> None:
    url = site.file("/a.csv", BODY)
    first = client.fetch(url, tmp_path / "a")
    assert client.fetch(url, tmp_path / "b", first.validators).unchanged
    assert client.fetch(url, tmp_path / "b", Validators(None, first.validators.last_modified)).unchanged
    assert not (tmp_path / "b").exists()
    site.file("/a.csv", BODY + b"South,2\n")
    assert not client.fetch(url, tmp_path / "b", first.validators).unchanged


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_tired_server_is_tried_again_with_doubling_waits(
    site: Publisher, client: Client, waits: Waits, tmp_path: Path, code: int
) -> None:
    url = site.file("/a.csv", BODY)
    site.then("/a.csv", status(code), status(code))
    assert client.fetch(url, tmp_path / "a").size_bytes == len(BODY)
    assert waits == [pytest.approx(0.01, rel=0.11), pytest.approx(0.02, rel=0.11)]


def test_it_gives_up_after_the_last_attempt_and_leaves_nothing(site: Publisher, client: Client, tmp_path: Path) -> None:
    url = site.file("/a.csv", BODY)
    site.always("/a.csv", status(503))
    with pytest.raises(AcquireError, match="503"):
        client.fetch(url, tmp_path / "a")
    assert site.asked("/a.csv") == 3
    assert not (tmp_path / "a").exists()


def test_retry_after_is_obeyed_as_seconds_and_as_a_date(
    site: Publisher, settings: Settings, waits: Waits, tmp_path: Path
) -> None:
    now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    url = site.file("/a.csv", BODY)
    date = format_datetime(now + timedelta(seconds=2), usegmt=True)
    site.then("/a.csv", status(429, retry_after=1), status(503, retry_after=date))
    Client(settings.http, sleep=waits, now=lambda: now).fetch(url, tmp_path / "a")
    assert waits == [1.0, 2.0]


def test_a_server_that_asks_for_more_patience_than_allowed_is_left_alone(
    site: Publisher, client: Client, waits: Waits, tmp_path: Path
) -> None:
    url = site.file("/a.csv", BODY)
    site.always("/a.csv", status(429, retry_after=3600))
    with pytest.raises(AcquireError, match="left alone for 3600 s"):
        client.fetch(url, tmp_path / "a")
    assert waits == []
    assert site.asked("/a.csv") == 1


def test_a_dropped_connection_is_tried_again(site: Publisher, client: Client, tmp_path: Path) -> None:
    url = site.file("/a.csv", BODY)
    site.then("/a.csv", dropped(), dropped(after=1000))
    assert client.fetch(url, tmp_path / "a").sha256 == hashlib.sha256(BODY).hexdigest()


def test_a_body_that_is_always_cut_off_is_an_error_that_says_how_far_it_came(
    site: Publisher, client: Client, tmp_path: Path
) -> None:
    url = site.file("/a.csv", BODY)
    site.always("/a.csv", dropped(after=1000))
    with pytest.raises(AcquireError, match=r"cut off after 1,000 of 10,500 bytes"):
        client.fetch(url, tmp_path / "a")


def test_a_length_that_promises_more_than_comes_is_noticed(site: Publisher, client: Client, tmp_path: Path) -> None:
    url = site.file("/a.csv", BODY)
    site.always("/a.csv", wrong_length(len(BODY) + 5))
    with pytest.raises(AcquireError, match="cut off"):
        client.fetch(url, tmp_path / "a")


def test_bodies_in_chunks_and_packed_bodies_come_whole(site: Publisher, client: Client, tmp_path: Path) -> None:
    url = site.file("/a.csv", BODY)
    site.then("/a.csv", chunked)
    assert client.fetch(url, tmp_path / "a").size_bytes == len(BODY)
    packed = site.file("/b.csv", gzip.compress(BODY), Content_Encoding="gzip")
    assert client.fetch(packed, tmp_path / "b").sha256 == hashlib.sha256(BODY).hexdigest()


def test_the_servers_own_digest_is_believed_over_the_bytes(site: Publisher, client: Client, tmp_path: Path) -> None:
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    good = site.file("/a.csv", BODY, Repr_Digest=f"sha-256=:{digest}:")
    assert client.fetch(good, tmp_path / "a").size_bytes == len(BODY)
    bad = site.file("/b.csv", BODY[:-1] + b"!", Content_MD5=base64.b64encode(hashlib.md5(BODY).digest()).decode())
    with pytest.raises(AcquireError, match="md5 digest"):
        client.fetch(bad, tmp_path / "b")


def test_a_file_larger_than_the_limit_is_refused_by_its_length_and_by_its_bytes(
    site: Publisher, settings: Settings, tmp_path: Path
) -> None:
    url = site.file("/a.csv", BODY)
    client = Client(settings.http.model_copy(update={"max_bytes": 1000}))
    with pytest.raises(AcquireError, match="larger than the limit: 10,500 of 1,000"):
        client.fetch(url, tmp_path / "a")
    site.then("/a.csv", chunked)
    with pytest.raises(AcquireError, match="larger than the limit"):
        client.fetch(url, tmp_path / "a")
    assert site.asked("/a.csv") == 2


def test_a_silent_server_and_a_trickle_are_cut_short(site: Publisher, settings: Settings, tmp_path: Path) -> None:
    url = site.file("/a.csv", BODY)
    hasty = settings.http.model_copy(update={"read_timeout": 0.1, "attempts": 1})
    site.then("/a.csv", slow(1, pieces=1))
    with pytest.raises(AcquireError, match="cut off after 0 of 10,500 bytes"):
        Client(hasty).fetch(url, tmp_path / "a")
    strict = settings.http.model_copy(update={"total_timeout": 0.1})
    site.then("/a.csv", slow(1, pieces=10))
    with pytest.raises(AcquireError, match=r"longer than 0\.1 s"):
        Client(strict).fetch(url, tmp_path / "a")


def test_redirects_are_followed_to_http_only_and_not_for_ever(site: Publisher, client: Client, tmp_path: Path) -> None:
    target = site.file("/new/a b.csv".replace(" ", "%20"), BODY)
    site.always("/old", redirect("/new/a b.csv", 301))
    got = client.fetch(site.url("/old"), tmp_path / "a")
    assert (got.final_url, got.size_bytes) == (target, len(BODY))
    site.always("/trap", redirect("file:///etc/hostname"))
    with pytest.raises(AcquireError, match="redirects to file:///etc/hostname"):
        client.fetch(site.url("/trap"), tmp_path / "a")
    site.always("/x", redirect("/y"))
    site.always("/y", redirect("/x"))
    with pytest.raises(AcquireError, match="redirects in a circle"):
        client.fetch(site.url("/x"), tmp_path / "a")


@pytest.mark.parametrize("code", [404, 410])
def test_nothing_there_is_told_at_once(site: Publisher, client: Client, tmp_path: Path, code: int) -> None:
    site.always("/a.csv", status(code))
    with pytest.raises(NotFound, match=str(code)):
        client.fetch(site.url("/a.csv"), tmp_path / "a")
    assert site.asked("/a.csv") == 1


def test_a_refusal_is_no_reason_to_ask_again(site: Publisher, client: Client, tmp_path: Path) -> None:
    site.always("/a.csv", status(403))
    with pytest.raises(AcquireError, match="403"):
        client.fetch(site.url("/a.csv"), tmp_path / "a")
    assert site.asked("/a.csv") == 1


def test_an_unreachable_host_is_named(client: Client, waits: Waits, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(AcquireError, match=r"127\.0\.0\.1 cannot be reached: .*refused"):
        client.fetch(f"http://127.0.0.1:{port}/", tmp_path / "a")
    assert len(waits) == 2
    with pytest.raises(AcquireError, match=r"no-such-host\.invalid cannot be reached"):
        client.fetch("http://no-such-host.invalid/", tmp_path / "a")


def test_jobs_keep_their_distance_from_a_host_together(tmp_path: Path) -> None:
    clock, waits = [100.0], Waits()

    def sleep(seconds: float) -> None:
        waits(seconds)
        clock[0] += seconds

    one = Pace(tmp_path, 2.0, clock=lambda: clock[0], sleep=sleep)
    other = Pace(tmp_path, 2.0, clock=lambda: clock[0], sleep=sleep)
    one.wait("files.digital.nhs.uk")
    other.wait("files.digital.nhs.uk")
    other.wait("www.england.nhs.uk")
    assert waits == [2.0]
    one.postpone("files.digital.nhs.uk", 30)
    other.wait("files.digital.nhs.uk")
    assert waits == [2.0, 30.0]
    one.wait("localhost")
    one.wait("localhost")
    assert len(waits) == 2


@pytest.mark.parametrize(("host", "here"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("nhs.uk", False)])
def test_this_machine(host: str, here: bool) -> None:
    assert is_this_machine(host) is here


def test_a_304_that_nobody_asked_for_is_no_answer(site: Publisher, client: Client, tmp_path: Path) -> None:
    with pytest.raises(AcquireError, match="the server answers 304"):
        client.fetch(site.always("/a.csv", status(304)), tmp_path / "a")


def test_a_date_holds_only_for_the_address_that_gave_it(site: Publisher, client: Client, tmp_path: Path) -> None:
    """`latest` led to a file of May and leads to June's, put up ahead of May's last correction."""
    june = site.file("/june.csv", b"a,b\n6,6\n")
    site.file("/may.csv", b"draft")
    may = site.file("/may.csv", b"a,b\n5,5\n")
    latest = site.always("/latest", redirect(may))
    first = client.fetch(latest, tmp_path / "a")
    dated = replace(first.validators, etag=None)
    assert client.fetch(latest, tmp_path / "a", dated).unchanged
    site.always("/latest", redirect(june))
    second = client.fetch(latest, tmp_path / "a", dated)
    assert second.path is not None
    assert second.path.read_bytes() == b"a,b\n6,6\n"


@pytest.mark.parametrize("location", ["http://[", "http://[::1/a.csv", "https://"])
def test_a_redirect_to_no_address_is_told(site: Publisher, client: Client, tmp_path: Path, location: str) -> None:
    with pytest.raises(AcquireError, match=r"only http and https are followed|Invalid IPv6 URL") as caught:
        client.fetch(site.always("/a.csv", redirect(location)), tmp_path / "a")
    assert caught.value.where == site.url("/a.csv")


def test_keys_in_redirects_are_not_told(site: Publisher, client: Client, tmp_path: Path) -> None:
    url = site.always("/a?key=secret", redirect(site.url("/a?key=secret")))
    site.always("/begin", redirect(url))
    with pytest.raises(AcquireError, match="in a circle") as caught:
        client.fetch(site.url("/begin"), tmp_path / "a")
    assert "secret" not in str(caught.value)
    with pytest.raises(AcquireError, match="only http and https") as caught:
        client.fetch(site.always("/ftp", redirect("ftp://x.uk/a?key=secret")), tmp_path / "a")
    assert "secret" not in str(caught.value)


def through_a_proxy(site: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that nobody can look up reach ``site``, as names of the internet do behind a company's proxy."""
    monkeypatch.setenv("http_proxy", site.url())
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.mark.parametrize("inside", ["http://169.254.169.254/latest/meta-data", "http://{loopback}/", "http://127.1/a"])
def test_nothing_on_the_internet_leads_inside(
    site: Publisher, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    through_a_proxy(site, monkeypatch)
    inside = inside.format(loopback=site.url().split("/")[2])
    site.file("/", b"user,key\nroot,secret\n")
    site.always("http://figures.invalid/a.csv", redirect(inside))
    with pytest.raises(AcquireError, match="this machine or in its network"):
        client.fetch("http://figures.invalid/a.csv", tmp_path / "a")
    with pytest.raises(AcquireError, match="the page leads to"):
        client.fetch(inside, tmp_path / "a", registered="http://figures.invalid/")
    assert [request.path for request in site.requests] == ["http://figures.invalid/a.csv"]


def test_other_hosts_and_the_inside_itself_may_be_led_to(
    site: Publisher, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through_a_proxy(site, monkeypatch)
    port = site.url().rsplit(":", 1)[1]
    site.file("/b.csv", BODY)
    site.file("http://files.invalid/b.csv", BODY)
    site.always("http://figures.invalid/a.csv", redirect("http://files.invalid/b.csv"))
    assert client.fetch("http://figures.invalid/a.csv", tmp_path / "a").size_bytes == len(BODY)
    local = site.always("/a.csv", redirect(f"http://localhost:{port}b.csv"))
    assert client.fetch(local, tmp_path / "a").size_bytes == len(BODY)
    assert client.fetch(site.url("/b.csv"), tmp_path / "a", registered="http://localhost/").size_bytes == len(BODY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told(site: Publisher, client: Client, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/dev/full")
    with pytest.raises(AcquireError, match="cannot be written: No space left"):
        client.fetch(site.file("/a.csv", BODY), tmp_path / "a")


@pytest.mark.parametrize("moved", [-3650 * 86_400, 3650 * 86_400])
def test_a_clock_that_is_set_keeps_nobody_waiting_for_years(tmp_path: Path, waits: Waits, moved: float) -> None:
    Pace(tmp_path, 0.5, clock=lambda: 1e9, sleep=waits).postpone("x.uk", 60)
    Pace(tmp_path, 0.5, clock=lambda: 1e9 + moved, sleep=waits).wait("x.uk")
    assert sum(waits) <= 60
