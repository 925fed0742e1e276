"""Vocabularies: the values of a category column, the most frequent first."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.encoders.hashing import IntegerLookup
from basemodel_ops.errors import DataError


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


@dataclass(frozen=True)
class Vocabulary:
    """Values and how often each occurred; the code of a value is its position."""

    values: pa.Array
    counts: np.ndarray  # (values,) int64

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def _lookup(self) -> IntegerLookup:
        integers = self.values.to_numpy()
        return IntegerLookup(integers.view(np.int64) if integers.dtype == np.uint64 else integers)

    def encode(self, column: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Codes, int32 (rows,); -1 for nulls and values never seen.

        Raises:
            DataError: the column has another type than the vocabulary, so nothing could match.
        """
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if isinstance(column, pa.DictionaryArray):
            column = column.dictionary_decode()
        if pa.types.is_null(column.type) or len(self.values) == 0:
            return np.full(len(column), -1, np.int32)
        if pa.types.is_integer(column.type) and pa.types.is_integer(self.values.type):
            return self._encode_integers(column)
        if column.type != self.values.type:
            if not (_is_text(column.type) and _is_text(self.values.type)):
                raise DataError(
                    f"A column of type {column.type} is looked up among values of type {self.values.type}; none could "
                    "match. Cast one of them in its dbt model so that both sides have one type."
                )
            column = column.cast(self.values.type)
        result = pc.index_in(column, value_set=self.values, skip_nulls=True)
        return result.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)

    def _encode_integers(self, column: pa.Array) -> np.ndarray:
        # Unsigned integers beyond int64 wrap to negative ones on both sides alike, so they still match themselves; but
        # no negative one of a side that is signed.
        integers = column.fill_null(0).to_numpy(zero_copy_only=False) if column.null_count else column.to_numpy()
        codes = self._lookup.find(integers.view(np.int64) if integers.dtype == np.uint64 else integers)
        if column.null_count:
            codes[column.is_null().to_numpy(zero_copy_only=False)] = -1
        if (integers.dtype == np.uint64) != pa.types.is_uint64(self.values.type):
            codes[integers > np.iinfo(np.int64).max if integers.dtype == np.uint64 else integers < 0] = -1
        return codes

    def table(self) -> pa.Table:
        """The vocabulary as a table (value, count)."""
        return pa.table({"value": self.values, "count": self.counts})

    @classmethod
    def from_table(cls, table: pa.Table) -> "Vocabulary":
        """The vocabulary of a (value, count) table; null values are dropped."""
        table = table.filter(pc.is_valid(table.column(0)))
        values = table.column(0).combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if pa.types.is_large_string(values.type):
            values = values.cast(pa.string())
        return cls(values, table.column(1).to_numpy().astype(np.int64))

    @classmethod
    def from_entities(cls, table: pa.Table) -> "Vocabulary":
        """The vocabulary of a one-column table of distinct entities, in its order."""
        return cls.from_table(table.append_column("count", pa.array(np.ones(table.num_rows, np.int64))))

    @classmethod
    def of_groups(cls, values: pa.Array, weights: np.ndarray) -> tuple["Vocabulary", np.ndarray]:
        """Vocabulary of repeated `values`, the heaviest first, and the code of each row (-1 for nulls)."""
        table = pa.table({"value": values, "weight": weights}).group_by("value").aggregate([("weight", "sum")])
        table = table.sort_by([("weight_sum", "descending"), ("value", "ascending")])
        vocabulary = cls.from_table(table.select(["value", "weight_sum"]))
        return vocabulary, vocabulary.encode(values)
