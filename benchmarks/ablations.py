"""What each objective of pretraining is worth: contrastive, next session, and the families of the product's futures.

`python -m benchmarks ablations --home DIR --json`. A linear head, its penalty chosen on validation, reads what each
objective has learnt. Inputs, layers, rows and steps are the same for all, and only what ships is cross-fitted.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.foundation import FoundationModel
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.activity_targets import activity_targets
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.foundation.training_sets import TrainingSet
from basemodel_ops.stages.snapshot.task_rows import load_task_rows
from basemodel_ops.stages.tasks.feature_sets import label_item_ids
from basemodel_ops.stages.tasks.positive_items import read_positive_items, truth_matrix
from benchmarks.quality import objectives
from benchmarks.quality.boosting import TunedLinear
from benchmarks.quality.datasets import named
from benchmarks.quality.events import Events
from benchmarks.quality.many import label_of, macro_auroc
from benchmarks.quality.objectives import Answer, hidden_of
from benchmarks.quality.product import pretrained
from benchmarks.quality.single import Problem, read_problem

SHARES = (0.01, 1.0)
READS = {"few": learner_layout.READ, "all": learner_layout.READ_FOR_ITEMS}
"""Kinds of inputs that the layers read: those of the product's network of activity, or of its network of things."""

KINDS = {"items": "item", "item_distribution": "item_distribution"}
"""Family of futures and the kind of their blocks."""


@dataclass(frozen=True)
class Labels:
    """A task that asks which of many labels, at its rows of validation and test."""

    task: Task
    row_index: np.ndarray
    part: np.ndarray
    truth: np.ndarray  # (rows, labels) bool
    at: np.ndarray  # row of each label among the items that are kept exactly
    of_event: np.ndarray  # (events,) label of each event, -1 where none

    @classmethod
    def read(cls, ws: Workspace, task: Task, examples: ExamplesArtifact, events: Events) -> "Labels":
        """Its rows, labels and what each event is of; labels that are not kept as things are left out."""
        if task.predicts is None:
            raise ValueError(f"{task.name} does not say what it predicts.")
        with ws.warehouse() as warehouse:
            rows, result = load_task_rows(warehouse, task, ws.times(warehouse)), read_positive_items(warehouse, task)
        rows = rows.take(np.flatnonzero(np.isin(rows.part, ["validation", "test"])))
        source, column = task.predicts.source, task.predicts.column
        at = label_item_ids(ws.store, task, result.labels)
        kept = (at >= 0) & (at < examples.layout.select("recency", source, column)[0].length)
        of_event = label_of(events, result.labels.filter(pa.array(kept)), of_items="." not in column)
        row_index = examples.locate(rows.entity, rows.cutoff)
        return cls(task, row_index, rows.part, truth_matrix(result, rows)[:, kept], at[kept], of_event)

    def measure(self, answer: np.ndarray) -> dict[str, float]:
        """Macro AUROC of both parts."""
        return {
            part: round(macro_auroc(self.truth[self.part == part], answer[self.part == part]), 4)
            for part in ("validation", "test")
        }


