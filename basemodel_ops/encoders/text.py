"""Texts: static word vectors beside hashed character n-grams, then cells of their density."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.emde import DensityLSH
from basemodel_ops.encoders.base import State, flat, refuse
from basemodel_ops.encoders.distinct import DistinctRows
from basemodel_ops.encoders.grams import gram_vectors
from basemodel_ops.encoders.hashing import bytes_of
from basemodel_ops.encoders.static import StaticVectors

READ_BYTES = 2048
"""Bytes of a text that are read: what it is about stands at its beginning."""

SAMPLE = 50_000
"""Distinct texts from which the partition is fitted."""

CHUNK = 16_384
"""Texts embedded at once."""


@dataclass(frozen=True)
class TextEncoder:
    """Density cells of the text's vector (`depth` rows of `width`); the vector itself as features.

    Near texts share cells, so an unseen product name lands where its like are.
    """

    kind: ClassVar[str] = "text"
    is_density: ClassVar[bool] = True
    density_lsh: DensityLSH
    grams: int
    static: StaticVectors | None
    _cells: DistinctRows = field(default_factory=DistinctRows, compare=False)
    _features: DistinctRows = field(default_factory=DistinctRows, compare=False)

    @classmethod
    def fit(
        cls,
        batches: Iterable[pa.Array],
        depth: int = 8,
        width: int = 128,
        grams: int = 256,
        static: bool = True,
        seed: int = 0,
    ) -> "TextEncoder":
        """Fit the partition on the first distinct texts.

        Args:
            batches: The column: strings, or bytes of which those that are no UTF-8 are replaced.
            depth: Rows of cells.
            width: Cells in a row; a power of two.
            grams: Length of the n-gram vector.
            static: Whether to mix in the static word vectors; without them n-grams stand alone.
            seed: Of the random directions.

        Raises:
            SettingsError: static vectors are asked for and not installed.
        """
        words = StaticVectors.open() if static else None
        seen: dict[bytes, None] = {}
        for batch in batches:
            if len(seen) < SAMPLE:
                seen.update(dict.fromkeys(_beginnings(batch).drop_null().unique().to_pylist()))
        sample = pa.array(list(seen)[:SAMPLE] or [b""], pa.large_binary())
        vectors = _vectors(sample, grams, words)
        return cls(DensityLSH.fit(vectors, depth, width, seed), grams, words)

    @property
    def widths(self) -> tuple[int, ...]:
        """`depth` times `width`."""
        return (self.density_lsh.width,) * self.density_lsh.depth

    @property
    def names(self) -> tuple[str, ...]:
        """Positions of the vector."""
        return tuple(f"vector_{i}" for i in range(len(self.density_lsh.mean)))

    def cells(self, column: pa.Array) -> np.ndarray:
        """Density cells, int32 (rows, depth)."""
        missing = np.full(self.density_lsh.depth, -1, np.int32)
        return self._cells.rows(_beginnings(column), self._encode, missing)

    def _encode(self, texts: pa.Array) -> np.ndarray:
        return self.density_lsh.encode(_vectors(texts, self.grams, self.static))

    def features(self, column: pa.Array) -> np.ndarray:
        """Word vector and n-gram vector, each of length 1, side by side; float32 (rows, dimension)."""
        missing = np.zeros(len(self.names), np.float32)
        return self._features.rows(_beginnings(column), lambda texts: _vectors(texts, self.grams, self.static), missing)

    def state(self) -> State:
        """The partition, and which static vectors it was fitted with."""
        settings: dict[str, Any] = {"grams": self.grams, "static": self.static.version if self.static else None}
        return State(self.kind, settings, self.density_lsh.arrays())

    @classmethod
    def from_state(cls, state: State) -> "TextEncoder":
        """The inverse of `state`.

        Raises:
            SettingsError: its static vectors are not installed.
        """
        words = StaticVectors.open() if state.settings["static"] else None
        return cls(DensityLSH(**state.arrays), state.settings["grams"], words)


def _beginnings(column: pa.Array) -> pa.Array:
    """The first bytes of each text, large_binary (rows,).

    Raises:
        DataError: they are neither strings nor bytes.
    """
    column = flat(column)
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.large_binary())
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (is_text or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise refuse("text", column, "strings and bytes")
    return pc.binary_slice(column.cast(pa.large_binary()), 0, READ_BYTES)


def _vectors(texts: pa.Array, grams: int, static: StaticVectors | None) -> np.ndarray:
    parts = []
    for low in range(0, max(len(texts), 1), CHUNK):
        chunk = texts.slice(low, CHUNK)
        vectors = [gram_vectors(*bytes_of(chunk), grams)]
        if static is not None:
            # Shops shout; the vectors were learned from ordinary writing.
            words = [text.decode("utf-8", "replace").lower() for text in chunk.to_pylist()]
            vectors.insert(0, static.embed(words))
        parts.append(np.hstack(vectors))
    return np.concatenate(parts)


ENCODER = TextEncoder
