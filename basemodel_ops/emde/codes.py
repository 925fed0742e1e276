"""Codes: which cell of each depth row an element falls into."""

import numpy as np


def density_codes(vectors: np.ndarray, depth: int, width: int, seed: int) -> np.ndarray:
    """Density-dependent LSH codes, int32 (elements, depth), below `width`.

    Vectors are standardised; K = log2(width) random directions per row are thresholded at their median, and the K bits
    are the cell. Zero vectors (elements without neighbours) get cells by chance of the threshold at zero; give them
    identity codes beside.

    Raises:
        ValueError: `width` is not a power of two.
    """
    bits = width.bit_length() - 1
    if 1 << bits != width:
        raise ValueError(f"Width {width} is not a power of two.")
    generator = np.random.default_rng(seed)
    scale = vectors.std(axis=0)
    standard = (vectors - vectors.mean(axis=0)) / np.where(scale > 0, scale, 1)
    codes = np.zeros((len(vectors), depth), np.int32)
    for row in range(depth):
        directions = generator.standard_normal((vectors.shape[1], bits)).astype(np.float32)
        projection = standard.astype(np.float32) @ directions  # (elements, bits)
        above = projection > np.median(projection, axis=0)
        codes[:, row] = above @ (1 << np.arange(bits))
    return codes


def identity_codes(hashes: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Random partitions independent of the vector, from 64-bit hashes of ids: int32 (elements, depth)."""
    codes = np.empty((len(hashes), depth), np.int32)
    for row in range(depth):
        mixed = (hashes ^ np.uint64(row + 1)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        codes[:, row] = ((mixed >> np.uint64(33)) % np.uint64(width)).astype(np.int32)
    return codes
