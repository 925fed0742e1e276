"""Hyperedges of shared facts, against a dictionary."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from basemodel_ops.stages.features.embedding import ATTRIBUTE_WEIGHT, load_incidences, save_attribute_hyperedges
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact


class Encoded:
    """The files of an encoder's artifact that say two facts."""

    names = ("map item.kind.safetensors", "map item.maker.safetensors", "map other.kind.safetensors")

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.codes = {name: generator.integers(-1, 4, 30) for name in ("map item.kind", "map item.maker")}

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        return {"codes": self.codes[name]}


def test_known_items_that_share_an_attribute_are_a_hyperedge(tmp_path: Path) -> None:
    files: Any = Encoded()
    encoder = EncoderArtifact(files)
    is_known = np.random.default_rng(1).random(30) < 0.7
    expected = defaultdict(set)
    for attribute, codes in files.codes.items():
        for item in np.flatnonzero(is_known & (codes >= 0)):
            expected[attribute, codes[item]].add(int(item))
    result = defaultdict(set)
    for items, hyperedges, weights in load_incidences(save_attribute_hyperedges(encoder, "item", is_known, tmp_path)):
        assert (weights == ATTRIBUTE_WEIGHT).all()
        for item, hyperedge in zip(items, hyperedges, strict=True):
            result[hyperedge].add(int(item))
    assert sorted(map(sorted, result.values())) == sorted(map(sorted, expected.values()))
