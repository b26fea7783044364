"""Texts in the XML of an .xlsx package, as Arrow: found and cut out for a whole block of XML at once.

What a text is follows ECMA-376 part 1: white space at its ends counts where ``xml:space`` says so alone (18.4.12),
``_x000D_`` stands for a character that XML cannot hold (22.9.2.19), phonetic runs are no part of it (18.4.6).
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Words = NDArray[np.uint64]

_LESS, _GREATER = ord("<"), ord(">")
_SIMPLE_ITEM = int.from_bytes(b"<si><t>", "little")
_CHARACTER = re.compile(r"_x([0-9A-Fa-f]{4})_")
_WHITE = " \t\r\n"
_PRESERVED = "{http://www.w3.org/XML/1998/namespace}space"


class Irregular(Exception):
    """The XML is not written as spreadsheet programs write it; a reader that takes any XML has to read it."""


def words_at(xml: bytes, places: Places) -> Words:
    """The eight bytes from each place on, the first the lowest; no place may lie nearer to the end than that."""
    every: Words = np.ndarray((len(xml) - 7,), dtype="<u8", buffer=xml, strides=(1,))
    return every[places]


def text_nodes(data: Bytes) -> tuple[Places, Places]:
    """Where each text between two tags begins and ends; raises :class:`Irregular` for a ``>`` that closes no tag."""
    opens, closes = data == _LESS, data == _GREATER
    starts = np.flatnonzero(closes[:-1] & ~opens[1:]) + 1
    ends = np.flatnonzero(opens[1:] & ~closes[:-1]) + 1
    if len(starts) != len(ends) or (starts >= ends).any():
        raise Irregular("a tag or a text holds a bare >")
    return starts, ends


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
            texts = pc.replace_with_mask(texts, odd, _as_texts([unescaped(t) for t in texts.filter(odd).to_pylist()]))
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

    data = np.frombuffer(xml, np.uint8)
    opened, named = tags(data)
    items = opened[(named == ord("s")) & (data[np.minimum(opened + 2, len(data) - 1)] == ord("i"))]
    if not len(items):
        if b"si>" in xml or b"<!" in xml:
            raise Irregular("the shared strings have a prefix")
        return _as_texts([])
    starts, ends = text_nodes(data)
    simple = (words_at(xml, starts - 8) >> np.uint64(8)) == np.uint64(_SIMPLE_ITEM) if len(starts) else starts == 0
    starts, ends = starts[simple], ends[simple]
    texts = printed_texts(cut_out(data, starts, ends), trimmed=True)
    owners = np.searchsorted(items, starts) - 1
    if len(owners) == len(items):
        return texts
    other = np.setdiff1d(np.arange(len(items)), owners, assume_unique=True)
    stops = np.append(items[1:], len(xml))
    runs = [fragment_text(_element(xml, int(items[i]), int(stops[i]), b"si")) for i in other]
    order = np.empty(len(items), np.int64)
    order[owners] = np.arange(len(owners))
    order[other] = np.arange(len(owners), len(items))
    return pa.concat_arrays([texts, _as_texts(runs)]).take(as_arrow(order))


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