class Bench:
    """The rows that objectives learn from, with inputs and futures."""

    def __init__(self, ws: Workspace, seed: int, rows: int | None, read: str) -> None:
        self.seed, self.epochs = seed, ws.settings.epochs
        self.examples = ExamplesArtifact.current(ws.store)
        self.layout = self.examples.targets
        known = TrainingSet.of_items(self.examples)
        kept = np.sort(np.random.default_rng(seed).permutation(len(known.row_index))[:rows])
        self.row_index, self.inputs, self.targets = known.row_index[kept], known.inputs[kept], known.targets[kept]
        self.entity = self.examples.entity[self.row_index]
        self.cutoff = self.examples.cutoff[self.row_index]
        self.blocks = activity_targets(self.layout)
        # Activity without skips: the layers carry all that is learnt, whatever the objective.
        sizes = learner_layout.items_shape(self.examples.layout, self.layout, ws.settings.width, ws.settings.hidden)
        positions = tuple(int(row_index) for row_index in np.sort(self.examples.positions(*READS[read])))
        self.shape = replace(sizes, activity=len(self.blocks), read=positions)
        self.steps = self.epochs * max(int(len(self.row_index) * 0.95) // objectives.BATCH, 1)

    def learn_targets(
        self, families: tuple[str, ...], horizon: int | None = None, skips: tuple[int, ...] = ()
    ) -> FoundationModel:
        """A network that learnt these families by the product's own pretraining; of activity one horizon or all.

        `skips` are positions of inputs that reach the answers of activity directly.
        """
        chosen = np.array([horizon is None or b.detail == str(horizon) for b in self.blocks])
        chosen &= "activity" in families
        shape = objectives.only(replace(self.shape, activity=int(chosen.sum()), scalars=skips), *families)
        kept = [self.layout.positions(kind) for name, kind in KINDS.items() if name in families]
        offsets = np.array([b.offset for b in self.blocks])[chosen]
        is_binary = np.array([b.kind == "occurred" for b in self.blocks])[chosen]
        targets = self.targets[:, np.concatenate([offsets, *kept])]
        return objectives.learn_targets(self.inputs, targets, is_binary, shape, self.epochs, self.seed)

    def next_sessions(self, events: Events, labels: Labels, end: int) -> objectives.NextSession:
        """What followed the rows, of the labels of a task."""
        entity_index = events.entities.get_indexer(self.examples.entities.values.to_pandas())[self.entity]
        return objectives.next_sessions(events, entity_index, self.cutoff, labels.of_event, len(labels.at), end)


@dataclass(frozen=True)
class Learned:
    """What an objective has learnt: features of rows of inputs, and logits of labels where it has any."""

    feature_sets: dict[str, Answer]
    zero: Answer | None = None


def variants(bench: Bench, events: Events, labels: Labels, end: int, horizon: int) -> dict[str, Callable[[], Learned]]:
    """How to learn by each objective; `horizon` (days) is that of the tasks, for the one with a single horizon."""
    shape, span = bench.shape, sorted({b.detail for b in bench.layout.select("item")}, key=int)
    target = labels.task.predicts
    if target is None:
        raise ValueError(f"{labels.task.name} does not say what it predicts.")
    offset = learner_layout.item_offset(bench.examples.layout, target.source, target.column)

    read = tuple(bench.examples.positions(*learner_layout.READ).tolist())

    def inputs() -> Learned:
        return Learned({"scalars": lambda rows: rows[:, list(read)].astype(np.float32)})

    def untrained() -> Learned:
        model = objectives.learn(
            bench.inputs, objectives.only(shape), iter(()), 0, bench.seed, lambda last, _: last.sum()
        )
        return Learned({"hidden": lambda rows: hidden_of(model, rows)})

    def contrastive() -> Learned:
        model = objectives.learn_contrastive(bench.inputs, bench.entity, shape, bench.steps, bench.seed)
        return Learned({"hidden": lambda rows: hidden_of(model, rows)})

    def next_session() -> Learned:
        session = bench.next_sessions(events, labels, end)
        model, head = objectives.learn_next_session(bench.inputs, session, shape, bench.steps, bench.seed)
        return Learned(
            {"hidden": lambda rows: hidden_of(model, rows), "answers": lambda rows: hidden_of(model, rows, head)},
            lambda rows: hidden_of(model, rows, head)[:, : len(labels.at)],
        )

    def pretraining(*families: str, only: int | None = None, skips: tuple[int, ...] = ()) -> Callable[[], Learned]:
        def make() -> Learned:
            model = bench.learn_targets(families, only, skips)
            feature_sets: dict[str, Answer] = {"hidden": lambda rows: hidden_of(model, rows)}
            if "activity" in families:
                feature_sets["answers"] = model.activity
            at = span.index(str(labels.task.horizon))
            zero = (lambda rows: model.items(rows)[:, at, offset + labels.at]) if "items" in families else None
            return Learned(feature_sets, zero)

        return make

    return {
        "inputs, no objective": inputs,
        "untrained layers": untrained,
        "contrastive": contrastive,
        "next session": next_session,
        f"activity, {horizon} days alone": pretraining("activity", only=horizon),
        "activity": pretraining("activity"),
        "activity, inputs skip to answers": pretraining("activity", skips=read),
        "items": pretraining("items"),
        "item_distribution": pretraining("item_distribution"),
        "activity + things": pretraining("activity", "items"),
        "activity + things + composition": pretraining("activity", "items", "item_distribution"),
    }


def selected_feature_sets(checkpoint: Checkpoint, activity: np.ndarray, horizon: int) -> dict[str, np.ndarray]:
    """The shipped futures (rows, futures), cross-fitted: all of them, and parts of them."""
    blocks = checkpoint.blocks
    days, kind, source = (np.array([getattr(b, name) for b in blocks]) for name in ("detail", "kind", "source"))
    main = max(set(source.tolist()), key=lambda name: int((source == name).sum()))
    chosen = {
        "all horizons": np.ones(len(blocks), bool),
        f"{horizon} days alone": days == str(horizon),
        "occurred alone": kind == "occurred",
        f"{main} alone": source == main,
    }
    return {f"shipped bank and network, {name}": activity[:, columns] for name, columns in chosen.items()}


def run(rest: list[str]) -> dict[str, Any]:
    """Figures of every objective, validation and test apart; the test rows choose nothing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ablations")
    parser.add_argument("--dataset", default="complete_journey")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=3, help="draws of few labels to average over")
    parser.add_argument("--rows", type=int, help="rows to learn from at most; all that pretraining keeps if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--read", choices=list(READS), default="few", help="inputs that the layers read")
    parser.add_argument("--objective", action="append", help="only this one; repeatable")
    chosen = parser.parse_args(rest)
    console = Console(stderr=True)
    ws, events, end = pretrained(named(chosen.dataset), chosen.home, chosen.seed, console)
    bench = Bench(ws, chosen.seed, chosen.rows, chosen.read)
    tasks = [t for t in ws.contract.tasks if t.horizon and t.type in (TaskType.BINARY, TaskType.REGRESSION)]
    problems = {task.name: read_problem(ws, task.name, events) for task in tasks}
    labels = Labels.read(
        ws, next(t for t in ws.contract.tasks if t.type is TaskType.MULTILABEL), bench.examples, events
    )
    horizon = tasks[0].horizon or 0
    requested = np.unique(np.concatenate([labels.row_index, *(problem.row_index for problem in problems.values())]))
    inputs = bench.examples.gather(requested, np.arange(bench.examples.layout.length))
    result: dict[str, Any] = {}

    def note(name: str, features: Callable[[Problem], np.ndarray]) -> None:
        console.print(name, style="bold")
        result[name] = {
            task: measure(problem, features(problem), chosen.samples, chosen.seed) for task, problem in problems.items()
        }
        console.print_json(data=result[name], indent=None)

    for name, make in variants(bench, events, labels, end, horizon).items():
        if chosen.objective and name not in chosen.objective:
            continue
        fitted = make()
        for kind, view in fitted.feature_sets.items():
            values = view(inputs)
            note(f"{name}: {kind}", lambda problem: values[np.searchsorted(requested, problem.row_index)])  # noqa: B023
        if fitted.zero is not None:
            answer = fitted.zero(inputs[np.searchsorted(requested, labels.row_index)])
            result[f"{name}: no labels"] = {labels.task.name: labels.measure(answer)}
            console.print_json(data=result[f"{name}: no labels"], indent=None)
    checkpoint = Checkpoint(ws.store)
    for name in selected_feature_sets(checkpoint, np.zeros((0, len(checkpoint.blocks))), horizon):
        note(name, lambda problem: selected_feature_sets(checkpoint, problem.feature_sets.model_outputs, horizon)[name])  # noqa: B023
    about = {"seed": chosen.seed, "read": chosen.read, "rows": len(bench.row_index), "steps": bench.steps}
    return {"dataset": chosen.dataset, **about, "found": result}


def measure(problem: Problem, features: np.ndarray, samples: int, seed: int) -> dict[str, dict[str, float]]:
    """Metric of a linear head by share of labels and part; few labels are drawn `samples` times."""
    generator = np.random.default_rng(seed)
    binary = problem.kind is TaskType.BINARY
    target = problem.target if binary else np.log1p(np.maximum(problem.target, 0))
    result = {}
    for share in SHARES:
        cells: dict[str, list[float]] = {"validation": [], "test": []}
        for _ in range(samples if share < 1 else 1):
            train, validation = problem.draw(share, generator)
            parts = [(features[rows], target[rows]) for rows in (train, validation)]
            head = TunedLinear("binary" if binary else "regression").fit(*parts)
            for part, values in cells.items():
                rows = getattr(problem, part)
                answer = head.predict(features[rows])
                values.append(problem.metric(rows, answer if binary else np.expm1(answer)))
        result[f"{share:g}"] = {part: round(float(np.mean(values)), 4) for part, values in cells.items()}
    return result
