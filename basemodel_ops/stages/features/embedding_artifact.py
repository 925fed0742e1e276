"""The artifacts of the values of a category: their vectors, and the codes that the vectors are hashed to."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.artifacts.artifact import Arrays
from basemodel_ops.assets import codes_key, embedding_key


@dataclass(frozen=True)
class EmbeddingArtifact:
    """Cleora vectors of the values of a column, in the order of its vocabulary."""

    artifact: Artifact
    key = staticmethod(embedding_key)

    @classmethod
    def current(cls, store: ArtifactStore, source: str, column: str) -> "EmbeddingArtifact":
        """The current vectors of a column."""
        return cls(store.current(cls.key(source, column)))

    @cached_property
    def _arrays(self) -> Arrays:
        return self.artifact.arrays("embedding")

    @property
    def vectors(self) -> np.ndarray:
        """Of each value, float32 (values, dimension)."""
        return self._arrays["vectors"]

    @property
    def is_connected(self) -> np.ndarray:
        """Whether each value stands in an event, bool (values,); the vectors of others come from their facts."""
        return self._arrays["connected"]

    @staticmethod
    def write(
        writer: ArtifactWriter, vectors: np.ndarray, previous: np.ndarray, mean: np.ndarray, whitening: np.ndarray,
        is_connected: np.ndarray,
    ) -> None:  # fmt: skip
        """Write the vectors, and what it takes to embed unseen values: see `cleora.Embedding`."""
        arrays = {"vectors": vectors, "previous": previous, "mean": mean, "whitening": whitening}
        writer.arrays("embedding", {**arrays, "connected": is_connected})


@dataclass(frozen=True)
class CodesArtifact:
    """The cells of a sketch that each value of a column falls into."""

    artifact: Artifact
    key = staticmethod(codes_key)

    @classmethod
    def current(cls, store: ArtifactStore, source: str, column: str) -> "CodesArtifact":
        """The current codes of a column."""
        return cls(store.current(cls.key(source, column)))

    @property
    def codes(self) -> np.ndarray:
        """Density codes, then identity codes, int32 (values, depth)."""
        return self.artifact.arrays("codes")["codes"]

    @staticmethod
    def write(writer: ArtifactWriter, codes: np.ndarray) -> None:
        """Write the codes, (values, depth)."""
        writer.arrays("codes", {"codes": codes})
