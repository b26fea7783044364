"""Texts in the XML of an .xlsx package, as Arrow: found and cut out for a whole block of XML at once.

What a text is follows ECMA-376 part 1: white space at its ends counts where ``xml:space`` says so alone (18.4.12),
``_x000D_`` stands for a character that XML cannot hold (22.9.2.19), phonetic runs are no part of it (18.4.6).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Words = NDArray[np.uint64]

_LESS, _GREATER = ord("<"), ord(">")
_PLAIN_TEXT, _KEPT_TEXT = b"<t>", b'<t xml:space="preserve">'
_SHARED = re.compile(rb"<(\w+:)?sst\b")
_CHARACTER = re.compile(r"_x([0-9A-Fa-f]{4})_")
_WHITE = " \t\r\n"
_PRESERVED = "{http://www.w3.org/XML/1998/namespace}space"


class Irregular(Exception):
    """The XML is not written as spreadsheet programs write it; a reader that takes any XML has to read it."""


def words_at(xml: bytes, places: Places) -> Words:
    """The eight bytes from each place on, the first the lowest; no place may lie nearer to the end than that."""
    every: Words = np.ndarray((len(xml) - 7,), dtype="<u8", buffer=xml, strides=(1,))
    return every[places]


def without_prefix(xml: bytes, prefix: bytes) -> bytes:
    """XML whose tags lose ``prefix`` (``x:``), which some programs put before every name."""
    return xml.replace(b"<" + prefix, b"<").replace(b"</" + prefix, b"</") if prefix else xml


def text_nodes(data: Bytes) -> tuple[Places, Places]:
    """Where each text between two tags begins and ends; raises :class:`Irregular` for a ``>`` that closes no tag."""
    opens, closes = data == _LESS, data == _GREATER
    starts = np.flatnonzero(closes[:-1] & ~opens[1:]) + 1
    ends = np.flatnonzero(opens[1:] & ~closes[:-1]) + 1
    if len(starts) != len(ends) or (starts >= ends).any():
        raise Irregular("a tag or a text holds a bare >")
    return starts, ends


def follow(xml: bytes, places: Places, tag: bytes) -> NDArray[np.bool_]:
    """Which places come right after ``tag``, of up to 32 bytes."""
    fine = places >= 32
    for end in range(0, len(tag), 8):
        part = tag[max(0, len(tag) - end - 8) : len(tag) - end]
        words = words_at(xml, np.maximum(places - end - 8, 0)) >> np.uint64(64 - 8 * len(part))
        fine &= words == np.uint64(int.from_bytes(part, "little"))
    return fine


def simple_texts(
    xml: bytes, data: Bytes, parent: bytes, starts: Places, ends: Places
) -> Iterator[tuple[pa.StringArray, Places]]:
    """The texts that are the first in an element ``parent``, and where these elements begin, top down in each part."""
    for tag, trimmed in ((parent + _PLAIN_TEXT, True), (parent + _KEPT_TEXT, False)):
        these = follow(xml, starts, tag)
        if these.any():
            yield printed_texts(cut_out(data, starts[these], ends[these]), trimmed=trimmed), starts[these] - len(tag)
            starts, ends = starts[~these], ends[~these]


def tags(data: Bytes) -> tuple[Places, Bytes]:
    """Where all tags begin, and the first letter of each one's name."""
    opened = np.flatnonzero(data[:-1] == _LESS)
    return opened, data[opened + 1]


def cut_out(data: Bytes, starts: Places, ends: Places) -> pa.StringArray:
    """The bytes between places as texts, as they stand in the XML."""
    import pyarrow as pa

    lengths = ends - starts
    offsets = np.zeros(len(starts) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    places = np.repeat(starts - offsets[:-1], lengths)
    places += np.arange(offsets[-1])
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(data[places]))


