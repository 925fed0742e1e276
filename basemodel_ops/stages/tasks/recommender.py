"""What a fitted recommendation names at a cutoff."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Contract, EventSource, Task
from basemodel_ops.representation import History
from basemodel_ops.stages.features.embedding_artifact import EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.tasks.eligible_items import read_eligible_items
from basemodel_ops.stages.tasks.recommendation_artifact import RecommendationArtifact
from basemodel_ops.stages.tasks.recommendation_context import query_of
from basemodel_ops.stages.tasks.targets import target_of
from basemodel_ops.tasks.interactions import POPULAR_DAYS, InteractionSnapshot, ItemModels, ItemStatistics
from basemodel_ops.tasks.pair_features import PairFeatures
from basemodel_ops.tasks.recommendation import Weights
from basemodel_ops.tasks.reranking import Query, apply_policy
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.counting import popularity_query


class Recommender:
    """What a fitted task names to entities at a cutoff, from their histories alone; it holds no events of others."""

    def __init__(
        self, contract: Contract, store: ArtifactStore, warehouse: Warehouse, task: Task,
        fitted: RecommendationArtifact, cutoff: int,
    ) -> None:  # fmt: skip
        """Read what was learnt, and how popular the items are strictly before the cutoff (microseconds)."""
        target = target_of(task)
        self._task, self._cutoff, self._column, self.source = task, cutoff, target.column, target.source
        encoder = EncoderArtifact.current(store, target.source)
        self.items = encoder.vocabulary(target.column)
        vectors = EmbeddingArtifact.current(store, target.source, target.column).vectors
        attributes = encoder.attribute_codes(target.column)
        self._item_models = ItemModels(vectors, attributes, fitted.relations, fitted.network(vectors))
        self._recipe, self.ranker = fitted.recipe, fitted.ranker
        self._eligible = None if task.offers is None else read_eligible_items(warehouse, task, self.items).at(cutoff)
        counts, total = self._counted(contract.event(self.source), warehouse)
        self._item_statistics = ItemStatistics.of(counts, total, fitted.repeats, self._item_models.attributes)

    def _counted(self, event: EventSource, warehouse: Warehouse) -> tuple[np.ndarray, np.ndarray]:
        """Events of each item in the windows of popularity, (windows, items), and of all time, (items,)."""
        timestamp = to_datetime(self._cutoff)
        since = [timestamp - timedelta(days=days) for days in POPULAR_DAYS]
        table = warehouse.read(popularity_query(event, self._column, timestamp, since))
        code = self.items.encode(table.column(0))
        result = np.zeros((len(since) + 1, len(self.items)))
        for row, column in enumerate(table.columns[1:]):
            result[row, code[code >= 0]] = column.to_numpy()[code >= 0]
        return result[1:], result[0]

    def best(self, history: History, entities: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the k best items for entities of a history, the best first, and their scores, (entities, k)."""
        _, items, worth = self.ranked(history, entities, k)
        return items, worth

    def ranked(self, history: History, entities: np.ndarray, k: int) -> tuple[Query, np.ndarray, np.ndarray]:
        """The same with the question that they answer, whose candidates they are."""
        interactions = InteractionSnapshot.before(
            history, self._column, self._item_models, self._cutoff, self._item_statistics
        )
        query = query_of(PairFeatures.of(interactions, entities), self._eligible, [])
        query = replace(query, weights=self._recipe.blend)
        scores = self.ranker.scores(query) if self.ranker else query.candidates.scores(self.weights)
        (scores,) = apply_policy(self._recipe.policy, [query], [scores], self._task.diversity, k)
        return query, *query.candidates.best(scores, k)

    @property
    def weights(self) -> Weights:
        """Of the kinds of evidence, where no ranker gives the scores."""
        return self._recipe.weights or ()
