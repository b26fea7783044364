"""Content checksums that PostgreSQL and Arrow compute alike, column by column.

A column's checksum is a sum over its rows, so it does not depend on their order: whole numbers, dates and
booleans are summed as they are, doubles and texts through PostgreSQL's extended hash functions
(``hashfloat8extended``, ``hashtextextended`` with seed 0; Bob Jenkins' lookup3 in
``src/common/hashfn.c``, on a little-endian server), which this module repeats in numpy. Texts
are hashed once per distinct value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2 import sql

_START = 0x9E3779B9 + 3923095
_U32 = np.uint32
_NAN_BYTES = np.array([np.nan]).view(np.uint64)[0]
_EPOCH = "date '1970-01-01'"


@dataclass
class Checksum:
    """Values that are not null, and the sum over them."""

    count: int = 0
    total: int = 0

    def add(self, other: Checksum) -> None:
        """Take in the checksum of more rows of the same column."""
        self.count += other.count
        self.total += other.total


def sql_checksum(column: str, kind: str) -> sql.Composable:
    """Two SQL expressions, ``count`` and ``sum``, for a column of PostgreSQL type ``kind``."""
    name = sql.Identifier(column)
    forms = {
        "bigint": "{c}",
        "double precision": "hashfloat8extended({c}, 0)",
        "date": f"({{c}} - {_EPOCH})",
        "boolean": "{c}::int",
        "timestamp without time zone": "round(extract(epoch from {c}) * 1000000)",
    }
    value = forms.get(kind, "hashtextextended({c}::text, 0)")
    return sql.SQL(f"count({{c}}), coalesce(sum({value}), 0)::numeric").format(c=name)


def arrow_checksum(values: pa.Array) -> Checksum:
    """The checksum of one Arrow array (integers, doubles, strings plain or dictionary, dates, timestamps, bools)."""
    valid = len(values) - values.null_count
    if not valid:
        return Checksum()
    kind = values.type
    if pa.types.is_dictionary(kind):
        return Checksum(valid, _text_total(values))
    if pa.types.is_string(kind):
        return Checksum(valid, _text_total(values.dictionary_encode()))
    if pa.types.is_float64(kind):
        hashes = _hash_doubles(values.drop_null().to_numpy(zero_copy_only=False))
        return Checksum(valid, _exact_sum(hashes))
    if pa.types.is_boolean(kind):
        return Checksum(valid, int(pc.sum(values).as_py()))
    if pa.types.is_date32(kind):
        values = values.view(pa.int32())
    elif pa.types.is_timestamp(kind):
        values = values.view(pa.int64())
    numbers = values.drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False)
    return Checksum(valid, _exact_sum(numbers))


def _exact_sum(numbers: np.ndarray[Any, np.dtype[np.int64]], weights: Any = None) -> int:
    """The sum of 64-bit integers without overflow (up to 2**31 of them), each times its weight."""
    high, low = numbers >> 32, numbers & 0xFFFFFFFF
    if weights is not None:
        high, low = high * weights, low * weights
    return (int(high.sum()) << 32) + int(low.sum())


def _text_total(values: pa.DictionaryArray) -> int:
    """The sum of the hashes of dictionary-encoded texts."""
    counts = np.bincount(
        values.indices.drop_null().to_numpy(zero_copy_only=False), minlength=len(values.dictionary)
    ).astype(np.int64)
    return _exact_sum(hash_texts(values.dictionary), counts)


def hash_texts(texts: pa.StringArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    """``hashtextextended(text, 0)`` of each text; there must be no nulls."""
    texts = texts.cast(pa.large_string())
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    lengths = np.diff(offsets)
    result = np.zeros(len(texts), dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    edges = np.flatnonzero(np.diff(lengths[order])) + 1
    for group in np.split(order, edges):
        if not len(group):
            continue
        length = int(lengths[group[0]])
        # Keep the matrix of one length's texts small, whatever their number.
        for part in np.array_split(group, max(1, len(group) * length // (8 << 20))):
            matrix = data[offsets[part][:, None] + np.arange(length)] if length else np.zeros((len(part), 0), np.uint8)
            result[part] = _hash_bytes(matrix)
    return result


def _hash_doubles(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """``hashfloat8extended(number, 0)``: zeros of either sign are 0, every NaN is alike."""
    bits = np.where(np.isnan(numbers), _NAN_BYTES, numbers.view(np.uint64))
    hashes = _hash_bytes(bits.view(np.uint8).reshape(-1, 8))
    hashes[numbers == 0] = 0
    return hashes


def _hash_bytes(keys: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """``hash_bytes_extended(key, length, 0)`` of keys of one length, one per row of a matrix."""
    count, length = keys.shape
    padded = np.zeros((count, (length // 12 + 1) * 12), dtype=np.uint8)
    padded[:, :length] = keys
    tail = length // 12 * 12
    # In the last block the lowest byte of the third word is kept for the length.
    padded[:, tail + 9 : tail + 12] = padded[:, tail + 8 : tail + 11]
    padded[:, tail + 8] = 0
    words = padded.view("<u4")
    start = _U32((_START + length) & 0xFFFFFFFF)
    a, b, c = (np.full(count, start, dtype=_U32) for _ in range(3))
    for block in range(length // 12):
        a += words[:, 3 * block]
        b += words[:, 3 * block + 1]
        c += words[:, 3 * block + 2]
        a, b, c = _mix(a, b, c)
    a += words[:, -3]
    b += words[:, -2]
    c += words[:, -1]
    b, c = _final(a, b, c)
    return ((b.astype(np.uint64) << np.uint64(32)) | c).view(np.int64)


_Words = np.ndarray[Any, np.dtype[np.uint32]]


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


def _final(a: _Words, b: _Words, c: _Words) -> tuple[_Words, _Words]:
    c = (c ^ b) - _rotate(b, 14)
    a = (a ^ c) - _rotate(c, 11)
    b = (b ^ a) - _rotate(a, 25)
    c = (c ^ b) - _rotate(b, 16)
    a = (a ^ c) - _rotate(c, 4)
    b = (b ^ a) - _rotate(a, 14)
    c = (c ^ b) - _rotate(b, 24)
    return b, c


def differences(names: Sequence[str], ours: Sequence[Checksum], theirs: Sequence[Checksum]) -> list[str]:
    """In words, the columns whose checksums are not the same."""
    return [
        f"{name}: {a.count} values in Parquet, {b.count} in the database"
        if a.count != b.count
        else f"{name}: the {a.count} values differ"
        for name, a, b in zip(names, ours, theirs, strict=True)
        if a != b
    ]
