"""The trained foundation model: its answers about rows of representations, whichever learner gives them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.boosting.activity import ActivityBoosters
from basemodel_ops.boosting.cross_fitting import FOLDS, cross_fitted_predictions
from basemodel_ops.boosting.item_pairs import ItemPairBooster
from basemodel_ops.foundation import FoundationModel, Shape
from basemodel_ops.representation.layout import Block, Layout
from basemodel_ops.stages.features.rows import ConcatenatedRows, Represented, RowsInMemory
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.workspace import Workspace

ACTIVITY_HIDDEN = 128

EMBEDDING = 256
"""Numbers in an embedding, at most."""

BATCH_ROWS = 32_768
"""Rows that the learners of activity are asked about at once."""


def activity_shape(inputs: int, targets: int, left_out: np.ndarray) -> Shape:
    """Sizes of the network of activity, whose layers and skips read every input but those left out (positions).

    Left out is the calendar: a network draws lines on into times of the year that it has not met.
    """
    read = tuple(sorted(set(range(inputs)) - set(left_out.tolist())))
    return Shape(
        inputs=inputs, scalars=read, activity=targets, item_inputs=(), item_horizons=0, sketch_inputs=(),
        distribution_horizons=0, width=2, hidden=ACTIVITY_HIDDEN, read=read,
    )  # fmt: skip


def prefixed(models: list[FoundationModel]) -> dict[str, np.ndarray]:
    """Arrays of several models, each name after the model's number."""
    return {f"{number}.{name}": array for number, model in enumerate(models) for name, array in model.arrays().items()}


def unprefixed(arrays: dict[str, np.ndarray], shape: Shape, count: int) -> list[FoundationModel]:
    """The inverse of `prefixed`."""
    return [
        FoundationModel.from_arrays(
            {k.removeprefix(f"{n}."): v for k, v in arrays.items() if k.startswith(f"{n}.")}, shape
        )
        for n in range(count)
    ]


@dataclass(frozen=True)
class Activity:
    """Both learners of activity, one of each per fold, and the network's share in every answer."""

    boosters: list[ActivityBoosters]
    networks: list[FoundationModel]
    network_weights: np.ndarray

    def predict(self, examples: Represented, row_index: np.ndarray, is_past: np.ndarray) -> np.ndarray:
        """Logits of "occurred" and amounts, float32 (places, targets).

        Rows whose future was there to learn from are answered by the models that left their entity out.
        """
        parts = [
            self._predict(examples, row_index[low : low + BATCH_ROWS], is_past[low : low + BATCH_ROWS])
            for low in range(0, max(len(row_index), 1), BATCH_ROWS)
        ]
        return np.concatenate(parts)

    def _predict(self, examples: Represented, row_index: np.ndarray, is_past: np.ndarray) -> np.ndarray:
        inputs = examples.gather(row_index, examples.positions(*learner_layout.READ)).astype(np.float32)
        fold = examples.folds(row_index)
        result = cross_fitted_predictions([model.predict for model in self.boosters], inputs, fold, is_past)
        if self.network_weights.any():
            network = cross_fitted_predictions([model.activity for model in self.networks], inputs, fold, is_past)
            result = self.network_weights * network + (1 - self.network_weights) * result
        return result.astype(np.float32)


@dataclass(frozen=True)
class ItemOutputs:
    """Items of a column: features of pairs and of rows (see `learner_layout.item_features`), and what is predicted."""

    item_features: np.ndarray  # (rows, items, item features)
    entity_features: np.ndarray  # (rows, entity features)
    model_outputs: np.ndarray  # (rows, items, learners) logits
    network_weight: float
    """The network's in the answer; the rest is that of the boosters, the last of the learners."""


def embedding_inputs(examples: Represented, rows: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """What an embedding is made of, float32 (rows, inputs): predicted `activity`, and the slowest pooled vectors."""
    pooled = examples.layout.select("pooled")
    slowest = max((float(block.detail) for block in pooled), default=0.0)
    at = [np.arange(b.offset, b.end) for b in pooled if float(b.detail) == slowest]
    current = examples.gather(rows, np.concatenate([np.zeros(0, np.int64), *at]))
    return np.hstack([activity, current.astype(np.float32)])


def fit_embedding(inputs: np.ndarray) -> dict[str, np.ndarray]:
    """The principal components of standardised inputs (rows, inputs), at most `EMBEDDING` of them."""
    mean, deviation = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    scaled = np.clip((inputs - mean) / deviation, -8, 8).astype(np.float64)
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    basis = vectors[:, np.argsort(-values)[:EMBEDDING]]
    basis *= np.sign(
        basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])]
    )  # a component has no sign of its own
    return {"mean": mean, "deviation": deviation, "basis": basis.astype(np.float32)}


