"""The trained foundation model: its answers about rows of representations, whichever learner gives them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.representation.layout import Block, Layout
from basemodel_ops.stages.features.rows import ConcatenatedRows, Represented, RowsInMemory
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.checkpoint_artifact import CheckpointArtifact, pair_name
from basemodel_ops.stages.foundation.embedding import embedding_inputs


@dataclass(frozen=True)
class ItemOutputs:
    """Items of a column: features of pairs and of rows (see `learner_layout.item_features`), and what is predicted."""

    item_features: np.ndarray  # (rows, items, item features)
    entity_features: np.ndarray  # (rows, entity features)
    model_outputs: np.ndarray  # (rows, items, learners) logits
    network_weight: float
    """The network's in the answer; the rest is that of the boosters, the last of the learners."""


class Checkpoint:
    """The current foundation model and its answers for rows of representations."""

    @classmethod
    def shared(cls, store: ArtifactStore, held: dict[str, Any]) -> "Checkpoint":
        """The current model, `held` once it was read: its trees take seconds to read, and less to be asked."""
        version = store.current(CheckpointArtifact.key).version
        if version not in held:
            held[version] = cls(store)
        return held[version]

    def __init__(self, store: ArtifactStore) -> None:
        self._kept = CheckpointArtifact.current(store)

    @property
    def version(self) -> str:
        """Of the foundation model."""
        return self._kept.artifact.version

    @property
    def layout(self) -> Layout:
        """The layout of the rows that it learnt from."""
        return self._kept.layout

    @property
    def embedding_size(self) -> int:
        """Numbers in an embedding."""
        return self._kept.embedding_basis.size

    def embedding(self, examples: Represented, rows: np.ndarray | None = None) -> np.ndarray:
        """Embeddings of rows, or of all, float16 (rows, numbers): what is predicted of each, and what it is like."""
        rows = np.arange(len(examples)) if rows is None else rows
        return self._kept.embedding_basis.embed(embedding_inputs(examples, rows, self.activity(examples, rows)))

    @property
    def blocks(self) -> list[Block]:
        """What each number of `activity` predicts."""
        return self._kept.blocks

    def activity(self, examples: Represented, row_index: np.ndarray) -> np.ndarray:
        """Foreseen activity of the rows at `row_index`, float32 (places, targets): logits of "occurred" and amounts."""
        if isinstance(examples, ConcatenatedRows):
            result = np.zeros((len(row_index), len(self.blocks)), np.float32)
            for part, selected, part_rows in examples.split(row_index):
                result[selected] = self.activity(part, part_rows)
            return result
        if examples.version and examples.version == self._kept.examples_version:
            return self._kept.predicted_activity[row_index]
        if isinstance(examples, RowsInMemory):  # several questions are asked about the same rows
            if examples.activity is None:
                examples.activity = self._predicted_activity(examples, np.arange(len(examples)))
            return examples.activity[row_index]
        return self._predicted_activity(examples, row_index)

    def _predicted_activity(self, examples: Represented, row_index: np.ndarray) -> np.ndarray:
        is_past = examples.cutoff[row_index] < self._kept.training_end
        return self._kept.activity.predict(examples, row_index, is_past)

    def items(
        self, examples: Represented, row_index: np.ndarray, source: str, column: str, horizon: int, items: np.ndarray
    ) -> "ItemOutputs":
        """What is known and predicted of items of a column, of the rows at `row_index`.

        The learners are the network, once per horizon, and last the boosted pairs, where there is one.
        """
        item_ease = self._kept.ease_weights[f"{source}.{column}"]
        item_features, entity_features = learner_layout.item_features(
            examples, row_index, source, column, items, item_ease
        )
        offset = learner_layout.item_offset(examples.layout, source, column)
        result = self._network(
            examples, row_index, lambda rows: self._kept.items_network.items(rows)[:, :, offset + items]
        )
        result = result.transpose(0, 2, 1)
        pairs = self._kept.item_pairs(pair_name(source, column, horizon))
        if pairs is None:
            return ItemOutputs(item_features, entity_features, result, 1.0)
        logits = pairs.booster.predict(item_features, entity_features, items)
        model_outputs = np.concatenate([result, logits[:, :, None]], axis=2)
        return ItemOutputs(item_features, entity_features, model_outputs, pairs.network_weight)

    def item_logits(self, examples: Represented, row_index: np.ndarray) -> np.ndarray:
        """Logits of the network that items are seen, float32 (places, horizons, items).

        Items of all columns stand side by side; see `learner_layout.item_offset`.
        """
        return self._network(examples, row_index, self._kept.items_network.items)

    def _network(
        self, examples: Represented, row_index: np.ndarray, predict: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        return np.concatenate([predict(values) for _, values in examples.chunks(row_index)])
