"""Content checksums that PostgreSQL and Arrow compute alike, column by column.

Each value is hashed by PostgreSQL's own extended hash function for its type (``hashint8extended``,
``hashint4extended``, ``hashfloat8extended``, ``hashtextextended``, seed 0), mixed by exclusive or with a hash of
its place (file, sheet row and, in a long table, period column), and summed over the rows. So it does not matter in
which order rows come, but two values that changed places are noticed, as is a null that became a value. This
module repeats Bob Jenkins' lookup3 of ``src/common/hashfn.c`` (on a little-endian server) in numpy; texts are
hashed once per distinct value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datawarp.warehouse.driver import sql

Hashes = np.ndarray[Any, np.dtype[np.int64]]
_Words = np.ndarray[Any, np.dtype[np.uint32]]

_START = 0x9E3779B9 + 3923095
_U32 = np.uint32
_MASK = 0xFFFFFFFF
_NAN_BYTES = np.array([np.nan]).view(np.uint64)[0]
_EPOCH = "date '1970-01-01'"
_MATRIX = 1 << 20  # bytes of texts that are hashed at once
_BLOCK = 1 << 14  # words that stay in a core's own cache while they are mixed


def sql_checksum(column: str, kind: str, place: sql.Composable) -> sql.Composable:
    """The SQL aggregate over a column of PostgreSQL type ``kind``; ``place`` is what :func:`sql_place` gives."""
    forms = {
        "bigint": "hashint8extended({c}, 0)",
        "double precision": "hashfloat8extended({c}, 0)",
        "date": f"hashint4extended({{c}} - {_EPOCH}, 0)",
        "boolean": "hashint4extended({c}::int, 0)",
        "timestamp without time zone": "hashint8extended(round(extract(epoch from {c}) * 1000000)::bigint, 0)",
    }
    value = forms.get(kind, "hashtextextended({c}::text, 0)")
    return sql.SQL(f"coalesce(sum({value} # {{place}}), 0)::numeric").format(c=sql.Identifier(column), place=place)


def sql_place(row: str, file: str, label: str | None = None) -> sql.Composable:
    """The SQL hash of a row's place: columns with its sheet row and file number, in long tables its label too."""
    place = sql.SQL("hashint8extended({}::bigint, {}::bigint)").format(sql.Identifier(row), sql.Identifier(file))
    if label is None:
        return place
    return sql.SQL("({} # hashtextextended(coalesce({}, ''), 0))").format(place, sql.Identifier(label))


def places(rows: pa.Array, file: int, labels: pa.Array | None = None) -> Hashes:
    """What :func:`sql_place` is for rows of one file."""
    found = _hash_integers(rows.to_numpy().astype(np.int64), file)
    return found if labels is None else found ^ _text_hashes(pc.fill_null(labels, ""))


def arrow_checksum(values: pa.Array, place: Hashes) -> int:
    """The checksum of one Arrow array (integers, doubles, strings plain or dictionary, dates, timestamps, bools)."""
    if values.null_count == len(values):
        return 0
    mixed = _hashes(values) ^ place
    if values.null_count:
        mixed = mixed[pc.is_valid(values).to_numpy(zero_copy_only=False)]
    return exact_sum(mixed)


def _hashes(values: pa.Array) -> Hashes:
    """The hash of each value; anything where it is null."""
    kind = values.type
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return _text_hashes(values)
    if pa.types.is_boolean(kind):
        return _hash_words(pc.fill_null(values, False).cast(pa.uint8()).to_numpy().astype(_U32))
    if values.null_count:
        values = pc.fill_null(values, pa.scalar(0, pa.int32()).cast(kind) if pa.types.is_date32(kind) else _zero(kind))
    if pa.types.is_date32(kind):
        return _hash_words(values.view(pa.int32()).to_numpy().view(_U32))
    if pa.types.is_float64(kind):
        return _hash_doubles(values.to_numpy())
    return _hash_integers(values.view(pa.int64()).to_numpy())


