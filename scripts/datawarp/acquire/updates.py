"""What publishers changed since it was downloaded: asked for, told, and left for a refresh to take in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from datawarp.acquire.http import Client, NotFound
from datawarp.acquire.index import IndexEntry, read_index
from datawarp.acquire.intake import is_selected
from datawarp.acquire.landing import is_data_address, normal_address, read_page
from datawarp.acquire.local import address_in, files_in
from datawarp.acquire.pacing import Pace
from datawarp.acquire.sniff import DATA_EXTENSIONS, extension, looks_like_html
from datawarp.acquire.store import incoming
from datawarp.acquire.validators import Validators
from datawarp.errors import AcquireError
from datawarp.files import read_json, sha256_file, write_json
from datawarp.registry.addresses import resolved
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings

Kind = Literal["unchanged", "changed", "new", "vanished", "failed"]


@dataclass(frozen=True)
class Finding:
    """One thing about a downloaded unit: ``unchanged`` as a whole, or what happened to one of its addresses."""

    unit: str
    kind: Kind
    url: str
    detail: str = ""


def check_updates(units: Iterable[Unit], paths: Paths, settings: Settings) -> list[Finding]:
    """Ask every address of the downloaded ``units`` whether it still gives what it gave.

    Units without a receipt are passed over: `all` downloads them. A landing page is read again for
    links that are new or gone. Nothing is stored or loaded; the findings are also written as JSON.
    """
    findings: list[Finding] = []
    with (
        incoming(paths, datetime.now(UTC)) as folder,
        Client(settings.http, Pace(paths.hosts, settings.http.host_delay)) as client,
    ):
        checker = _Checker(client, folder, read_index(paths), settings.registry(paths.root).parent)
        for unit in units:
            try:
                receipt = _receipt(paths.download_receipt(unit.name))
                if receipt is None:
                    continue
                found = checker.local(unit, receipt) if unit.is_local else checker.web(unit, receipt)
            except AcquireError as problem:
                found = [Finding(unit.name, "failed", unit.url, problem.message)]
            findings += found or [Finding(unit.name, "unchanged", unit.url)]
    write_json(paths.updates, {"findings": [asdict(f) for f in findings if f.kind != "unchanged"], **_counts(findings)})
    return findings


def _receipt(path: Path) -> dict[str, Any] | None:
    """The receipt; ``None`` when there is none. Raises :class:`AcquireError` for one that is damaged."""
    try:
        receipt: dict[str, Any] = read_json(path)
        _addresses(receipt)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise AcquireError("its download receipt is damaged", where=str(path)) from None
    return receipt


def updates_text(findings: Sequence[Finding]) -> str:
    """The findings for a person: what changed, and how to take it in."""
    lines = []
    for finding in findings:
        if finding.kind != "unchanged":
            detail = f" ({finding.detail})" if finding.detail else ""
            lines.append(f"{finding.unit}: {finding.kind}: {finding.url}{detail}")
    changed = list(dict.fromkeys(f.unit for f in findings if f.kind in ("changed", "new", "vanished")))
    if changed:
        lines.append(f"To take it in: snakemake {' '.join(f'refresh_{unit}' for unit in changed)}")
    units = len({finding.unit for finding in findings})
    lines.append(f"units asked about: {units}; changed upstream: {len(changed)}; nothing was loaded")
    return "\n".join(lines) + "\n"


def _counts(findings: Sequence[Finding]) -> dict[str, Any]:
    return {"units": len({finding.unit for finding in findings}), "counts": dict(Counter(f.kind for f in findings))}


class _Checker:
    """Asks each address once, however many units share it."""

    def __init__(self, client: Client, folder: Path, index: Mapping[str, IndexEntry], registry_folder: Path) -> None:
        self._client = client
        self._arrival = folder / "body"
        self._index = index
        self._registry_folder = registry_folder
        self._hashes: dict[tuple[str, str], str] = {}

    def local(self, unit: Unit, receipt: Mapping[str, Any]) -> list[Finding]:
        """What happened to a local file or folder."""
        found = []
        known = _addresses(receipt)
        for url, sha256 in known.items():
            file = Path(resolved(url, self._registry_folder))
            if not file.is_file():
                found.append(Finding(unit.name, "vanished", url))
            elif sha256_file(file) != sha256:
                found.append(Finding(unit.name, "changed", url))
        place = Path(resolved(unit.url, self._registry_folder))
        if place.is_dir():
            for file in files_in(place):
                name = file.relative_to(place).as_posix()
                fits = extension(name) in DATA_EXTENSIONS and is_selected(name, unit.settings.files)
                if fits and (url := address_in(unit.url, name)) not in known:
                    found.append(Finding(unit.name, "new", url))
        return found

    def web(self, unit: Unit, receipt: Mapping[str, Any]) -> list[Finding]:
        """What happened at a landing page and the files it links, or at a single file."""
        known = _addresses(receipt)
        address = normal_address(unit.url)
        if address in known or is_data_address(address):
            return self._files(unit, known)
        try:
            page = read_page(self._client.fetch(address, self._arrival))
        except NotFound as missing:
            return [Finding(unit.name, "vanished", unit.url, missing.message)]
        links = {link.url: link for link in page.data_links}
        left_out = {skipped["url"] for skipped in receipt.get("skipped", [])}
        found = [
            Finding(unit.name, "new", url, link.text)
            for url, link in links.items()
            if link.certain
            and url not in known
            and url not in left_out
            and is_selected(link.filename, unit.settings.files)
        ]
        # The same bytes under another address are no loss: only files with none of their addresses left are.
        gone = [url for url in known if url not in links]
        found += [Finding(unit.name, "vanished", url, "the page no longer links it") for url in gone]
        return found + self._files(unit, {url: sha for url, sha in known.items() if url in links})

    def _files(self, unit: Unit, known: Mapping[str, str]) -> list[Finding]:
        found = []
        for url, sha256 in known.items():
            try:
                current = self._current_hash(url, sha256)
            except NotFound as missing:
                found.append(Finding(unit.name, "vanished", url, missing.message))
            except AcquireError as problem:
                found.append(Finding(unit.name, "failed", url, problem.message))
            else:
                if current != sha256:
                    found.append(Finding(unit.name, "changed", url, f"sha256 {sha256[:12]} → {current[:12]}"))
        return found

    def _current_hash(self, url: str, sha256: str) -> str:
        """The hash of what ``url`` gives now, asked conditionally when the index knows how."""
        if (url, sha256) not in self._hashes:
            entry = self._index.get(url)
            known = entry.validators if entry and entry.sha256 == sha256 else Validators()
            fetched = self._client.fetch(url, self._arrival, known)
            if not fetched.unchanged and looks_like_html(self._arrival, fetched.content_type):
                raise AcquireError("the address now gives an HTML page", where=url)
            self._hashes[url, sha256] = sha256 if fetched.unchanged else fetched.sha256
        return self._hashes[url, sha256]


def _addresses(receipt: Mapping[str, Any]) -> dict[str, str]:
    """Every address of the receipt's files, with the hash that it gave."""
    return {url: file["sha256"] for file in receipt["files"] for url in (file["url"], *file.get("also_at", []))}
