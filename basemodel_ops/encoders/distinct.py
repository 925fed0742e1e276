"""Work once per distinct value: texts and images repeat, and are dear to encode."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.encoders.base import flat

LIMIT = 1 << 17
"""Distinct values remembered between batches; beyond it, the batch at hand starts afresh."""

LIMIT_BYTES = 64 * 2**20
"""Bytes of remembered values."""


class DistinctRows:
    """Rows of numbers by value, remembered from batch to batch."""

    def __init__(self) -> None:
        self._values = pa.array([], pa.null())
        self._rows = np.zeros((0, 0))

    def rows(self, column: pa.Array, compute: Callable[[pa.Array], np.ndarray], missing: np.ndarray) -> np.ndarray:
        """What `compute` gives for each value, (rows, length), called with values not met before.

        Args:
            column: Any values.
            compute: Rows for an array of distinct values.
            missing: The row of a null, (length,).
        """
        coded = flat(column).dictionary_encode()
        values = coded.dictionary
        if self._values.type != values.type:
            self._values, self._rows = values.slice(0, 0), np.zeros((0, len(missing)), missing.dtype)
        value_index = self._value_index(values)
        fresh = values.filter(pa.array(value_index < 0))
        if len(fresh):
            if len(self._values) + len(fresh) > LIMIT or self._values.nbytes + fresh.nbytes > LIMIT_BYTES:
                kept = value_index >= 0
                self._values = pa.concat_arrays([values.filter(pa.array(kept)), fresh])
                self._rows = np.concatenate([self._rows[value_index[kept]], compute(fresh)])
            else:
                self._values = pa.concat_arrays([self._values, fresh])
                self._rows = np.concatenate([self._rows, compute(fresh)])
            value_index = self._value_index(values)
        index = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
        return np.concatenate([self._rows[value_index], missing[None]])[index]

    def _value_index(self, values: pa.Array) -> np.ndarray:
        result = pc.index_in(values, value_set=self._values)
        return result.fill_null(-1).to_numpy(zero_copy_only=False)