def printed_texts(texts: pa.StringArray, *, trimmed: bool) -> pa.StringArray:
    """What texts of the XML stand for; ``trimmed`` leaves out white space at their ends."""
    import pyarrow.compute as pc

    texts.validate(full=True)
    written = texts.buffers()[2].to_pybytes()
    if trimmed:
        texts = pc.ascii_trim(texts, characters=_WHITE)
    if b"&" in written or b"_x" in written or b"\r" in written:
        odd = pc.match_substring_regex(texts, "[&\r]|_x[0-9A-Fa-f]{4}_")
        if pc.any(odd).as_py():
            coded = texts.filter(odd).dictionary_encode()
            plain = _as_texts([unescaped(text) for text in coded.dictionary.to_pylist()])
            texts = pc.replace_with_mask(texts, odd, plain.take(coded.indices))
    return texts


def unescaped(text: str) -> str:
    """A text of the XML as it prints."""
    text = html.unescape(text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CHARACTER.sub(lambda match: chr(int(match[1], 16)), text)


def fragment_text(fragment: bytes) -> str:
    """The text of one ``si`` or ``is`` element: its runs joined, phonetic ones apart."""
    from lxml import etree

    found = []
    for element in etree.fromstring(fragment, etree.XMLParser(resolve_entities=False, recover=True)).iter("t"):
        if next(element.iterancestors("rPh"), None) is None:
            text = element.text or ""
            found.append(text if element.get(_PRESERVED) == "preserve" else text.strip(_WHITE))
    return _CHARACTER.sub(lambda match: chr(int(match[1], 16)), "".join(found))


def shared_strings(xml: bytes) -> pa.StringArray:
    """The texts of ``sharedStrings.xml`` in order; raises :class:`Irregular` when they cannot be told apart."""
    import pyarrow as pa

    named_as = _SHARED.search(xml, 0, 4096)
    xml = without_prefix(xml, named_as[1] or b"") if named_as else xml
    data = np.frombuffer(xml, np.uint8)
    opened, named = tags(data)
    items = opened[(named == ord("s")) & (data[np.minimum(opened + 2, len(data) - 1)] == ord("i"))]
    if not len(items):
        if b"si>" in xml or b"<!" in xml:
            raise Irregular("shared strings that cannot be told apart")
        return _as_texts([])
    texts, owners = [], []
    for found, begun in simple_texts(xml, data, b"<si>", *text_nodes(data)):
        texts.append(found)
        owners.append(np.searchsorted(items, begun))
    if len(texts) == 1 and len(owners[0]) == len(items):
        return texts[0]
    other = np.setdiff1d(np.arange(len(items)), np.concatenate([*owners, items[:0]]))
    stops = np.append(items[1:], len(xml))
    texts.append(_as_texts([fragment_text(_element(xml, int(items[i]), int(stops[i]), b"si")) for i in other]))
    order = np.empty(len(items), np.int64)
    order[np.concatenate([*owners, other])] = np.arange(len(items))
    return pa.concat_arrays(texts).take(as_arrow(order))


def _element(xml: bytes, start: int, stop: int, name: bytes) -> bytes:
    """The element that begins at ``start`` and ends before ``stop``; raises :class:`Irregular` where it does not."""
    end = xml.find(b"</" + name + b">", start, stop)
    if end < 0:
        raise Irregular(f"an element {name.decode()} has no end")
    return xml[start : end + len(name) + 3]


def inline_text(xml: bytes, start: int) -> str:
    """The text of the ``is`` element that begins at ``start``; raises :class:`Irregular` where it does not end."""
    return fragment_text(_element(xml, start, len(xml), b"is"))


def _as_texts(texts: list[str]) -> pa.StringArray:
    import pyarrow as pa

    return pa.array(texts, pa.string())


def as_arrow(numbers: NDArray[Any]) -> pa.Array:
    """Whole numbers or figures as Arrow, without a copy and without pyarrow's own use of numpy."""
    import pyarrow as pa

    kinds = {"int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64()}
    return pa.Array.from_buffers(kinds[numbers.dtype.name], len(numbers), [None, pa.py_buffer(numbers)])
