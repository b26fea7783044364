"""Alerts go out once per change of state, to real servers, and never fail a run."""

import json
import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from aiosmtpd.controller import Controller

from datawarp.operations.alerts import Trouble, announce, changes, channels
from datawarp.registry.paths import Paths
from datawarp.registry.settings import AlertSettings

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
ADHD = Trouble("adhd_aug25", "download BrokenLink", "in download: the link to table.xlsx answers 410")
WARD = Trouble("ward_q1-2526", "load ContractError", "in load: sheet 'Table 1' has no rows")


@pytest.fixture
def webhook():
    """A server on loopback that takes Slack's messages; ``answer`` sets its status."""

    class Slack(BaseHTTPRequestHandler):
        taken: ClassVar[list[dict]] = []
        answer = 200

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if Slack.answer == 200:
                Slack.taken.append(json.loads(body))
            self.send_response(Slack.answer)
            self.end_headers()

        def log_message(self, *args):
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slack)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/services/secret", Slack
    server.shutdown()
    server.server_close()


@pytest.fixture
def mailbox():
    class Keep:
        def __init__(self):
            self.mails = []

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
            return "250 taken"

    keep = Keep()
    with socket.create_server(("127.0.0.1", 0)) as free:
        keep.port = free.getsockname()[1]
    controller = Controller(keep, hostname="127.0.0.1", port=keep.port)
    controller.start()
    yield keep
    controller.stop()


def test_only_a_change_of_state_is_news():
    told = {ADHD.unit: ADHD.key, "gone_2024": "draft SheetError"}
    news = changes(told, [ADHD, WARD])
    assert [(c.unit, c.kind) for c in news] == [("gone_2024", "recovered"), (WARD.unit, "new")]
    assert [c.kind for c in changes({ADHD.unit: "draft SheetError"}, [ADHD])] == ["changed"]


def test_every_channel_hears_once_and_of_recovery(tmp_path, webhook, mailbox):
    url, slack = webhook
    paths = Paths(tmp_path)
    settings = AlertSettings(mail_to=["night@example.org"])
    environment = {"DATAWARP_WEBHOOK_URL": url, "DATAWARP_SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}"}
    every = channels(settings, paths, NOW, environment)
    assert set(every) == {"file", "webhook", "mail"}
    assert announce([ADHD, WARD], every, paths, NOW) == []
    assert announce([ADHD, WARD], every, paths, NOW) == []
    assert announce([WARD], every, paths, NOW) == []
    assert len(slack.taken) == len(mailbox.mails) == 2
    assert "adhd_aug25 fails: in download: the link to table.xlsx answers 410" in slack.taken[0]["text"]
    assert slack.taken[1]["text"].endswith("adhd_aug25 has recovered")
    assert mailbox.mails[0][0] == ["night@example.org"]
    assert "2 failing" in mailbox.mails[0][1]
    assert (tmp_path / "logs/alerts.log").read_text().count("ward_q1-2526 fails") == 1


def test_a_channel_that_is_down_fails_nothing_and_hears_of_it_later(tmp_path, webhook):
    url, slack = webhook
    paths = Paths(tmp_path)
    every = channels(AlertSettings(), paths, NOW, {"DATAWARP_WEBHOOK_URL": url})
    slack.answer = 500
    failed = announce([ADHD], every, paths, NOW)
    assert len(failed) == 1
    assert "webhook was not told" in failed[0]
    assert "secret" not in (tmp_path / "logs/alerts.log").read_text()
    slack.answer = 200
    slack.taken.clear()
    assert announce([ADHD], every, paths, NOW) == []
    assert len(slack.taken) == 1
    assert (tmp_path / "logs/alerts.log").read_text().count("adhd_aug25 fails") == 1


def test_the_address_of_an_unreachable_webhook_stays_secret(tmp_path):
    paths = Paths(tmp_path)
    every = channels(AlertSettings(), paths, NOW, {"DATAWARP_WEBHOOK_URL": "http://127.0.0.1:9/services/secret"})
    assert announce([ADHD], every, paths, NOW) == ["webhook was not told: DatawarpError: ConnectionError"]
