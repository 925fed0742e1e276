"""Random histories, and the plain Python formula that every kernel must equal."""

from collections import defaultdict

import numpy as np


def random_events(seed, entities=6, events=80, items=9, days=30):
    """Entity, time (quarter days), item (some -1), weight: sorted by (entity, time)."""
    generator = np.random.default_rng(seed)
    entity_index = np.sort(generator.integers(0, entities, events)).astype(np.int32)
    time = generator.integers(0, days * 4, events) * 0.25
    order = np.lexsort((time, entity_index))
    codes = generator.integers(-1, items, events).astype(np.int32)
    return entity_index, time[order], codes, generator.integers(0, 5, events).astype(np.float32)


def plain_sketch(entity_index, time, codes, weights, table, width, cutoffs, half_lives, entities):
    """Dictionaries of decayed sums, as an array (entities, cutoffs, half-lives, cells)."""
    out = np.zeros((entities, len(cutoffs), len(half_lives), table.shape[1] * width))
    for c, cutoff in enumerate(cutoffs):
        for h, life in enumerate(half_lives):
            cells = defaultdict(float)
            for o, t, code, weight in zip(entity_index, time, codes, weights, strict=True):
                if t < cutoff and code >= 0:
                    for row in range(table.shape[1]):
                        cells[int(o), row * width + int(table[code, row])] += weight * 2.0 ** (-(cutoff - t) / life)
            for (entity, cell), total_weight in cells.items():
                out[entity, c, h, cell] = total_weight
    return out
