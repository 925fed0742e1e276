"""Questions at one cutoff: whom each is asked about, and the answers to entities that were just represented."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.artifacts import Artifact
from basemodel_ops.contract.cutoffs import key_of, midnight
from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.representation import History
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.tasks.recommending import Recommender
from basemodel_ops.stages.tasks.views import pair_views, peer_keys, single_views
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.cold_start import ColdStart
from basemodel_ops.tasks.multilabel import PairModel
from basemodel_ops.tasks.peers import Peers
from basemodel_ops.tasks.recommendation import NOTHING
from basemodel_ops.tasks.reranking import TOP
from basemodel_ops.tasks.single import Views, load_mixture
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, moment_of, table_of


@dataclass(frozen=True)
class Group:
    """Neighbouring entities at the cutoff: the position of the first, their rows, and their histories per source."""

    first: int
    rows: RowsInMemory
    histories: dict[str, History]


def score_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where the scores of a task are written, in the schema of answers."""
    return Relation(schema_name=schema, name=f"{task}_scores")


def asked_query(task: Task, as_of: datetime, is_open: bool = True) -> exp.Select:
    """The entities that a task asks about at `as_of`; of a trait, where `is_open`, those whose answer is not known."""
    query = exp.select(exp.alias_(column_of(task.entity), "entity", quoted=True)).distinct()
    query = query.from_(table_of(task.population or task.relation)).where(column_of(task.cutoff).eq(moment_of(as_of)))
    if task.horizon is None and task.population is None and is_open:
        query = query.where(column_of(task.target).is_(exp.null()))
    return query


def entities_asked(warehouse: Warehouse, task: Task, as_of: datetime, is_open: bool = True) -> pa.ChunkedArray:
    """The entities that a task asks about at `as_of`.

    Raises:
        DataError: there are none.
    """
    found = warehouse.read(asked_query(task, as_of, is_open)).column(0)
    if not len(found):
        cutoff = exp.alias_(exp.Max(this=column_of(task.cutoff)), "newest", quoted=True)
        newest = (
            warehouse.read(exp.select(cutoff).from_(table_of(task.population or task.relation))).column(0)[0].as_py()
        )
        ends = f"Its cutoffs end at {key_of(midnight(newest))}. " if newest else "It has no rows at all. "
        raise DataError(
            f"Task {task.name} has no rows to score as of {key_of(as_of)}. {ends}"
            "Score one of its cutoffs, or bring newer events into the warehouse."
        )
    return found


class Question(ABC):
    """A task at one cutoff, ready to be asked."""

    model_version: str
    answers_cold = True
    """Whether entities without events before the cutoff get an answer."""

    def __init__(self, task: Task, as_of: datetime, entities: pa.ChunkedArray) -> None:
        self.task, self.as_of, self.entities = task, as_of, entities
        self.relation = score_relation(task.name)

    @abstractmethod
    def columns(self) -> list[pa.Field]:
        """Columns of an answer beside the entity and the bookkeeping."""

    @abstractmethod
    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions): the entity first, then `columns`."""

    def schema(self) -> pa.Schema:
        """Columns of the answer table."""
        return pa.schema(
            [
                pa.field(self.task.entity, self.entities.type), pa.field("as_of", pa.timestamp("us")), *self.columns(),
                pa.field("model_version", pa.string()), pa.field("run_id", pa.string()),
                pa.field("scored_at", pa.timestamp("us")),
            ]
        )  # fmt: skip

    def stamped(self, answers: pa.Table, run_id: str) -> pa.Table:
        """The answers with the columns that every answer table ends with, and `as_of` after the entity."""
        count = answers.num_rows
        table = answers.add_column(1, "as_of", pa.repeat(pa.scalar(self.as_of, pa.timestamp("us")), count))
        for name, value in (("model_version", self.model_version), ("run_id", run_id)):
            table = table.append_column(name, pa.repeat(pa.scalar(value), count))
        stamp = pa.scalar(datetime.now(UTC).replace(tzinfo=None), pa.timestamp("us"))
        return table.append_column("scored_at", pa.repeat(stamp, count)).cast(self.schema())

    def ranked(self, entities: pa.Array, items: pa.Array, scores: np.ndarray, kept: np.ndarray) -> pa.Table:
        """The answers that are items, (rows x width) flat, with scores (rows, width), the best first; those `kept`."""
        width = scores.shape[1]
        at = np.flatnonzero(kept.ravel())
        owner, rank = np.divmod(at, width)
        return pa.table(
            {
                self.task.entity: entities.take(pa.array(owner)), "item": items.take(pa.array(at)),
                "score": scores.ravel()[at].astype(float), "rank": (rank + 1).astype(np.int32),
            }
        )  # fmt: skip


class SingleQuestion(Question):
    """One answer an entity: a chance, a number or a class."""

    def __init__(
        self, task: Task, as_of: datetime, entities: pa.ChunkedArray, fitted: Artifact, checkpoint: Checkpoint
    ):
        super().__init__(task, as_of, entities)
        self.model_version, recipe = fitted.version, fitted.json("recipe")
        state = fitted.arrays("heads"), _texts(fitted, recipe)
        self.heads = load_mixture(task.type, list(recipe["shares"]), state)
        self.checkpoint, self._classes = checkpoint, recipe["classes"]
        self._cold = ColdStart(tuple(recipe.get("cold_start", ())))
        self._peers = Peers.from_arrays(fitted.arrays("peers")) if task.horizon is not None else None

    def columns(self) -> list[pa.Field]:
        """`score`, `prediction`, or `class` and `probability`."""
        if self.task.type is TaskType.MULTICLASS:
            return [pa.field("class", pa.string()), pa.field("probability", pa.float64())]
        return [pa.field("score" if self.task.type is TaskType.BINARY else "prediction", pa.float64())]

    def outputs(self, examples: RowsInMemory, rows: np.ndarray) -> np.ndarray:
        """A chance, a number or the chance of each class, of some rows (positions): (rows,) or (rows, classes)."""
        return self._cold.applied(self.modelled(examples, rows), examples.has_history(rows))

    def modelled(self, examples: RowsInMemory, rows: np.ndarray) -> np.ndarray:
        """What the models say of rows (positions), of those without a history too, whatever is published of these."""
        return self.heads.predict(self.views(examples, rows))

    def views(self, examples: RowsInMemory, rows: np.ndarray) -> Views:
        """What the heads read of rows (positions)."""
        views = single_views(examples, self.checkpoint, rows, self.task)
        if self._peers is not None:
            views = views.with_peers(self._peers.look_up(peer_keys(examples, rows)))
        return views

    @property
    def labels(self) -> list[str]:
        """The classes of `outputs` as text; none where it is one number."""
        return [str(name) for name in self._classes] if self.task.type is TaskType.MULTICLASS else []

    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions)."""
        answer = self.outputs(group.rows, rows)
        found = {self.task.entity: _entities(group, rows)}
        if self.task.type is TaskType.MULTICLASS:
            names = pa.array(self._classes)
            return pa.table({**found, "class": names.take(pa.array(answer.argmax(1))), "probability": answer.max(1)})
        return pa.table({**found, self.columns()[0].name: answer})