def embedded(basis: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Embeddings, float16 (rows, numbers), of inputs (rows, inputs)."""
    scaled = np.clip((inputs - basis["mean"]) / basis["deviation"], -8, 8)
    return (scaled @ basis["basis"]).astype(np.float16)


class Checkpoint:
    """The current foundation model and its answers for rows of representations."""

    @classmethod
    def shared(cls, ws: Workspace) -> "Checkpoint":
        """The current model, read once in a workspace: its trees take seconds to read, and less to be asked."""
        version = ws.current("foundation_model").version
        if version not in ws.held:
            ws.held[version] = cls(ws)
        return ws.held[version]

    def __init__(self, ws: Workspace) -> None:
        self._artifact = ws.current("foundation_model")
        self._about = self._artifact.json("about")
        self._boosters: dict[str, ItemPairBooster] = {}

    @property
    def version(self) -> str:
        """Of the foundation model."""
        return self._artifact.version

    @cached_property
    def layout(self) -> Layout:
        """The layout of the rows that it learnt from."""
        return Layout.from_rows(self._artifact.json("layout"))

    @cached_property
    def _basis(self) -> dict[str, np.ndarray]:
        return self._artifact.arrays("embedding")

    @property
    def embedding_size(self) -> int:
        """Numbers in an embedding."""
        return self._basis["basis"].shape[1]

    def embedding(self, examples: Represented, rows: np.ndarray | None = None) -> np.ndarray:
        """Embeddings of rows, or of all, float16 (rows, numbers): what is predicted of each, and what it is like."""
        rows = np.arange(len(examples)) if rows is None else rows
        return embedded(self._basis, embedding_inputs(examples, rows, self.activity(examples, rows)))

    @cached_property
    def _items_network(self) -> FoundationModel:
        shape = Shape.from_dict(self._artifact.json("shape"))
        return FoundationModel.from_arrays(self._artifact.arrays("weights"), shape)

    @cached_property
    def _ease_weights(self) -> dict[str, np.ndarray]:
        return self._artifact.arrays("ease_weights")

    @cached_property
    def _pairs(self) -> dict:
        return self._artifact.json("item_pairs")

    @cached_property
    def blocks(self) -> list[Block]:
        """What each number of `activity` predicts."""
        return [Block(**block) for block in self._artifact.json("blend")["blocks"]]

    def activity(self, examples: Represented, row_index: np.ndarray) -> np.ndarray:
        """Foreseen activity of the rows at `row_index`, float32 (places, targets): logits of "occurred" and amounts."""
        if isinstance(examples, ConcatenatedRows):
            result = np.zeros((len(row_index), len(self.blocks)), np.float32)
            for part, selected, current in examples.split(row_index):
                result[selected] = self.activity(part, current)
            return result
        if examples.version and examples.version == self._about["examples"]:
            return self._activity[row_index]
        if isinstance(examples, RowsInMemory):  # several questions are asked about the same rows
            if examples.activity is None:
                examples.activity = self._predicted_activity(examples, np.arange(len(examples)))
            return examples.activity[row_index]
        return self._predicted_activity(examples, row_index)

    def _predicted_activity(self, examples: Represented, row_index: np.ndarray) -> np.ndarray:
        return self._learners.predict(examples, row_index, examples.cutoff[row_index] < self._about["training_end"])

    @cached_property
    def _activity(self) -> np.ndarray:
        return self._artifact.arrays("activity")["values"]

    @cached_property
    def _learners(self) -> Activity:
        shape = Shape.from_dict(self._artifact.json("activity_shape"))
        return Activity(
            [ActivityBoosters.from_texts(texts) for texts in self._artifact.json("activity_boosters")],
            unprefixed(self._artifact.arrays("activity_weights"), shape, FOLDS),
            np.array(self._artifact.json("blend")["weights"], np.float32),
        )

    def items(
        self, examples: Represented, row_index: np.ndarray, source: str, column: str, horizon: int, items: np.ndarray
    ) -> "ItemOutputs":
        """What is known and predicted of items of a column, of the rows at `row_index`.

        The learners are the network, once per horizon, and last the boosted pairs, where there is one.
        """
        item_ease = self._ease_weights[f"{source}.{column}"]
        item_features, entity_features = learner_layout.item_features(
            examples, row_index, source, column, items, item_ease
        )
        offset = learner_layout.item_offset(examples.layout, source, column)
        result = self._network(examples, row_index, lambda rows: self._items_network.items(rows)[:, :, offset + items])
        result = result.transpose(0, 2, 1)
        name = f"{source}.{column} {horizon}"
        if name not in self._pairs["texts"]:
            return ItemOutputs(item_features, entity_features, result, 1.0)
        if name not in self._boosters:
            booster = lgb.Booster(model_str=self._pairs["texts"][name])
            self._boosters[name] = ItemPairBooster(booster, self._artifact.arrays("item_rates")[name])
        logits = self._boosters[name].predict(item_features, entity_features, items)
        model_outputs = np.concatenate([result, logits[:, :, None]], axis=2)
        return ItemOutputs(item_features, entity_features, model_outputs, self._pairs["blend"][name]["weight"])

    def item_logits(self, examples: Represented, row_index: np.ndarray) -> np.ndarray:
        """Logits of the network that items are seen, float32 (places, horizons, items).

        Items of all columns stand side by side; see `learner_layout.item_offset`.
        """
        return self._network(examples, row_index, self._items_network.items)

    def _network(
        self, examples: Represented, row_index: np.ndarray, predict: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        return np.concatenate([predict(values) for _, values in examples.chunks(row_index)])
