"""Categories of any cardinality: a code for each value seen, shared buckets for those that never were."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.encoders.base import State, flat
from basemodel_ops.encoders.hashing import hash_values
from basemodel_ops.encoders.vocabulary import Vocabulary

MERGE_ROWS = 4_000_000
"""Partial counts that may gather before they are summed."""


@dataclass(frozen=True)
class CategoryEncoder:
    """One row of cells: the values, the most frequent first, then the buckets of unseen ones; nulls have none."""

    kind: ClassVar[str] = "category"
    is_density: ClassVar[bool] = False
    vocabulary: Vocabulary
    buckets: int

    @classmethod
    def fit(cls, batches: Iterable[pa.Array], limit: int = 10_000_000, buckets: int = 16) -> "CategoryEncoder":
        """Count the values.

        Args:
            batches: The column.
            limit: Values kept, the most frequent first; the others fall into buckets like unseen ones.
            buckets: Cells for unseen values; 0 leaves them without a cell.
        """
        waiting, rows = [], 0
        for batch in batches:
            waiting.append(_counted(batch))
            rows += waiting[-1].num_rows
            if rows > MERGE_ROWS:
                waiting = [_summed(waiting)]
                rows = waiting[0].num_rows // 2  # merge again only after as much has arrived as is kept
        if not waiting:
            return cls(Vocabulary(pa.array([], pa.string()), np.zeros(0, np.int64)), buckets)
        table = _summed(waiting).sort_by([("count", "descending"), ("value", "ascending")])
        return cls(Vocabulary.from_table(table.slice(0, limit).combine_chunks()), buckets)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of values and buckets."""
        return (len(self.vocabulary) + self.buckets,)

    @property
    def names(self) -> tuple[str, ...]:
        """How common the value is."""
        return ("log_count",)

    def cells(self, column: pa.Array) -> np.ndarray:
        """Codes, int32 (rows, 1).

        Raises:
            DataError: the ids are of another type than those it was fitted on, so none could match.
        """
        column = flat(column)
        codes = self.vocabulary.encode(column)
        if self.buckets and not pa.types.is_null(column.type):
            unseen = np.flatnonzero(codes < 0)
            if column.null_count:
                unseen = unseen[column.take(pa.array(unseen)).is_valid().to_numpy(zero_copy_only=False)]
            if len(unseen):
                hashes = hash_values(column.take(pa.array(unseen)))
                codes[unseen] = len(self.vocabulary) + (hashes % np.uint64(self.buckets)).astype(np.int32)
        return codes[:, None]

    def features(self, column: pa.Array) -> np.ndarray:
        """log(1 + times the value was seen), float32 (rows, 1)."""
        logs = np.append(np.log1p(self.vocabulary.counts), 0).astype(np.float32)  # code -1, the unknown, is the last
        return logs[self.vocabulary.encode(flat(column))][:, None]

    def state(self) -> State:
        """The vocabulary as one Arrow stream, so that values of any type come back as they were."""
        sink = pa.BufferOutputStream()
        table = self.vocabulary.table()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return State(
            self.kind,
            {"buckets": self.buckets},
            {"vocabulary": np.frombuffer(sink.getvalue(), np.uint8)},
        )

    @classmethod
    def from_state(cls, state: State) -> "CategoryEncoder":
        """The inverse of `state`."""
        with pa.ipc.open_stream(pa.py_buffer(state.arrays["vocabulary"].tobytes())) as reader:
            table = reader.read_all()
        return cls(Vocabulary(table.column(0).combine_chunks(), table.column(1).to_numpy()), state.settings["buckets"])


def _counted(column: pa.Array) -> pa.Table:
    column = flat(column)
    column = column.cast(pa.string()) if pa.types.is_large_string(column.type) else column
    counted = pc.value_counts(column.drop_null())
    return pa.table({"value": counted.field("values"), "count": counted.field("counts")})


def _summed(tables: list[pa.Table]) -> pa.Table:
    # A batch without a single value has no type of its own.
    typed = [table for table in tables if not pa.types.is_null(table.column(0).type)] or tables[:1]
    merged = pa.concat_tables(typed).group_by("value").aggregate([("count", "sum")])
    return pa.table({"value": merged.column("value"), "count": merged.column("count_sum")})


ENCODER = CategoryEncoder