class ManyQuestion(Question):
    """Which of many labels."""

    def __init__(
        self, ws: Workspace, task: Task, as_of: datetime, entities: pa.ChunkedArray, fitted: Artifact,
        checkpoint: Checkpoint,
    ) -> None:  # fmt: skip
        super().__init__(task, as_of, entities)
        self._ws, self.checkpoint, self.model_version = ws, checkpoint, fitted.version
        recipe = fitted.json("recipe")
        self._labels = fitted.table("labels").column("label").combine_chunks()
        self._pairs = PairModel.restore(recipe["kind"], (fitted.arrays("heads"), _texts(fitted, recipe)))

    def columns(self) -> list[pa.Field]:
        """Item, score and rank."""
        return ranked_columns(self._labels.type)

    def outputs(self, examples: RowsInMemory, rows: np.ndarray) -> np.ndarray:
        """The chance of each label, of some rows (positions): (rows, labels)."""
        views = pair_views(self._ws, examples, self.checkpoint, rows, self.task, self._labels)
        return self._pairs.predict(views)

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
        return self.ranked(_entities(group, rows), items, np.take_along_axis(scores, best, axis=1), best >= 0)


class ItemQuestion(Question):
    """Which items next."""

    def __init__(
        self, ws: Workspace, warehouse: Warehouse, task: Task, as_of: datetime, entities: pa.ChunkedArray,
        fitted: Artifact, cutoff: int,
    ) -> None:  # fmt: skip
        super().__init__(task, as_of, entities)
        self.model_version = fitted.version
        self.recommender = Recommender(ws, warehouse, task, fitted, cutoff)

    def columns(self) -> list[pa.Field]:
        """Item, score and rank."""
        return ranked_columns(self.recommender.items.values.type)

    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions); fewer than `TOP` where an entity has fewer candidates."""
        history = group.histories[self.recommender.source]
        items, scores = self.recommender.best(history, group.rows.entity[rows], TOP)
        values = self.recommender.items.values.take(pa.array(np.maximum(items.ravel(), 0)))
        return self.ranked(_entities(group, rows), values, scores, (items != NOTHING) & np.isfinite(scores))


def ranked_columns(kind: pa.DataType) -> list[pa.Field]:
    """Columns of an answer of items of a type."""
    return [pa.field("item", kind), pa.field("score", pa.float64()), pa.field("rank", pa.int32())]


def question_of(
    ws: Workspace, warehouse: Warehouse, task: Task, as_of: datetime, cutoff: int, checkpoint: Checkpoint
) -> Question:
    """A task with its fitted model, ready to be asked at a cutoff."""
    entities, fitted = entities_asked(warehouse, task, as_of), ws.current(f"{task.name}/model")
    if task.type is TaskType.RECOMMENDATION:
        return ItemQuestion(ws, warehouse, task, as_of, entities, fitted, cutoff)
    if task.type is TaskType.MULTILABEL:
        return ManyQuestion(ws, task, as_of, entities, fitted, checkpoint)
    return SingleQuestion(task, as_of, entities, fitted, checkpoint)


def _entities(group: Group, rows: np.ndarray) -> pa.Array:
    return group.rows.entities.values.take(pa.array(group.rows.entity[rows]))


def _texts(fitted: Artifact, recipe: dict) -> dict[str, str]:
    return {name: fitted.text(name) for name in recipe["texts"]}
