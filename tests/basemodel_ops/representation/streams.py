"""Random sources as Arrow batches and as plain rows."""

import numpy as np
import pyarrow as pa

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import EventReader

DAY = 86_400_000_000


def vocabulary(values):
    return Vocabulary(pa.array(values), np.ones(len(values), np.int64))


def random_source(seed, entities=7, events=90, ordered=True):
    """A reader and a table whose events are ordered by (client, at), or shuffled."""
    generator = np.random.default_rng(seed)
    client = generator.choice(np.arange(entities), events) * 10
    at = generator.integers(0, 20, events) * DAY
    order = np.lexsort((at, client)) if ordered else generator.permutation(events)
    table = pa.table(
        {
            "client": client[order],
            "at": pa.array(at[order], pa.timestamp("us")),
            "visit": pa.array([f"v{i % 5}" for i in range(events)]),
            "item": pa.array(generator.integers(0, 9, events)[order]),
            "price": pa.array(generator.integers(0, 7, events)[order].astype(np.float64)),
        }
    )
    reader = EventReader(
        "sales", vocabulary(np.arange(entities) * 10), "client", "at", "visit", {"item": vocabulary([3, 1, 4, 5])},
        ("price",), {"item.type": ("item", np.array([1, 0, 1, 0]))},
    )  # fmt: skip
    return reader, table
