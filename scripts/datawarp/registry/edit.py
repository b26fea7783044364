"""Releases added to the registry as a person would: one line each, comments and all else untouched."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from datawarp.files import replacing
from datawarp.registry.registry import read_registry

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TextLoader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # every scalar is a text


@dataclass(frozen=True)
class NewRelease:
    """A release to be added."""

    period: str
    url: str


def release_line(release: NewRelease) -> str:
    """The release as the registry writes it: ``{period: aug25, url: https://…}``."""
    plain = f"{{period: {release.period}, url: {release.url}}}"
    entry = {"period": release.period, "url": release.url}
    if _reads_as(plain, entry):
        return plain
    return yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6).strip()


def _reads_as(text: str, entry: dict[str, str]) -> bool:
    try:
        return bool(yaml.load(text, Loader=_TextLoader) == entry)
    except yaml.YAMLError:
        return False


def add_releases(path: Path, releases: Mapping[str, Sequence[NewRelease]]) -> None:
    """Add ``releases`` (by publication code) to the registry in ``path``, each at the end of its list.

    The new file takes the old one's place only once it reads without a problem; raises
    :class:`RegistryError` otherwise.
    """
    raw = path.read_bytes()
    bom = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    text = raw[len(bom) :].decode("utf-8")
    for code, added in releases.items():
        text = _added(text, code, added)
    with replacing(path) as temporary:
        temporary.write_bytes(bom + text.encode("utf-8"))
        read_registry(temporary)


def _added(text: str, code: str, releases: Sequence[NewRelease]) -> str:
    urls = _value(_value(_value(yaml.compose(text, Loader=_Loader), "publications"), code), "urls")
    if not isinstance(urls, yaml.SequenceNode) or urls.flow_style or not urls.value:
        return _added_by_rewriting(text, code, releases)
    lines = text.splitlines(keepends=True)
    last = urls.value[-1]
    begins = lines[last.start_mark.line]
    indent = begins[: begins.rindex("-", 0, last.start_mark.column + 1)]
    ending = "\r\n" if "\r\n" in text else "\n"
    after = _last_line(last) + 1
    if not lines[after - 1].endswith("\n"):
        lines[after - 1] += ending
    lines[after:after] = [f"{indent}- {release_line(release)}{ending}" for release in releases]
    return "".join(lines)


def _added_by_rewriting(text: str, code: str, releases: Sequence[NewRelease]) -> str:
    """For a list on one line, or none yet: ruamel keeps comments and quotes, though not every blank."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 10**6
    editor.indent(mapping=2, sequence=4, offset=2)
    document = editor.load(text)
    publication = document["publications"][code]
    if publication.get("urls") is None:
        publication["urls"] = []
    for release in releases:
        entry = CommentedMap({"period": release.period, "url": release.url})
        entry.fa.set_flow_style()
        publication["urls"].append(entry)
    if hasattr(publication["urls"], "fa") and len(publication["urls"]) == len(releases):
        publication["urls"].fa.set_block_style()
    out = io.StringIO()
    editor.dump(document, out)
    return out.getvalue()


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _last_line(node: yaml.Node) -> int:
    """The 0-based line on which the node's last word stands; a block's own end mark is past the comments after it."""
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False) or not node.value:
        return int(node.end_mark.line)
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)
