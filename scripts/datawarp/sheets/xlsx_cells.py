"""The cells in a block of an .xlsx sheet's XML, found and read all at once.

Spreadsheet programs write a sheet's XML in one way: ``<row r="7"><c r="B7" s="2" t="s"><v>31</v></c></row>``. So the
places of all tags and texts of a block are found by comparing whole arrays of bytes, and figures are read eight digits
at a time, many times faster than by a parser. XML that is written in any other way raises :class:`Irregular`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datawarp.sheets.xlsx_texts import (
    Bytes,
    Irregular,
    Places,
    Words,
    cut_out,
    inline_text,
    printed_texts,
    simple_texts,
    tags,
    text_nodes,
    words_at,
)

if TYPE_CHECKING:
    import pyarrow as pa

# What a cell is. The number of a text cell is its place among the shared texts, or among its block's own.
BLANK, NUMBER, DAY, BOOLEAN, SHARED, OWN = range(6)
Kinds = NDArray[np.int8]
Figures = NDArray[np.float64]

_QUOTE, _LAST_LETTER, _LETTERS = ord('"'), ord("Z"), ord("A")
_ROW_TAG = np.uint64(int.from_bytes(b'<row r="', "little"))
_CELL_TAG = np.uint64(int.from_bytes(b'<c r="', "little"))
_SIX = np.uint64((1 << 48) - 1)
_ZEROS, _HIGH, _LOW = (np.uint64(int(byte * 8, 16)) for byte in ("30", "80", "01"))
_QUOTES = np.uint64(int("22" * 8, 16))
_LOWEST = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
_LONGEST_ATTRIBUTES, _MOST_ATTRIBUTES = 32, 250
_STYLE = re.compile(rb' s="(\d+)"')
_TYPE = re.compile(rb' t="(\w+)"')
_TYPES = {b"n": NUMBER, b"b": BOOLEAN, b"s": SHARED, b"str": OWN, b"e": OWN, b"inlineStr": OWN}
# Serial numbers of days from 1900 to 9976, or from 1904 to 9980; others print as something else.
_FIRST_DAY, _LAST_DAY = 1, 2_950_000


@dataclass(frozen=True)
class Styles:
    """Numbers of the styles that print a figure as a day (with or without a time), and as a time or a duration."""

    days: Collection[int]
    times: Collection[int]


@dataclass(frozen=True)
class BlockCells:
    """The cells of a block, columns by rows, from column A and the 0-based sheet row ``first_row`` on.

    ``numbers`` has the figure, the serial number of the day, 0 or 1, or a place among texts, as ``kinds`` says;
    ``own`` are the texts that stand in the block itself.
    """

    first_row: int
    kinds: Kinds
    numbers: Figures
    own: pa.StringArray
    filled: int


def cells_in(block: bytes, styles: Styles) -> BlockCells:
    """The cells of whole rows of XML; raises :class:`Irregular`."""
    if b"<!" in block or b"<v " in block:
        raise Irregular("comments, sections or attributes where there are none as a rule")
    data = np.frombuffer(block, np.uint8)
    block += bytes(8)  # eight are read from any place on
    opened, named = tags(data)
    placed = _places(block, data, opened, named)
    starts, ends = text_nodes(data)
    values = (data[starts - 2] == ord("v")) & (data[starts - 3] == ord("<"))
    written = [_values(block, data, placed, starts[values], ends[values], styles)]
    within = opened[named == ord("i")]
    if len(within):
        written += _inline_texts(block, data, placed.cells, within, starts[~values], ends[~values])
    return _in_columns(placed, written)


@dataclass(frozen=True)
class _Written:
    """What cells hold, the cells given by their numbers in the block; ``own`` are the texts among it."""

    cells: NDArray[np.int64]
    kinds: Kinds
    numbers: Figures
    own: pa.StringArray | None


@dataclass(frozen=True)
class _Placed:
    """The cells of a block in the 0-based rows ``first`` to ``last``: their tags, rows and columns.

    ``after`` is where the attributes begin that follow a cell's place.
    """

    first: int
    last: int
    cells: Places
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    after: Places


def _places(block: bytes, data: Bytes, opened: Places, named: Bytes) -> _Placed:
    """The rows and cells of a block; raises :class:`Irregular` for cells that do not say where they lie."""
    at = opened[named == ord("r")]
    at = at[data[at + 2] == ord("o")]  # runs of a text begin so, too
    if not len(at) or (words_at(block, at) != _ROW_TAG).any():
        raise Irregular("rows without numbers")
    quoted = words_at(block, at + 8) ^ _QUOTES
    found = (quoted - _LOW) & ~quoted & _HIGH
    if (found == 0).any():
        raise Irregular("row numbers of more than seven digits")
    digits = np.log2((found & (~found + np.uint64(1))).astype(np.float64)).astype(np.int64) // 8
    numbers, fine = _whole_numbers(words_at(block, at + digits), digits)
    if not fine.all() or numbers[0] < 1 or (np.diff(numbers) <= 0).any():
        raise Irregular("rows out of order")
    cells = opened[named == ord("c")]
    first, last = int(numbers[0]) - 1, int(numbers[-1]) - 1
    if not len(cells):
        return _Placed(first, last, cells, cells, cells, cells)
    if ((words_at(block, cells) & _SIX) != _CELL_TAG).any() or cells[0] < at[0]:
        raise Irregular("cells without a place")
    counts = np.diff(np.append(np.searchsorted(cells, at), len(cells)))
    letters = [data[cells + n].astype(np.int64) for n in (6, 7, 8)]
    two = letters[1] >= _LETTERS
    three = two & (letters[2] >= _LETTERS)
    columns = letters[0] - 64
    columns = np.where(two, columns * 26 + letters[1] - 64, columns)
    columns = np.where(three, columns * 26 + letters[2] - 64, columns)
    closed = cells + 7 + two + three + np.repeat(digits, counts)
    last_digit = np.repeat(data[at + 7 + digits], counts)
    if (
        (data[closed] != _QUOTE).any()
        or (data[closed - 1] != last_digit).any()
        or (letters[0] < _LETTERS).any()
        or any((some > _LAST_LETTER).any() for some in letters)
    ):
        raise Irregular("cells that lie in another row")
    return _Placed(first, last, cells, np.repeat(numbers - 1, counts), columns - 1, closed + 1)


def _values(block: bytes, data: Bytes, placed: _Placed, starts: Places, ends: Places, styles: Styles) -> _Written:
    """What stands in the ``v`` tags of cells."""
    cells = _owners(placed.cells, starts)
    codes, signs = _attributes(block, data, placed.after[cells], starts)
    kinds = np.array([_kind(sign, styles) for sign in signs] or [NUMBER], np.int8)[codes]
    textual = kinds == OWN
    if textual.any():
        own = printed_texts(cut_out(data, starts[textual], ends[textual]), trimmed=False)
        numbers = np.empty(len(cells))
        numbers[textual] = np.arange(len(own))
        numbers[~textual] = _figures(block, data, starts[~textual], ends[~textual])
    else:
        own, numbers = None, _figures(block, data, starts, ends)
    days = numbers[kinds == DAY]
    if len(days) and not (days.min() >= _FIRST_DAY and days.max() < _LAST_DAY):
        raise Irregular("times of day, or days before 1900")
    places = numbers[kinds == SHARED]
    if len(places) and not (places.min() >= 0 and (places == np.rint(places)).all()):
        raise Irregular("shared texts without a place")
    return _Written(cells, kinds, numbers, own)


def _owners(cells: Places, starts: Places) -> NDArray[np.int64]:
    """The cell that each text lies in, no cell with two."""
    if len(cells) == len(starts) and bool((cells < starts).all()) and bool((starts[:-1] < cells[1:]).all()):
        return np.arange(len(cells))
    owners = np.searchsorted(cells, starts) - 1
    if len(owners) and (owners[0] < 0 or (np.diff(owners) <= 0).any()):
        raise Irregular("values outside of cells")
    return owners


def _attributes(block: bytes, data: Bytes, begin: Places, values: Places) -> tuple[NDArray[np.int64], list[bytes]]:
    """What stands in the tags of cells behind their place: for each a number, and the texts that these stand for."""
    ends = values - 4  # where the cell's own tag ends, if its value follows directly
    apart = np.flatnonzero(data[values - 5] != _QUOTE)
    if len(apart):  # a formula stands between
        closes = np.flatnonzero(data == ord(">"))
        ends[apart] = closes[np.searchsorted(closes, begin[apart])]
    lengths = ends - begin
    longest = int(lengths.max(initial=0))
    if longest > _LONGEST_ATTRIBUTES or int(lengths.min(initial=0)) < 0:
        raise Irregular("cells with many attributes")
    words = []
    for n in range(0, longest, 8):
        words.append(words_at(block, np.minimum(begin + n, len(block) - 8)) & _LOWEST[np.clip(lengths - n, 0, 8)])
    codes = np.full(len(begin), -1)
    signs: list[bytes] = []
    left = np.arange(len(begin))
    if not words and len(left):
        return np.zeros(len(begin), np.int64), [b""]
    while len(left):
        if len(signs) > _MOST_ATTRIBUTES:
            raise Irregular("cells of very many styles")
        first = left[0]
        same = words[0] == words[0][first]
        for word in words[1:]:
            same &= word == word[first]
        codes[same] = len(signs)
        signs.append(block[int(begin[first]) : int(ends[first])])
        left = np.flatnonzero(codes < 0)
    return codes, signs


def _kind(sign: bytes, styles: Styles) -> int:
    """What cells with these attributes are."""
    named = _TYPE.search(sign)
    found = _TYPES.get(named[1]) if named else NUMBER
    if found is None:
        raise Irregular("cells of a rare type")
    style = _STYLE.search(sign)
    if found == NUMBER and style:
        if int(style[1]) in styles.times:
            raise Irregular("times of day")
        return DAY if int(style[1]) in styles.days else NUMBER
    return found


def _whole_numbers(ending: Words, digits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Numbers of up to eight digits out of words that end in them, and which of the words hold nothing else."""
    shift = ((8 - np.clip(digits, 0, 8)) * 8).astype(np.uint64)
    # A shift by a whole word is none: numbers without digits do not occur.
    found = ((ending ^ _ZEROS) >> shift) << shift
    fine = (((found + np.uint64(0x7676767676767676)) | found) & _HIGH) == 0
    found = found * np.uint64(10) + (found >> np.uint64(8))
    low, high = np.uint64(0x000000FF000000FF), np.uint64(16)
    found = (
        (found & low) * np.uint64(0x000F424000000064) + ((found >> high) & low) * np.uint64(0x0000271000000001)
    ) >> np.uint64(32)
    return found.astype(np.int64), fine & (digits <= 8)