def _zero(kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(0, pa.int64()).cast(kind)


def exact_sum(numbers: Hashes) -> int:
    """The sum of 64-bit integers without overflow (up to 2**31 of them)."""
    return (int((numbers >> 32).sum()) << 32) + int((numbers & _MASK).sum())


def _text_hashes(values: pa.Array) -> Hashes:
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    if not len(encoded.dictionary):
        return np.zeros(len(values), np.int64)
    indices = pc.fill_null(encoded.indices, 0) if encoded.null_count else encoded.indices
    hashes: Hashes = hash_texts(encoded.dictionary)[indices.to_numpy()]
    return hashes


def hash_texts(texts: pa.StringArray) -> Hashes:
    """``hashtextextended(text, 0)`` of each text; there must be no nulls."""
    texts = texts.cast(pa.large_string())
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    lengths = np.diff(offsets)
    result = np.zeros(len(texts), dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    begin = 0
    while begin < len(order):
        # Texts of about one length together, few enough that their matrix is small.
        end = min(len(order), begin + max(1, _MATRIX // (int(lengths[order[begin]]) + 12)))
        while end - begin > 1 and (end - begin) * int(lengths[order[end - 1]]) > _MATRIX:
            end = begin + (end - begin) // 2
        part = order[begin:end]
        result[part] = _hash_bytes(data, offsets[part], lengths[part])
        begin = end
    return result


def _hash_integers(numbers: Hashes, seed: int = 0) -> Hashes:
    """``hashint8extended(number, seed)``: the high half is folded into the low one."""
    words = numbers.view(_U32).reshape(-1, 2)
    high = words[:, 1]
    return _hash_words(words[:, 0] ^ np.where(numbers >= 0, high, ~high), seed)


def _hash_words(words: _Words, seed: int = 0) -> Hashes:
    """``hash_uint32_extended(word, seed)``."""
    a, b, c = (np.array([(_START + 4) & _MASK], dtype=_U32) for _ in range(3))
    if seed:
        a, b, c = _mix(a + _U32((seed >> 32) & _MASK), b + _U32(seed & _MASK), c)
    return _finished(words, None, (a[0], b[0], c[0]))


def _hash_doubles(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> Hashes:
    """``hashfloat8extended(number, 0)``: zeros of either sign are 0, every NaN is alike."""
    bits = np.where(np.isnan(numbers), _NAN_BYTES, numbers.view(np.uint64))
    words = bits.view(_U32).reshape(-1, 2)
    hashes = _finished(words[:, 0], words[:, 1], (_U32((_START + 8) & _MASK),) * 3)
    hashes[numbers == 0] = 0
    return hashes


def _finished(first: _Words, second: _Words | None, start: tuple[Any, Any, Any]) -> Hashes:
    """The hashes of keys of one or two words, block by block."""
    result = np.empty(len(first), dtype=np.uint64)
    for at in range(0, len(first), _BLOCK):
        part = slice(at, at + _BLOCK)
        a = first[part] + start[0]
        b = np.full(len(a), start[1]) if second is None else second[part] + start[1]
        result[part] = _final(a, b, np.full(len(a), start[2]))
    return result.view(np.int64)


def _hash_bytes(data: np.ndarray[Any, np.dtype[np.uint8]], offsets: Hashes, lengths: Hashes) -> Hashes:
    """``hash_bytes_extended(key, length, 0)`` of the keys at these offsets of ``data``, the shortest first."""
    blocks = lengths // 12  # whole ones; what is left, nothing perhaps, is a last one
    at = np.arange((int(blocks[-1]) + 1) * 12)
    keys = data.take(offsets[:, None] + at, mode="clip") if len(data) else np.zeros((len(offsets), 12), np.uint8)
    keys *= at < lengths[:, None]
    words = keys.view("<u4")
    a, b, c = (((_START + lengths) & _MASK).astype(_U32) for _ in range(3))
    for block in range(int(blocks[-1])):
        longer = slice(int(np.searchsorted(blocks, block, side="right")), None)
        first, second, third = (words[longer, 3 * block + word] for word in range(3))
        a[longer], b[longer], c[longer] = _mix(a[longer] + first, b[longer] + second, c[longer] + third)
    rows, last = np.arange(len(lengths)), 3 * blocks
    # In the last block the lowest byte of the third word is kept for the length.
    third = words[rows, last + 2] << _U32(8)
    return _final(a + words[rows, last], b + words[rows, last + 1], c + third).view(np.int64)


def _rotate(word: _Words, bits: int) -> _Words:
    return (word << _U32(bits)) | (word >> _U32(32 - bits))


def _mix(a: _Words, b: _Words, c: _Words) -> tuple[_Words, _Words, _Words]:
    for bits in ((4, 6, 8), (16, 19, 4)):
        a = (a - c) ^ _rotate(c, bits[0])
        c = c + b
        b = (b - a) ^ _rotate(a, bits[1])
        a = a + c
        c = (c - b) ^ _rotate(b, bits[2])
        b = b + a
    return a, b, c


def _final(a: _Words, b: _Words, c: _Words) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The last mixing of three words, which it may overwrite; the second and third are the hash."""
    high, low = np.empty_like(a), np.empty_like(a)
    for word, by, bits in ((c, b, 14), (a, c, 11), (b, a, 25), (c, b, 16), (a, c, 4), (b, a, 14), (c, b, 24)):
        np.left_shift(by, _U32(bits), out=high)
        np.right_shift(by, _U32(32 - bits), out=low)
        np.bitwise_or(high, low, out=high)
        np.bitwise_xor(word, by, out=word)
        np.subtract(word, high, out=word)
    return (b.astype(np.uint64) << np.uint64(32)) | c


def differences(
    names: Sequence[str], ours: Sequence[int], theirs: Sequence[int], counts: Callable[[str], tuple[int, int]]
) -> list[str]:
    """In words, the columns whose checksums are not the same.

    ``counts`` gives how many values a column has in Parquet and in the database; it is asked of those alone.
    """
    problems = []
    for name, a, b in zip(names, ours, theirs, strict=True):
        if a != b:
            here, there = counts(name)
            problems.append(
                f"{name}: {here} values in Parquet, {there} in the database"
                if here != there
                else f"{name}: the {here} values differ"
            )
    return problems
