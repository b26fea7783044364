"""How the bytes of a text file stand for characters, judged from the bytes themselves.

A byte order mark and UTF-8 tell for certain. Other bytes are Windows-1252 as a rule; an older Mac or DOS code page
shows in letters that only it puts between other letters (``Z\x9frich``). A text that is UTF-8 but for a few bytes is
read as UTF-8, those bytes as Windows-1252.
"""

from __future__ import annotations

import codecs
import re

# Name of the error handler that reads the odd byte in UTF-8 as Windows-1252.
ODD_BYTES = "datawarp_odd_bytes"

_LETTERS = frozenset("áàâäãåæçéèêëíìîïñóòôöõøœúùûüýÿßčďěňřšťůžőűąćęłńśźżÁÀÂÄÅÆÇÉÈÊËÍÎÏÑÓÔÖØŒÚÛÜŠŽŁŚŻ’")
_IN_WORD = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]+(?=[a-z])")
_OLDER = ("mac_roman", "cp850")


def _odd_bytes(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    odd = problem.object[problem.start : problem.end]
    return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in odd), problem.end


codecs.register_error(ODD_BYTES, _odd_bytes)


def encoding_of(data: bytes, complete: bool = True) -> tuple[str, int]:
    """The codec of a text, and how many bytes of it are not of that codec (they are read as :data:`ODD_BYTES` says).

    ``complete`` says that ``data`` does not end within a character.
    """
    if data.startswith(codecs.BOM_UTF8):
        utf8, marked = odd_in_utf8(data, complete), "utf-8-sig"
        return (marked, 0) if utf8 == 0 else (marked, utf8) if utf8 else (_single_byte(data), 0)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", 0
    nul = data.count(0)
    if nul > len(data) // 4:
        return ("utf-16-le" if data[1::2].count(0) > data[0::2].count(0) else "utf-16-be"), 0
    odd = odd_in_utf8(data, complete)
    return (_single_byte(data), 0) if odd is None else ("utf-8", odd)


def odd_in_utf8(data: bytes, complete: bool = True) -> int | None:
    """How many bytes of a text are not UTF-8; None when they outnumber its proper characters: it is no UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")
    try:
        decoder().decode(data, complete)
    except UnicodeDecodeError:
        text = decoder("surrogateescape").decode(data, complete)
        odd = len(re.findall("[\udc80-\udcff]", text))
        proper = len(re.findall("[^\x00-\x7f\udc80-\udcff]", text))
        return odd if proper > odd else None
    return 0


def _single_byte(data: bytes) -> str:
    """Windows-1252, unless letters between letters say that an older code page was meant."""
    words = _IN_WORD.findall(data)
    if words:
        plausible = {codec: _plausible(words, codec) for codec in ("cp1252", *_OLDER)}
        best = max(plausible, key=lambda codec: plausible[codec])
        if best in _OLDER and plausible[best] > 0.9 * len(words) and plausible["cp1252"] < 0.5 * len(words):
            return best
    # Bytes that Windows-1252 does not define make a text Latin-1, in which every byte means something.
    return "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", data) else "cp1252"


def _plausible(words: list[bytes], codec: str) -> int:
    """How many of some runs of bytes between letters are letters of European languages in a codec."""
    return sum(all(c in _LETTERS for c in word.decode(codec, "replace")) for word in words)