def _figures(block: bytes, data: Bytes, starts: Places, ends: Places) -> Figures:
    """The figures that stand between places; raises :class:`Irregular` for anything that is none."""
    import pyarrow as pa

    whole, fine = _whole_numbers(words_at(block, ends - 8), ends - starts)
    figures = whole.astype(np.float64)
    rest = np.flatnonzero(~fine)
    if len(rest):
        try:
            read = cut_out(data, starts[rest], ends[rest]).cast(pa.float64())
        except pa.ArrowInvalid:
            raise Irregular("figures that are none") from None
        figures[rest] = np.frombuffer(read.buffers()[1], np.float64, len(rest))
        if not np.isfinite(figures).all():
            raise Irregular("figures that are none")
    return figures


def _inline_texts(
    block: bytes, data: Bytes, cells: Places, within: Places, starts: Places, ends: Places
) -> list[_Written]:
    """The texts that cells hold themselves, in ``is`` tags that begin at ``within``."""
    import pyarrow as pa

    found = list(simple_texts(block, data, b"<is>", starts, ends))
    other = np.setdiff1d(within, np.concatenate([begun for _, begun in found] or [within[:0]]))
    if len(other):
        texts = pa.array([inline_text(block, int(place)) for place in other], pa.string())
        found.append((texts, other))
    return [
        _Written(_owners(cells, begun), np.full(len(begun), OWN, np.int8), np.arange(len(begun), dtype=np.float64), own)
        for own, begun in found
    ]


def _in_columns(placed: _Placed, written: list[_Written]) -> BlockCells:
    """Cells with what they hold, each put where it lies."""
    import pyarrow as pa

    height, width = placed.last - placed.first + 1, int(placed.columns.max(initial=-1)) + 1
    if height * width > 64 * (len(placed.columns) + 4096):
        raise Irregular("cells far apart")
    place = (placed.rows - placed.first) * width + placed.columns
    if (np.diff(place) <= 0).any():
        raise Irregular("cells out of order")
    kinds, numbers = np.zeros(height * width, np.int8), np.zeros(height * width)
    own, known = [], 0
    for part in written:
        at = place[part.cells]
        kinds[at], numbers[at] = part.kinds, part.numbers
        if part.own is not None:
            numbers[at] += known * (part.kinds == OWN)
            own.append(part.own)
            known += len(part.own)
    return BlockCells(
        placed.first,
        np.ascontiguousarray(kinds.reshape(height, width).T),
        np.ascontiguousarray(numbers.reshape(height, width).T),
        pa.concat_arrays(own) if own else pa.array([], pa.string()),
        sum(len(part.cells) for part in written),
    )
