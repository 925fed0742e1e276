"""The test rows of a task as they were answered: its metric among any of them, with an interval, and pictures."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import SMALLER_IS_BETTER, Task
from basemodel_ops.pages.cards import Measured
from basemodel_ops.pages.pictures import Picture
from basemodel_ops.pages.quality import of_amounts, of_chances, of_classes, of_effects, of_rankings
from basemodel_ops.tasks.draws import SURE, EntityDraws
from basemodel_ops.tasks.influence import auroc_moved, standard_error
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import metric_of

SAMPLES = 40
"""Draws of entities by which an interval is found."""

ENOUGH = 20
"""Rows of a group below which nothing is said of it."""

NAMED = 10
"""Length of the lists that NDCG@10 is of."""

KEYS = ("cutoff", "part", "item")
"""Columns of kept rows that tell them apart, beside their entity."""

COLUMNS = {"shipped": "prediction", "baseline": "baseline"}

Measure = Callable[[np.ndarray, str], float]
"""The metric of some rows (positions), by "prediction" or "baseline"."""

Figures = dict[str, float]
"""Of what ships, of the baseline, and of their difference."""

Value = TypeVar("Value", float, np.ndarray)


class Tested:
    """Rows that a model answered without having learnt from them."""

    def __init__(self, task: Task, rows: pa.Table, selected: str, baseline: str, seed: int) -> None:
        """Rows of `read_predictions`, of the test; the names are those of what ships and of the baseline."""
        self.task, self.shipped, self.baseline, self._seed = task, selected, baseline, seed
        self._table = rows
        self._metric = metric_of(task)
        self._columns = {name: self._numbers(name) for name in rows.column_names if name not in (task.entity, *KEYS)}
        if task.form.shape is Shape.ANSWER:
            self._columns["label"] = kind_of(task.type).recorded_target(self._columns)
        self._first, self._figures = self._by_form()
        entity = rows.column(task.entity).take(pa.array(self._first)).combine_chunks()
        self.entities: pa.Array = entity
        """Of each row that is measured; a row may be several of the table, one per label or rank."""
        self._entity_index = pc.dictionary_encode(entity).indices.to_numpy(zero_copy_only=False)

    def _numbers(self, name: str) -> np.ndarray:
        column = self._table.column(name)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return np.zeros(0)
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)

    @property
    def begins(self) -> datetime:
        """The cutoff of the first row."""
        return pc.min(self._table.column("cutoff")).as_py()

    def __len__(self) -> int:
        return len(self._first)

    def measured(self, rows: np.ndarray | None = None) -> dict[str, Measured]:
        """The metric of `selected`, `baseline` and their `difference` among rows (positions), or all; {} where it
        cannot be measured."""
        rows = np.arange(len(self)) if rows is None else rows
        values, errors = self._figures(rows) if len(rows) >= ENOUGH else ({}, {})
        if not np.isfinite(values.get("shipped", np.nan)):
            return {}
        # No error is below 0, and no other metric above 1: an interval of normal errors may be.
        least, most = (0.0, np.inf) if self._metric in SMALLER_IS_BETTER else (-np.inf, 1.0)
        results = {}
        for name, value in values.items():
            if np.isfinite(value) and np.isfinite(errors[name]):
                ends = np.array([value - SURE * errors[name], value + SURE * errors[name]])
                low, high = ends if name == "difference" else np.clip(ends, least, most)
                results[name] = Measured(float(value), float(low), float(high))
        return results

    def _by_moves(self, rows: np.ndarray) -> tuple[Figures, Figures]:
        """Values and standard errors by how far the rows of each entity move the metric."""
        label = self._wide["label"][rows]
        auroc = {entry: auroc_moved(label, self._wide[name][rows]) for entry, name in COLUMNS.items()}
        values = _with_difference({entry: value for entry, (value, _) in auroc.items()})
        moved = _with_difference({entry: moves for entry, (_, moves) in auroc.items()})
        return values, {entry: standard_error(moves, self._entity_index[rows]) for entry, moves in moved.items()}

    def _by_draws(self, measure: Measure, rows: np.ndarray) -> tuple[Figures, Figures]:
        """Values and standard errors by draws of the entities of the rows."""
        values = _with_difference({entry: measure(rows, name) for entry, name in COLUMNS.items()})
        if not np.isfinite(values["shipped"]):
            return values, {}
        entities, generator = EntityDraws(self._entity_index[rows]), np.random.default_rng(self._seed)
        draws = [rows[entities.rows(generator)] for _ in range(SAMPLES)]
        drawn = _with_difference(
            {entry: np.array([measure(sampled, name) for sampled in draws]) for entry, name in COLUMNS.items()}
        )
        known = {entry: draw[np.isfinite(draw)] for entry, draw in drawn.items()}
        return values, {entry: float(draw.std()) if len(draw) else float("nan") for entry, draw in known.items()}

    def pictures(self, measured: Mapping[str, Measured]) -> list[Picture]:
        """How well the answers hold, and of an effect what was `measured` of it."""
        columns = {"weight": np.ones(self._table.num_rows), **self._columns}
        match self.task.form.plots:
            case "chances":
                return of_chances(columns, self.shipped, self.baseline)
            case "amounts":
                return of_amounts(columns, self.shipped, self.baseline)
            case "effects":
                figures = "; ".join(f"{name} {value}" for name, value in measured.items() if name != "difference")
                return of_effects(columns, self.shipped, self.baseline, f"{self._metric.capitalize()}: {figures}")
            case "classes":
                label, predicted = (
                    np.array(self._table.column(name).to_pylist(), str) for name in ("label", "prediction")
                )
                return of_classes(label, {**columns, "prediction": columns["probability"]}, predicted)
            case "rankings":
                return of_rankings(
                    columns["rank"].astype(int), *(columns[name] for name in ("label", "baseline_label", "taken"))
                )

    def _by_form(self) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Figures, Figures]]]:
        """Where each row that is measured begins in the table, and how some are measured: values and errors."""
        count, form = self._table.num_rows, self.task.form
        if form.shape is Shape.LABELS:
            width = len(pc.unique(self._table.column("item")))
            self._wide = {name: column.reshape(-1, width) for name, column in self._columns.items() if len(column)}
            # Of hundreds of labels, draws would take minutes.
            return np.arange(0, count, width), self._by_moves
        if form.shape is Shape.ITEMS:
            first, measure = self._of_rankings()
            return first, partial(self._by_draws, measure)
        if form.has_labels:
            right = {
                name: np.asarray(pc.equal(self._table.column("label"), self._table.column(name)).fill_null(False))
                for name in ("prediction", "baseline")
            }
            self._metric = "accuracy"
            return np.arange(count), partial(self._by_draws, lambda rows, name: float(right[name][rows].mean()))
        return np.arange(count), partial(self._by_draws, self._measure_column)

    def _measure_column(self, rows: np.ndarray, name: str) -> float:
        label, answer = self._columns["label"][rows], self._columns[name][rows]
        if not np.isfinite(answer).all() or (self.task.form.is_yes_or_no and label.min() == label.max()):
            return float("nan")
        return kind_of(self.task.type).measures[self._metric](label, answer, self._columns["weight"][rows])

    def _of_rankings(self) -> tuple[np.ndarray, Measure]:
        rank, taken = self._columns["rank"].astype(int), self._columns["taken"]
        first = np.flatnonzero(rank == 1)
        row = np.cumsum(rank == 1) - 1
        discount = np.where(rank <= NAMED, 1 / np.log2(rank + 1), 0.0)
        ideal = np.cumsum(1 / np.log2(np.arange(2, NAMED + 2)))[np.clip(taken[first], 1, NAMED).astype(int) - 1]
        results = {}
        for name, column in (("prediction", "label"), ("baseline", "baseline_label")):
            gained = np.bincount(row, self._columns[column] * discount, len(first))
            results[name] = np.where(taken[first] > 0, gained / ideal, np.nan)
        kept = taken[first] > 0

        def measure(rows: np.ndarray, name: str) -> float:
            values = results[name][rows[kept[rows]]]
            return float(values.mean()) if len(values) else float("nan")

        return first, measure

    @property
    def metric(self) -> str:
        """What is measured: the task's metric, or accuracy of classes, of which only the likeliest is kept."""
        return self._metric


def _with_difference(by: dict[str, Value]) -> dict[str, Value]:
    """What ships, the baseline, and the difference of the two."""
    return {**by, "difference": by["shipped"] - by["baseline"]}


def positions_by(values: Sequence[object] | np.ndarray) -> dict[str, np.ndarray]:
    """Rows of each value, the most frequent first; those without one are left out."""
    texts = np.array(["" if value is None else str(value) for value in values])
    names, counts = np.unique(texts, return_counts=True)
    return {str(name): np.flatnonzero(texts == name) for name in names[np.argsort(-counts, kind="stable")] if name}
