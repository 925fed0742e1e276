"""Sketches of histories at many cutoffs, in one pass over events sorted by (entity, time).

Events of entity e are rows `start[e]:start[e + 1]`. A cell is an index into a flat sketch; an event adds to one cell
per column of `cells`, negative cells are skipped. History is strictly before the cutoff; a future window is half-open.
"""

import numpy as np
from numba import njit, prange

from basemodel_ops.emde.decay import half_power


@njit(parallel=True, cache=True, nogil=True)
def decayed_counts(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray, half_lives: np.ndarray
) -> np.ndarray:
    """Sum of 2^(-age / half-life) per cell, float32 (entities, cutoffs, half-lives, size). Times in days, sorted."""
    entities, count, lives = len(start) - 1, len(cutoffs), len(half_lives)
    out = np.zeros((entities, count, lives, size), np.float32)
    for entity in prange(entities):
        position = start[entity]
        for c in range(count):
            state = out[entity, c]
            if c > 0:
                for life in range(lives):
                    keep = np.float32(half_power((cutoffs[c] - cutoffs[c - 1]) / half_lives[life]))
                    for cell in range(size):
                        state[life, cell] = out[entity, c - 1, life, cell] * keep
            while position < start[entity + 1] and time[position] < cutoffs[c]:
                for life in range(lives):
                    weight = np.float32(half_power((cutoffs[c] - time[position]) / half_lives[life]))
                    for column in range(cells.shape[1]):
                        cell = cells[position, column]
                        if cell >= 0:
                            state[life, cell] += weight
                position += 1
    return out


@njit(parallel=True, cache=True, nogil=True)
def last_seen(start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray) -> np.ndarray:
    """Time of each cell's last event before each cutoff, float64 (entities, cutoffs, size); -inf where none."""
    entities, count = len(start) - 1, len(cutoffs)
    out = np.full((entities, count, size), -np.inf)
    for entity in prange(entities):
        position = start[entity]
        for c in range(count):
            if c > 0:
                out[entity, c] = out[entity, c - 1]
            while position < start[entity + 1] and time[position] < cutoffs[c]:
                for column in range(cells.shape[1]):
                    if cells[position, column] >= 0:
                        out[entity, c, cells[position, column]] = time[position]
                position += 1
    return out


@njit(parallel=True, cache=True, nogil=True)
def window_counts(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray, horizons: np.ndarray
) -> np.ndarray:
    """Events per cell in [cutoff, cutoff + horizon), float32 (entities, cutoffs, horizons, size). Horizons ascend."""
    entities, count = len(start) - 1, len(cutoffs)
    out = np.zeros((entities, count, len(horizons), size), np.float32)
    for entity in prange(entities):
        first = start[entity]
        for c in range(count):
            while first < start[entity + 1] and time[first] < cutoffs[c]:
                first += 1
            position = first
            for h in range(len(horizons)):
                if h > 0:
                    out[entity, c, h] = out[entity, c, h - 1]
                while position < start[entity + 1] and time[position] < cutoffs[c] + horizons[h]:
                    for column in range(cells.shape[1]):
                        if cells[position, column] >= 0:
                            out[entity, c, h, cells[position, column]] += 1
                    position += 1
    return out


@njit(parallel=True, cache=True, nogil=True)
def pooled_vectors(
    start: np.ndarray,
    time: np.ndarray,
    codes: np.ndarray,
    vectors: np.ndarray,
    cutoffs: np.ndarray,
    half_lives: np.ndarray,
) -> np.ndarray:
    """Decayed sum of the vectors of an entity's things, float32 (entities, cutoffs, half-lives, dimension)."""
    entities, count, lives, dimension = len(start) - 1, len(cutoffs), len(half_lives), vectors.shape[1]
    out = np.zeros((entities, count, lives, dimension), np.float32)
    for entity in prange(entities):
        position = start[entity]
        for c in range(count):
            state = out[entity, c]
            if c > 0:
                for life in range(lives):
                    keep = np.float32(half_power((cutoffs[c] - cutoffs[c - 1]) / half_lives[life]))
                    for d in range(dimension):
                        state[life, d] = out[entity, c - 1, life, d] * keep
            while position < start[entity + 1] and time[position] < cutoffs[c]:
                code = codes[position]
                if code >= 0:
                    for life in range(lives):
                        weight = np.float32(half_power((cutoffs[c] - time[position]) / half_lives[life]))
                        for d in range(dimension):
                            state[life, d] += weight * vectors[code, d]
                position += 1
    return out


def normalise_rows(counts: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Logs of 1 + the count, each depth row at L2 length 1: the input form of a sketch (..., depth x width)."""
    rows = np.log1p(counts).reshape(*counts.shape[:-1], depth, width)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    rows = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return rows.reshape(counts.shape)
