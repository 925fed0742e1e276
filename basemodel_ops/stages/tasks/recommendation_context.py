"""What was known at a cutoff of the items that a task recommends, and of who had them."""

from dataclasses import replace

import numpy as np

from basemodel_ops.contract.types import Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.foundation.retrieval import Retrieval, Sequences, learn_retrieval
from basemodel_ops.representation import History
from basemodel_ops.stages.features.embedding_artifact import EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.reading import (
    EVERYONE,
    Chosen,
    column_reader,
    read_entities,
    read_history,
)
from basemodel_ops.stages.progress import Log
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks.eligible_items import read_eligible_items
from basemodel_ops.stages.tasks.targets import target_of
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.interactions import InteractionSnapshot, ItemModels, sequences_before
from basemodel_ops.tasks.pair_features import PairFeatures
from basemodel_ops.tasks.recommendation import retrieve_candidates
from basemodel_ops.tasks.relations import Relations
from basemodel_ops.tasks.reranking import Query
from basemodel_ops.warehouse.base import Warehouse


class RecommendationContext:
    """The items of a task with all that is known of them, and histories of entities up to a moment."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, task: Task, before: int, chosen: Chosen = EVERYONE) -> None:
        """Read the histories of the chosen entities strictly before `before`."""
        target, timestamp = target_of(task), to_datetime(before)
        self._column, self._share = target.column, chosen.share
        encoder, event = EncoderArtifact.current(ws.store, target.source), ws.contract.event(target.source)
        self.items: Vocabulary = encoder.vocabulary(target.column)
        self.vectors = EmbeddingArtifact.current(ws.store, target.source, target.column).vectors
        self.entities: Vocabulary = read_entities(ws.contract, warehouse, timestamp, chosen)
        reader = column_reader(event, self.entities, target.column, self.items)
        self._history: History = read_history(ws.settings, warehouse, event, reader, timestamp, chosen)
        self._attributes = encoder.attribute_codes(target.column)
        self._eligible = None if task.offers is None else read_eligible_items(warehouse, task, self.items)

    def sequences(self, end: int) -> Sequences:
        """The items of all entities strictly before `end`."""
        return sequences_before(self._history, self._column, end)

    def learn(self, end: int, seed: int, log: Log) -> Retrieval:
        """The query network, from events strictly before `end`."""
        return learn_retrieval(self.sequences(end), self.vectors, seed, log)

    def item_models(self, end: int, network: Retrieval) -> ItemModels:
        """What is known of items from events strictly before `end`, with the network of `learn`."""
        relations = Relations.of(self.sequences(end), len(self.vectors))
        return ItemModels(self.vectors, self._attributes, relations, network)

    def interactions(self, item_models: ItemModels, cutoff: int) -> InteractionSnapshot:
        """What is known of the items strictly before a cutoff."""
        return InteractionSnapshot.before(self._history, self._column, item_models, cutoff, share=self._share)

    def query(self, interactions: InteractionSnapshot, rows: TaskRows, truth: list[np.ndarray]) -> Query:
        """The question of rows of one cutoff, that of `interactions`."""
        entity_index = self.entities.encode(rows.entity)
        pair_features = PairFeatures.of(interactions, entity_index)
        query = query_of(pair_features, self._eligible and self._eligible.at(int(rows.cutoff[0])), truth)
        return replace(query, entity_index=entity_index)


def query_of(pair_features: PairFeatures, eligible: np.ndarray | None, truth: list[np.ndarray]) -> Query:
    """The question of entities, of the items offered to them, bool (items,), or of any."""
    if eligible is None:
        return Query(retrieve_candidates(pair_features), pair_features, truth)
    truth = [items[items >= 0] for items in truth]
    return Query(
        retrieve_candidates(pair_features, eligible), pair_features, [items[eligible[items]] for items in truth]
    )
