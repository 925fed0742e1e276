"""Sketches of histories at many cutoffs, in one pass over events sorted by (entity, time).

Events of entity e are rows `start[e]:start[e + 1]`. A cell is an index into a flat sketch; an event adds to one cell
per column of `cells`, negative cells are skipped. History is strictly before the cutoff; a future window is half-open.
Cutoffs ascend, may repeat, and are shared, (cutoffs,), or those of each entity, (entities, cutoffs).
"""

import numpy as np
from numba import njit

from basemodel_ops.emde.cutoffs import per_entity
from basemodel_ops.emde.decay import half_power


@njit(cache=True, nogil=True)
def _decayed_counts(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray, half_lives: np.ndarray
) -> np.ndarray:
    entities, count, half_life_count = len(start) - 1, cutoffs.shape[1], len(half_lives)
    out = np.zeros((entities, count, half_life_count, size), np.float32)
    for entity in range(entities):
        position, last = start[entity], start[entity + 1]
        for c in range(count):
            cutoff = cutoffs[entity, c]
            state = out[entity, c]
            if c > 0:
                for half_life in range(half_life_count):
                    keep = np.float32(half_power((cutoff - cutoffs[entity, c - 1]) / half_lives[half_life]))
                    for cell in range(size):
                        state[half_life, cell] = out[entity, c - 1, half_life, cell] * keep
            while position < last and time[position] < cutoff:
                for half_life in range(half_life_count):
                    weight = np.float32(half_power((cutoff - time[position]) / half_lives[half_life]))
                    for column in range(cells.shape[1]):
                        cell = cells[position, column]
                        if cell >= 0:
                            state[half_life, cell] += weight
                position += 1
    return out


@njit(cache=True, nogil=True)
def _last_seen(start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray) -> np.ndarray:
    entities, count = len(start) - 1, cutoffs.shape[1]
    out = np.full((entities, count, size), -np.inf)
    for entity in range(entities):
        position, last = start[entity], start[entity + 1]
        for c in range(count):
            cutoff = cutoffs[entity, c]
            if c > 0:
                out[entity, c] = out[entity, c - 1]
            while position < last and time[position] < cutoff:
                for column in range(cells.shape[1]):
                    if cells[position, column] >= 0:
                        out[entity, c, cells[position, column]] = time[position]
                position += 1
    return out


@njit(cache=True, nogil=True)
def _window_counts(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray, horizons: np.ndarray
) -> np.ndarray:
    entities, count = len(start) - 1, cutoffs.shape[1]
    out = np.zeros((entities, count, len(horizons), size), np.float32)
    for entity in range(entities):
        first, last = start[entity], start[entity + 1]
        for c in range(count):
            cutoff = cutoffs[entity, c]
            while first < last and time[first] < cutoff:
                first += 1
            position = first
            for h in range(len(horizons)):
                if h > 0:
                    out[entity, c, h] = out[entity, c, h - 1]
                while position < last and time[position] < cutoff + horizons[h]:
                    for column in range(cells.shape[1]):
                        if cells[position, column] >= 0:
                            out[entity, c, h, cells[position, column]] += 1
                    position += 1
    return out


@njit(cache=True, nogil=True)
def _pooled_vectors(
    start: np.ndarray,
    time: np.ndarray,
    codes: np.ndarray,
    vectors: np.ndarray,
    cutoffs: np.ndarray,
    half_lives: np.ndarray,
) -> np.ndarray:
    entities, count, half_life_count, dimension = len(start) - 1, cutoffs.shape[1], len(half_lives), vectors.shape[1]
    out = np.zeros((entities, count, half_life_count, dimension), np.float32)
    for entity in range(entities):
        position, last = start[entity], start[entity + 1]
        for c in range(count):
            cutoff = cutoffs[entity, c]
            state = out[entity, c]
            if c > 0:
                for half_life in range(half_life_count):
                    keep = np.float32(half_power((cutoff - cutoffs[entity, c - 1]) / half_lives[half_life]))
                    for d in range(dimension):
                        state[half_life, d] = out[entity, c - 1, half_life, d] * keep
            while position < last and time[position] < cutoff:
                code = codes[position]
                if code >= 0:
                    for half_life in range(half_life_count):
                        weight = np.float32(half_power((cutoff - time[position]) / half_lives[half_life]))
                        for d in range(dimension):
                            state[half_life, d] += weight * vectors[code, d]
                position += 1
    return out


def decayed_counts(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray, half_lives: np.ndarray
) -> np.ndarray:
    """Sum of 2^(-age / half-life) per cell, float32 (entities, cutoffs, half-lives, size). Times in days, sorted."""
    return _decayed_counts(start, time, cells, size, per_entity(cutoffs, len(start) - 1), half_lives)


def last_seen(start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray) -> np.ndarray:
    """Time of each cell's last event before each cutoff, float64 (entities, cutoffs, size); -inf where none."""
    return _last_seen(start, time, cells, size, per_entity(cutoffs, len(start) - 1))


def window_counts(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, cutoffs: np.ndarray, horizons: np.ndarray
) -> np.ndarray:
    """Events per cell in [cutoff, cutoff + horizon), float32 (entities, cutoffs, horizons, size). Horizons ascend."""
    return _window_counts(start, time, cells, size, per_entity(cutoffs, len(start) - 1), horizons)


def pooled_vectors(
    start: np.ndarray,
    time: np.ndarray,
    codes: np.ndarray,
    vectors: np.ndarray,
    cutoffs: np.ndarray,
    half_lives: np.ndarray,
) -> np.ndarray:
    """Decayed sum of the vectors of an entity's items, float32 (entities, cutoffs, half-lives, dimension)."""
    return _pooled_vectors(start, time, codes, vectors, per_entity(cutoffs, len(start) - 1), half_lives)
