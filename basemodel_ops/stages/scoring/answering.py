"""Questions at one cutoff: whom each is asked about, and the answers to entities that were just represented."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, ArtifactStore
from basemodel_ops.assets import model_key
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract, Relation, Task
from basemodel_ops.errors import DataError
from basemodel_ops.representation import History
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.population import Population, population_at
from basemodel_ops.stages.snapshot.row_cutoffs import INSTANT
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.tasks.feature_sets import label_item_ids, pair_feature_sets, peer_keys, single_feature_sets
from basemodel_ops.stages.tasks.label_artifact import LabelModelArtifact
from basemodel_ops.stages.tasks.recommendation_artifact import RecommendationArtifact
from basemodel_ops.stages.tasks.recommender import Recommender
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.recommendation import NO_ITEM
from basemodel_ops.tasks.reranking import TOP
from basemodel_ops.warehouse.arrow import added
from basemodel_ops.warehouse.base import Warehouse

CUTOFF_COLUMN = "moment"
"""Column of answer tables, after `as_of`, where a task has moments of its own."""


@dataclass(frozen=True)
class Group:
    """Rows of neighbouring entities: the number of the first, the rows, and the entities' histories per source."""

    first: int
    rows: RowsInMemory
    histories: dict[str, History]


def score_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where the scores of a task are written, in the schema of answers."""
    return Relation(schema_name=schema, name=f"{task}_scores")


class Question(ABC):
    """A task at one cutoff, ready to be asked."""

    model_version: str
    covers_cold_start = True
    """Whether entities without events before the cutoff get an answer."""

    def __init__(self, task: Task, as_of: datetime, population: Population) -> None:
        self.task, self.as_of, self.population = task, as_of, population
        self.relation = score_relation(task.name)

    @abstractmethod
    def columns(self) -> list[pa.Field]:
        """Columns of an answer beside the entity and the bookkeeping."""

    @abstractmethod
    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions): what `key_of_rows` says, then `columns`."""

    def key_of_rows(self, group: Group, rows: np.ndarray) -> dict[str, pa.Array]:
        """The entity of some rows of a group, and where a task has moments of its own that of each."""
        entity = group.rows.entities.values.take(pa.array(group.rows.entity[rows]))
        if not self.task.has_row_cutoffs:
            return {self.task.entity: entity}
        timestamp = pa.array(group.rows.cutoff[rows] - INSTANT, pa.int64()).cast(pa.timestamp("us"))
        return {self.task.entity: entity, CUTOFF_COLUMN: timestamp}

    def schema(self) -> pa.Schema:
        """Columns of the answer table."""
        return pa.schema(
            [
                pa.field(self.task.entity, self.population.entities.type), pa.field("as_of", pa.timestamp("us")),
                *([pa.field(CUTOFF_COLUMN, pa.timestamp("us"))] if self.task.has_row_cutoffs else []), *self.columns(),
                pa.field("model_version", pa.string()), pa.field("run_id", pa.string()),
                pa.field("scored_at", pa.timestamp("us")),
            ]
        )  # fmt: skip

    def stamped(self, scores: pa.Table, run_id: str) -> pa.Table:
        """The answers with the columns that every answer table ends with, and `as_of` after the entity."""
        count = scores.num_rows
        table = scores.add_column(1, "as_of", pa.repeat(pa.scalar(self.as_of, pa.timestamp("us")), count))
        for name, value in (("model_version", self.model_version), ("run_id", run_id)):
            table = table.append_column(name, pa.repeat(pa.scalar(value), count))
        stamp = pa.scalar(datetime.now(UTC).replace(tzinfo=None), pa.timestamp("us"))
        return table.append_column("scored_at", pa.repeat(stamp, count)).cast(self.schema())

    def ranked(self, key: dict[str, pa.Array], items: pa.Array, scores: np.ndarray, kept: np.ndarray) -> pa.Table:
        """The answers that are items, (rows x width) flat, with scores (rows, width), the best first; those `kept`."""
        width = scores.shape[1]
        at = np.flatnonzero(kept.ravel())
        row, rank = np.divmod(at, width)
        return pa.table(
            {
                **{name: column.take(pa.array(row)) for name, column in key.items()},
                "item": items.take(pa.array(at)),
                "score": scores.ravel()[at].astype(float), "rank": (rank + 1).astype(np.int32),
            }
        )  # fmt: skip


