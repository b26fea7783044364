"""Tell people once when a unit starts to fail, fails differently, is given up, or has recovered.

Every channel (file, webhook, mail) remembers what it last told, so that a channel that was down
hears of a change at the next run, and nobody hears the same news twice. A notification that
fails is written to the file and fails nothing.
"""

from __future__ import annotations

import os
import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from datawarp.errors import DatawarpError
from datawarp.files import read_json, write_json
from datawarp.registry.paths import Paths
from datawarp.registry.settings import AlertSettings

Channel = Callable[["Notice"], None]
_WORDS = {"new": "fails", "changed": "fails differently", "recovered": "has recovered"}


@dataclass(frozen=True)
class Trouble:
    """A unit that does not get through: ``key`` tells one state of trouble from another."""

    unit: str
    key: str
    text: str


@dataclass(frozen=True)
class Change:
    """One piece of news: ``kind`` is new, changed or recovered."""

    unit: str
    kind: str
    text: str


@dataclass(frozen=True)
class Notice:
    """What a channel sends: a line and the changes."""

    title: str
    changes: list[Change]

    @property
    def text(self) -> str:
        """The changes, a line each."""
        return "\n".join(f"{c.unit} {_WORDS[c.kind]}" + (f": {c.text}" if c.text else "") for c in self.changes)


def changes(told: Mapping[str, str], now: list[Trouble]) -> list[Change]:
    """What is news to somebody who was ``told`` (unit → key), in the order of unit names."""
    current = {t.unit: t for t in now}
    news = [
        Change(unit, "changed" if unit in told else "new", trouble.text)
        for unit, trouble in current.items()
        if told.get(unit) != trouble.key
    ]
    news += [Change(unit, "recovered", "") for unit in told if unit not in current]
    return sorted(news, key=lambda c: c.unit)


def notice(news: list[Change], place: str) -> Notice:
    """The notice for ``news`` of the installation called ``place``."""
    failing = sum(c.kind != "recovered" for c in news)
    parts = [f"{failing} failing"] if failing else []
    recovered = len(news) - failing
    parts += [f"{recovered} recovered"] if recovered else []
    return Notice(f"DataWarp {place}: {', '.join(parts)}", news)


def announce(troubles: list[Trouble], channels: Mapping[str, Channel], paths: Paths, now: datetime) -> list[str]:
    """Tell each channel what is news to it; returns a line per channel that could not be reached.

    What was told is kept in ``.datawarp/alerts.json``, under a lock, per channel.
    """
    state_path = paths.private / "alerts.json"
    state_path.parent.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    with FileLock(str(state_path) + ".lock"):
        state: dict[str, dict[str, str]] = read_json(state_path) if state_path.exists() else {}
        for name, send in channels.items():
            news = changes(state.get(name, {}), troubles)
            if not news:
                continue
            try:
                send(notice(news, paths.root.name))
            except Exception as problem:  # whatever a channel does, the run's outcome stands
                failed.append(f"{name} was not told: {type(problem).__name__}: {problem}")
                continue
            state[name] = {t.unit: t.key for t in troubles}
        write_json(state_path, state)
    if failed:
        _append(paths.root / "logs" / "alerts.log", now, failed)
    return failed


def channels(
    settings: AlertSettings, paths: Paths, now: datetime, environment: Mapping[str, str]
) -> dict[str, Channel]:
    """The channels that are set up: the file always, webhook and mail when the environment names them."""
    found: dict[str, Channel] = {
        "file": lambda n: _append(paths.root / "logs" / "alerts.log", now, [n.title, *n.text.splitlines()])
    }
    if webhook := environment.get("DATAWARP_WEBHOOK_URL"):
        found["webhook"] = lambda n: post_webhook(webhook, n, settings.timeout)
    if (server := environment.get("DATAWARP_SMTP_URL")) and settings.mail_to:
        found["mail"] = lambda n: send_mail(server, settings, n)
    return found


def post_webhook(url: str, message: Notice, timeout: float) -> None:
    """POST ``message`` as Slack's incoming webhooks take it; raises for any answer but 2xx."""
    import requests

    # The address is a secret: no error text may carry it into a log.
    try:
        reply = requests.post(url, json={"text": f"*{message.title}*\n{message.text}"}, timeout=timeout)
    except requests.RequestException as problem:
        raise DatawarpError(type(problem).__name__) from None
    if not reply.ok:
        raise DatawarpError(f"the webhook answered {reply.status_code}")


def send_mail(server: str, settings: AlertSettings, message: Notice) -> None:
    """Mail ``message`` through ``server`` (``smtp[s]://[user:password@]host[:port]``); STARTTLS where offered."""
    parts = urlsplit(server)
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = settings.mail_from
    mail["To"] = ", ".join(settings.mail_to)
    mail.set_content(message.text)
    secure = parts.scheme == "smtps"
    connect = smtplib.SMTP_SSL if secure else smtplib.SMTP
    with connect(
        parts.hostname or "localhost", parts.port or (465 if secure else 25), timeout=settings.timeout
    ) as smtp:
        smtp.ehlo()
        if not secure and smtp.has_extn("starttls"):
            smtp.starttls()
            smtp.ehlo()
        if parts.username:
            smtp.login(unquote(parts.username), unquote(parts.password or ""))
        smtp.send_message(mail)


def announce_run(troubles: list[Trouble], settings: AlertSettings, paths: Paths, now: datetime) -> list[str]:
    """Announce ``troubles`` on every channel that this process's environment sets up."""
    return announce(troubles, channels(settings, paths, now, os.environ), paths, now)


def _append(path: Path, now: datetime, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as log:
        log.write("".join(f"{now.isoformat(timespec='seconds')} {line}\n" for line in lines))
