"""Representations on disk: one file per shard and kind of block, so that a reader opens only what it needs."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import Layout

FACTS = ("attribute", "undated")
"""Kinds of blocks that hold facts of entities, dated or not."""


def write_shard(draft: Draft, number: int, layout: Layout, values: np.ndarray) -> None:
    """Write the values of a shard (entities, cutoffs, length) as rows (entities x cutoffs, length) by kind."""
    rows = values.reshape(-1, layout.length)
    for kind in layout.kinds:
        draft.arrays(f"{kind}-{number:05d}", {"values": rows[:, layout.positions(kind)]})


class Examples:
    """A reader of representations: rows by (entity, cutoff)."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.entities = Vocabulary.from_table(artifact.table("entities"))
        self.cutoffs = artifact.arrays("times")["cutoffs"]
        self.layout = Layout.from_rows(artifact.json("layout"))

    def locate(self, entity: pa.ChunkedArray, cutoff: np.ndarray) -> np.ndarray:
        """Row numbers of (entity, cutoff) pairs; -1 where there is none."""
        index = self.entities.encode(entity).astype(np.int64)
        place = np.searchsorted(self.cutoffs, cutoff)
        known = (index >= 0) & (place < len(self.cutoffs))
        known[known] = self.cutoffs[place[known]] == cutoff[known]
        return np.where(known, index * len(self.cutoffs) + place, -1)

    def shards(self, kind: str) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Number of the shard and the arrays of that kind, in order."""
        prefix = f"{kind}-"
        for name in self.artifact.names:
            if name.startswith(prefix):
                stem = name.removesuffix(".safetensors")
                yield int(stem.removeprefix(prefix)), self.artifact.arrays(stem)

    def whole(self) -> Iterator[tuple[int, np.ndarray]]:
        """First row and all values of each shard, float16 (rows, length)."""
        first, runs = 0, [_runs(self.layout.positions(kind)) for kind in self.layout.kinds]
        for parts in zip(*(self.shards(kind) for kind in self.layout.kinds), strict=True):
            arrays = [part["values"] for _, part in parts]
            values = np.empty((len(arrays[0]), self.layout.length), np.float16)
            for own, places in zip(arrays, runs, strict=True):
                for there, here in places:
                    values[:, there] = own[:, here]
            yield first, values
            first += len(values)

    def gather(self, place: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Chosen inputs of the rows at `place`, float16 (places, positions). Reads the kinds of these inputs only."""
        out = np.zeros((len(place), len(positions)), np.float16)
        for kind in self.layout.kinds:
            own = self.layout.positions(kind)
            columns = np.flatnonzero(np.isin(positions, own))
            if len(columns) == 0:
                continue
            within = np.searchsorted(own, positions[columns])
            first = 0
            for _, arrays in self.shards(kind):
                values = arrays["values"]
                mine = np.flatnonzero((place >= first) & (place < first + len(values)))
                out[np.ix_(mine, columns)] = values[np.ix_(place[mine] - first, within)]
                first += len(values)
        return out

    def positions(self, *kinds: str, without: tuple[str, ...] = ()) -> np.ndarray:
        """Input positions of blocks of these kinds, leaving out attribute sources named in `without`."""
        blocks = [b for b in self.layout.blocks if b.kind in kinds]
        blocks = [b for b in blocks if not (b.kind in FACTS and b.source in without)]
        return np.concatenate([np.arange(b.offset, b.end) for b in blocks] or [np.zeros(0, np.int64)])


def _runs(positions: np.ndarray) -> list[tuple[slice, slice]]:
    """Runs of ascending positions without gaps, each as it stands there and in the array of positions."""
    cuts = [0, *(np.flatnonzero(np.diff(positions) != 1) + 1), len(positions)]
    return [
        (slice(positions[low], positions[high - 1] + 1), slice(low, high)) for low, high in pairwise(cuts) if high > low
    ]