class SingleQuestion(Question):
    """One answer an entity: a chance, a number or a class."""

    def __init__(
        self, task: Task, as_of: datetime, population: Population, fitted: SingleModelArtifact, checkpoint: Checkpoint
    ) -> None:
        super().__init__(task, as_of, population)
        self.model_version, self.heads = fitted.artifact.version, fitted.mixture(task.type)
        self.checkpoint, self._classes = checkpoint, fitted.classes
        self._cold, self._interval = fitted.cold_start, fitted.interval
        self._peers = fitted.peers if task.horizon is not None else None
        self._widths = fitted.widths

    def columns(self) -> list[pa.Field]:
        """Those of its kind; a table that was written before one was declared gets it."""
        return [added(column) for column in kind_of(self.task.type).columns(self.task)]

    def outputs(self, examples: RowsInMemory, rows: np.ndarray) -> np.ndarray:
        """What the score table orders some rows (positions) by: (rows,), or (rows, classes)."""
        return kind_of(self.task.type).explained(self.task, self._outputs(examples, rows))

    def modelled(self, examples: RowsInMemory, rows: np.ndarray) -> np.ndarray:
        """What the models say of rows (positions), of those without a history too, whatever is published of these."""
        return kind_of(self.task.type).explained(self.task, self.heads.predict(self.feature_sets_of(examples, rows)))

    def _outputs(self, examples: RowsInMemory, rows: np.ndarray) -> np.ndarray:
        return self._cold.applied(self.heads.predict(self.feature_sets_of(examples, rows)), examples.has_history(rows))

    def feature_sets_of(self, examples: RowsInMemory, rows: np.ndarray) -> FeatureSets:
        """What the heads read of rows (positions)."""
        terms = examples.terms if self.task.horizon is None else None
        terms = None if terms is None else terms[rows]
        feature_sets = single_feature_sets(examples, self.checkpoint, rows, self.task, terms)
        if self._peers is not None:
            feature_sets = self._peers.extend(feature_sets, peer_keys(examples, rows))
        if feature_sets.widths != self._widths:  # the layout of rows may be the same
            raise DataError(
                f"The model of {self.task.name} learnt from {self._widths or 'other'} features, and rows have "
                f"{feature_sets.widths}: an older version fitted it. Run `basemodel train`."
            )
        return feature_sets

    @property
    def labels(self) -> list[str]:
        """The classes of `outputs` as text; none where it is one number."""
        return [str(name) for name in self._classes or ()]

    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions)."""
        answer = self._outputs(group.rows, rows)
        cells = kind_of(self.task.type).cells(self.task, answer, self._classes, self._interval)
        names = [column.name for column in self.columns()]
        return pa.table({**self.key_of_rows(group, rows), **dict(zip(names, cells, strict=True))})


class ManyQuestion(Question):
    """Which of many labels."""

    def __init__(
        self, task: Task, as_of: datetime, population: Population, fitted: LabelModelArtifact, item_ids: np.ndarray,
        checkpoint: Checkpoint,
    ) -> None:  # fmt: skip
        """Of labels with these `item_ids` (labels,): see `label_item_ids`."""
        super().__init__(task, as_of, population)
        self.checkpoint, self.model_version = checkpoint, fitted.artifact.version
        self._labels, self._item_ids, self._pairs = fitted.labels, item_ids, fitted.pairs

    def columns(self) -> list[pa.Field]:
        """Item, score and rank."""
        return ranked_columns(self._labels.type)

    def outputs(self, examples: RowsInMemory, rows: np.ndarray) -> np.ndarray:
        """The chance of each label, of some rows (positions): (rows, labels)."""
        feature_sets = pair_feature_sets(examples, self.checkpoint, rows, self.task, self._item_ids)
        return self._pairs.predict(feature_sets)

    modelled = outputs  # nobody is answered by another rule

    @property
    def labels(self) -> list[str]:
        """The labels of `outputs` as text."""
        return [str(label) for label in self._labels.to_pylist()]

    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions)."""
        scores = self.outputs(group.rows, rows)
        best = np.argsort(-scores, axis=1, kind="stable")
        items = self._labels.take(pa.array(best.ravel()))
        return self.ranked(self.key_of_rows(group, rows), items, np.take_along_axis(scores, best, axis=1), best >= 0)


class ItemQuestion(Question):
    """Which items next."""

    def __init__(
        self, task: Task, as_of: datetime, population: Population, model_version: str, recommender: Recommender
    ) -> None:
        super().__init__(task, as_of, population)
        self.model_version, self.recommender = model_version, recommender

    def columns(self) -> list[pa.Field]:
        """Item, score and rank."""
        return ranked_columns(self.recommender.items.values.type)

    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions); fewer than `TOP` where an entity has fewer candidates."""
        history = group.histories[self.recommender.source]
        items, scores = self.recommender.best(history, group.rows.entity[rows], TOP)
        values = self.recommender.items.values.take(pa.array(np.maximum(items.ravel(), 0)))
        return self.ranked(self.key_of_rows(group, rows), values, scores, (items != NO_ITEM) & np.isfinite(scores))


def ranked_columns(kind: pa.DataType) -> list[pa.Field]:
    """Columns of an answer of items of a type."""
    return [pa.field("item", kind), pa.field("score", pa.float64()), pa.field("rank", pa.int32())]


def question_of(
    contract: Contract, store: ArtifactStore, warehouse: Warehouse, task: Task, as_of: datetime, checkpoint: Checkpoint
) -> Question:
    """A task with its fitted model, ready to be asked at a cutoff."""
    population, fitted = population_at(warehouse, contract.grid, task, as_of), store.current(model_key(task.name))
    if task.form.shape is Shape.ITEMS:
        model, cutoff = RecommendationArtifact(fitted), to_microseconds(as_of)
        recommender = Recommender(contract, store, warehouse, task, model, cutoff)
        return ItemQuestion(task, as_of, population, fitted.version, recommender)
    return outputs_question(store, task, as_of, population, fitted, checkpoint)


def outputs_question(
    store: ArtifactStore, task: Task, as_of: datetime, population: Population, fitted: Artifact, checkpoint: Checkpoint
) -> SingleQuestion | ManyQuestion:
    """A task that does not rank items, with its fitted model."""
    if task.form.shape is Shape.LABELS:
        model = LabelModelArtifact(fitted)
        item_ids = label_item_ids(store, task, model.labels)
        return ManyQuestion(task, as_of, population, model, item_ids, checkpoint)
    return SingleQuestion(task, as_of, population, SingleModelArtifact(fitted), checkpoint)
