"""Embeddings of rows: the principal components of what is foreseen of each and what it is like."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.stages.features.rows import Represented

EMBEDDING = 256
"""Numbers in an embedding, at most."""


@dataclass(frozen=True)
class EmbeddingBasis:
    """The components of standardised inputs that an embedding consists of."""

    mean: np.ndarray  # (inputs,)
    deviation: np.ndarray  # (inputs,)
    basis: np.ndarray  # (inputs, numbers) float32

    @classmethod
    def fit(cls, inputs: np.ndarray) -> "EmbeddingBasis":
        """The principal components of standardised inputs (rows, inputs), at most `EMBEDDING` of them."""
        mean, deviation = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
        scaled = np.clip((inputs - mean) / deviation, -8, 8).astype(np.float64)
        values, vectors = np.linalg.eigh(scaled.T @ scaled)
        basis = vectors[:, np.argsort(-values)[:EMBEDDING]]
        # A component has no sign of its own.
        basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])])
        return cls(mean, deviation, basis.astype(np.float32))

    @property
    def size(self) -> int:
        """Numbers in an embedding."""
        return self.basis.shape[1]

    def embed(self, inputs: np.ndarray) -> np.ndarray:
        """Embeddings, float16 (rows, numbers), of inputs (rows, inputs)."""
        scaled = np.clip((inputs - self.mean) / self.deviation, -8, 8)
        return (scaled @ self.basis).astype(np.float16)


def embedding_inputs(examples: Represented, rows: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """What an embedding is made of, float32 (rows, inputs): predicted `activity`, and the slowest pooled vectors."""
    pooled = examples.layout.select("pooled")
    slowest = max((float(block.detail) for block in pooled), default=0.0)
    at = [np.arange(b.offset, b.end) for b in pooled if float(b.detail) == slowest]
    values = examples.gather(rows, np.concatenate([np.zeros(0, np.int64), *at]))
    return np.hstack([activity, values.astype(np.float32)])
