"""Vocabularies: the values of a category column, the most frequent first."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.errors import DataError


@dataclass(frozen=True)
class Vocabulary:
    """Values and how often each occurred; the code of a value is its position."""

    values: pa.Array
    counts: np.ndarray  # (values,) int64

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, column: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Codes, int32 (rows,); -1 for nulls and values never seen.

        Raises:
            DataError: the column has another type than the vocabulary, so nothing could match.
        """
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if column.type != self.values.type:
            both_text = pa.types.is_large_string(column.type) or pa.types.is_string(column.type)
            if not (both_text and pa.types.is_string(self.values.type)) and not pa.types.is_null(column.type):
                raise DataError(
                    f"A column of type {column.type} is looked up among values of type {self.values.type}; none could "
                    "match. Cast one of them in its dbt model so that both sides have one type."
                )
            column = column.cast(self.values.type)
        found = pc.index_in(column, value_set=self.values, skip_nulls=True)
        return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)

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
