"""A column of cells that answers for all of them at once, without a Python object for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datawarp.sheets.grid import Cell

if TYPE_CHECKING:
    import pyarrow as pa


class WholeColumn(Sequence[Cell], ABC):
    """A column read as arrays; cell by cell it reads like any other."""

    @property
    @abstractmethod
    def types(self) -> frozenset[type]:
        """The Python types of the cells that hold anything."""

    @property
    @abstractmethod
    def counted(self) -> Counter[str]:
        """How often each text occurs, in the order of their first cells."""

    @abstractmethod
    def count_figures(self) -> int:
        """How many cells are true numbers."""

    @abstractmethod
    def whole(self) -> bool:
        """Whether all true numbers are whole and exact as 64-bit integers; so is a column without any."""

    @abstractmethod
    def array(self, of: type) -> pa.Array:
        """The cells of one Python type (str, float, bool, date) as Arrow, null where a cell is anything else."""

    @abstractmethod
    def mapped(self, texts: Mapping[str, Any], to: pa.DataType) -> tuple[pa.Array, pa.Array]:
        """Numbers as they are and each text as what ``texts`` says; and beside them the texts it says None of.

        A text of white space alone is blank in both. For columns of numbers and texts; raises ``pyarrow.ArrowInvalid``
        for a number that is no value of type ``to``.
        """
