"""The artifact of the foundation model: its learners, what they foresee of the examples, and how they were measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.artifacts.artifact import Arrays
from basemodel_ops.assets import FOUNDATION_MODEL
from basemodel_ops.boosting.activity import ActivityBoosters
from basemodel_ops.boosting.cross_fitting import FOLDS
from basemodel_ops.boosting.item_pairs import ItemPairBooster
from basemodel_ops.foundation import FoundationModel, Shape
from basemodel_ops.representation.layout import Block, Layout
from basemodel_ops.stages.foundation.activity import Activity
from basemodel_ops.stages.foundation.embedding import EmbeddingBasis

Tried = Mapping[str, Mapping[str, float]]
"""Loss of every share of a learner that was tried, by group of targets."""


@dataclass(frozen=True)
class ItemPairs:
    """The booster of the items of a column within a horizon, and the share of the network beside it."""

    booster: ItemPairBooster
    network_weight: float
    tried: Mapping[str, float]
    """Loss of every share of the network that was tried."""


def pair_name(source: str, column: str, horizon: int) -> str:
    """The name of the pairs of a column and a horizon, days."""
    return f"{source}.{column} {horizon}"


@dataclass(frozen=True)
class CheckpointArtifact:
    """The trained foundation model as it is kept. What is read is held, as trees take seconds to read."""

    artifact: Artifact
    key = FOUNDATION_MODEL

    @classmethod
    def current(cls, store: ArtifactStore) -> "CheckpointArtifact":
        """The current foundation model."""
        return cls(store.current(cls.key))

    @cached_property
    def _about(self) -> dict[str, Any]:
        return self.artifact.json("about")

    @property
    def examples_version(self) -> str:
        """Of the examples that it learnt from."""
        return self._about["examples"]

    @property
    def training_end(self) -> int:
        """Microseconds; it learnt from no event since."""
        return self._about["training_end"]

    @cached_property
    def layout(self) -> Layout:
        """The layout of the rows that it learnt from."""
        return Layout.from_rows(self.artifact.json("layout"))

    @property
    def losses(self) -> list[float]:
        """The loss of the network of items, step by step; none where an older version of the code made it."""
        return self.artifact.json("losses") if "losses.json" in self.artifact.names else []

    @staticmethod
    def write_about(
        writer: ArtifactWriter, examples_version: str, training_end: int, layout: Layout, losses: Sequence[float]
    ) -> None:
        """Write what it learnt from, and its losses."""
        writer.json("about", {"examples": examples_version, "training_end": training_end})
        writer.json("layout", layout.explain())
        writer.json("losses", [round(float(step), 6) for step in losses])

    @cached_property
    def _blend(self) -> dict[str, Any]:
        return self.artifact.json("blend")

    @cached_property
    def blocks(self) -> list[Block]:
        """What each number of activity predicts."""
        return [Block(**block) for block in self._blend["blocks"]]

    @cached_property
    def activity(self) -> Activity:
        """The learners of activity."""
        shape, arrays = Shape.from_dict(self.artifact.json("activity_shape")), self.artifact.arrays("activity_weights")
        return Activity(
            [ActivityBoosters.from_texts(texts) for texts in self.artifact.json("activity_boosters")],
            [FoundationModel.from_arrays(_unprefixed(arrays, number), shape) for number in range(FOLDS)],
            np.array(self._blend["weights"], np.float32),
        )

    @staticmethod
    def write_activity(
        writer: ArtifactWriter, activity: Activity, shape: Shape, blocks: Sequence[Block], tried: Tried
    ) -> None:
        """Write the learners of activity, whose networks are of this shape, and how their shares were found."""
        networks = enumerate(activity.networks)
        arrays = {f"{number}.{name}": array for number, model in networks for name, array in model.arrays().items()}
        writer.arrays("activity_weights", arrays)
        writer.json("activity_boosters", [boosters.texts() for boosters in activity.boosters])
        writer.json("activity_shape", shape.to_dict())
        weights = activity.network_weights.tolist()
        writer.json("blend", {"weights": weights, "tried": tried, "blocks": [vars(block) for block in blocks]})

    @cached_property
    def predicted_activity(self) -> np.ndarray:
        """What is foreseen of the examples, float32 (rows, targets)."""
        return self.artifact.arrays("activity")["values"]

    @staticmethod
    def write_predicted_activity(writer: ArtifactWriter, values: np.ndarray) -> None:
        """Write what is foreseen of the examples, (rows, targets)."""
        writer.arrays("activity", {"values": values})

    @cached_property
    def embedding_basis(self) -> EmbeddingBasis:
        """What makes embeddings."""
        return EmbeddingBasis(**self.artifact.arrays("embedding"))

    @staticmethod
    def write_embedding_basis(writer: ArtifactWriter, basis: EmbeddingBasis) -> None:
        """Write what makes embeddings."""
        writer.arrays("embedding", vars(basis))

    @cached_property
    def items_network(self) -> FoundationModel:
        """The network of items and composition."""
        return FoundationModel.from_arrays(
            self.artifact.arrays("weights"), Shape.from_dict(self.artifact.json("shape"))
        )

    @staticmethod
    def write_items_network(writer: ArtifactWriter, model: FoundationModel, shape: Shape) -> None:
        """Write the network of items and composition, of this shape."""
        writer.arrays("weights", model.arrays())
        writer.json("shape", shape.to_dict())

    @cached_property
    def ease_weights(self) -> Arrays:
        """What says how alike the items of a column are, (items, items), by `source.column`."""
        return self.artifact.arrays("ease_weights")

    @cached_property
    def _texts(self) -> dict[str, Any]:
        return self.artifact.json("item_pairs")

    @cached_property
    def _item_pairs(self) -> dict[str, ItemPairs]:
        return {}

    def item_pairs(self, name: str) -> ItemPairs | None:
        """The booster of pairs of this `pair_name`, read when it is first asked for; None where there is none."""
        if name not in self._texts["texts"]:
            return None
        if name not in self._item_pairs:
            text, blend = self._texts["texts"][name], self._texts["blend"][name]
            booster = ItemPairBooster(lgb.Booster(model_str=text), self.artifact.arrays("item_rates")[name])
            self._item_pairs[name] = ItemPairs(booster, blend["weight"], blend["tried"])
        return self._item_pairs[name]

    @staticmethod
    def write_item_pairs(writer: ArtifactWriter, pairs: Mapping[str, ItemPairs], ease_weights: Arrays) -> None:
        """Write the boosters of pairs by `pair_name`, and how alike items are by `source.column`."""
        texts = {name: pair.booster.booster.model_to_string() for name, pair in pairs.items()}
        blend = {name: {"weight": pair.network_weight, "tried": pair.tried} for name, pair in pairs.items()}
        rates = {name: pair.booster.rate for name, pair in pairs.items()}
        writer.json("item_pairs", {"texts": texts, "blend": blend})
        # A file of arrays holds one at least.
        writer.arrays("ease_weights", {**ease_weights, "none": np.zeros((1, 1))})
        writer.arrays("item_rates", {**rates, "none": np.zeros(1)})


def _unprefixed(arrays: Arrays, number: int) -> Arrays:
    """The arrays of one of several models."""
    prefix = f"{number}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
