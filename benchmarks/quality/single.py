"""Tasks with one answer: the product's candidates and hand-made baselines on the same rows, by share of labels."""

import itertools
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.task_rows import TaskRows, known_before_test, load_task_rows, prepared
from basemodel_ops.stages.tasks.feature_sets import peer_keys, single_feature_sets
from basemodel_ops.stages.tasks.peer_answers import with_peers
from basemodel_ops.stages.tasks.selection import LabelledRows, aged, select
from basemodel_ops.tasks.feature_sets import FeatureSets
from benchmarks.quality.boosting import TunedLinear, refitted, tuned_boosting
from benchmarks.quality.events import Events
from benchmarks.quality.features import hand_features
from benchmarks.quality.intervals import difference, interval, resamples

LEAST_VALIDATION = 200


@dataclass(frozen=True)
class Problem:
    """Rows of a task with the product's views, hand-made features and parts."""

    task: Task
    rows: TaskRows
    keys: np.ndarray
    """Groups that the entities share with others."""
    entity: np.ndarray
    cutoff: np.ndarray
    row_index: np.ndarray
    """Rows of the training examples."""
    target: np.ndarray
    feature_sets: FeatureSets
    hand: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    known: np.ndarray
    """All rows whose labels are known when the test begins: training, validation and those between."""
    view_seconds: float
    hand_seconds: float

    @property
    def kind(self) -> TaskType:
        """Type of the task."""
        return self.task.type

    def draw(self, share: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Some rows to learn from, and as many, or `LEAST_VALIDATION`, to choose by; all of both at a share of 1."""
        if share == 1:
            return self.train, self.validation
        few = generator.choice(self.train, max(int(share * len(self.train)), 20), replace=False)
        size = min(len(self.validation), max(len(few), LEAST_VALIDATION))
        return few, generator.choice(self.validation, size, replace=False)

    def metric(self, rows: np.ndarray, answer: np.ndarray) -> float:
        """AUROC of a yes or no, R2 of logarithms of an amount."""
        if self.kind is TaskType.BINARY:
            return float(roc_auc_score(self.target[rows], answer))
        return float(r2_score(np.log1p(self.target[rows]), np.log1p(np.maximum(answer, 0))))


def read_problem(ws: Workspace, name: str, events: Events) -> Problem:
    """The task's labelled rows, as the product splits them."""
    task = ws.contract.task(name)
    snapshot, examples = ws.snapshot(), ExamplesArtifact.current(ws.store)
    with ws.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, snapshot.times, snapshot.plans[name])
    rows = prepared(task, rows, ws.settings.seed)
    rows = rows.take(np.flatnonzero(examples.locate(rows.entity, rows.cutoff) >= 0))
    target = rows.target.to_numpy().astype(float) if rows.target is not None else np.zeros(0)
    started = time.perf_counter()
    row_index = examples.locate(rows.entity, rows.cutoff)
    feature_sets = single_feature_sets(examples, Checkpoint(ws.store), row_index, task)
    keys = peer_keys(examples, row_index)
    seen = time.perf_counter()
    entity_index = events.entities.get_indexer(rows.entity.to_pandas())
    hand, _ = hand_features(events, entity_index, rows.cutoff)
    created = time.perf_counter()
    parts = [np.flatnonzero(rows.part == part) for part in ("train", "validation", "test")]
    known = known_before_test(rows, task.horizon)
    return Problem(
        task,
        rows,
        keys,
        entity_index,
        rows.cutoff,
        row_index,
        target,
        feature_sets,
        hand,
        *parts,
        known,
        seen - started,
        created - seen,
    )


def product_answers(
    problem: Problem, train: np.ndarray, validation: np.ndarray, seed: int, newest: np.ndarray | None = None
) -> tuple[str, dict[str, np.ndarray]]:
    """Name of what ships with these labels, and every candidate's answers to the test rows.

    With `newest`, candidates are fitted again on those rows after the choice, as the product does.
    """
    part = np.full(len(problem.target), "embargo", dtype="<U10")
    part[train], part[validation], part[problem.test] = "train", "validation", "test"
    labelled = np.isin(np.arange(len(part)), np.concatenate([train, validation, train if newest is None else newest]))
    rows = replace(problem.rows, part=part)
    feature_sets, _ = with_peers(problem.task, rows, problem.keys, problem.target, problem.feature_sets, labelled)
    known = train if newest is None else newest
    rows_read = aged(LabelledRows(problem.task, rows, feature_sets, problem.target, problem.entity), seed)
    chosen = select(rows_read, known, problem.test, seed, feature_sets.heads)
    return chosen.name, chosen.test.predictions


def baseline_answers(
    problem: Problem, train: np.ndarray, validation: np.ndarray, quick: bool, newest: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Answers to the test rows of hand-made features with tuned boosting, with a linear model, and of their mean.

    With `newest`, both are also fitted again on those rows with what was tuned.
    """
    return tuned_answers("hand", problem.hand, problem, (train, validation), problem.test, quick, newest)


def tuned_answers(
    name: str, values: np.ndarray, problem: Problem, given: tuple[np.ndarray, np.ndarray], requested: np.ndarray,
    quick: bool, newest: np.ndarray | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The same of any features (rows, features) and to any rows, learnt and tuned on two parts of the rows."""
    binary = problem.kind is TaskType.BINARY
    target = problem.target if binary else np.log1p(np.maximum(problem.target, 0))
    objective = "binary" if binary else "regression"
    parts = [(values[rows], target[rows]) for rows in given]
    boosted, linear = tuned_boosting(*parts, objective, quick), TunedLinear(objective).fit(*parts)
    asked_values = values[requested]
    result = _named(name, np.asarray(boosted.predict(asked_values)), linear.predict(asked_values))
    if newest is not None:
        data = values[newest], target[newest]
        again = np.asarray(refitted(boosted, data).predict(asked_values))
        result |= _named(f"refitted {name}", again, linear.refit(data).predict(asked_values))
    return result if binary else {method: np.expm1(answer) for method, answer in result.items()}


def _named(name: str, boosted: np.ndarray, linear: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name} LightGBM": boosted, f"{name} linear": linear, f"{name} mean": (boosted + linear) / 2}


def measure(
    problem: Problem, shares: tuple[float, ...], samples: int, seed: int, quick: bool
) -> tuple[dict[str, Any], dict[str, float]]:
    """The report of a task, and the seconds both sides took from views and features to all labels fitted."""
    generator = np.random.default_rng(seed)
    train, validation = problem.train, problem.validation
    started = time.perf_counter()
    selected, answers = product_answers(problem, train, validation, seed, problem.known)
    fitted = time.perf_counter()
    baselines = baseline_answers(problem, train, validation, quick, problem.known)
    seconds = {
        "product": fitted - started + problem.view_seconds,
        "baseline": time.perf_counter() - fitted + problem.hand_seconds,
    }
    draws = resamples(problem.entity[problem.test], 40 if quick else 200, seed)

    def of(answer: np.ndarray) -> Any:
        return lambda rows: problem.metric(problem.test[rows], answer[rows])

    everything = np.arange(len(problem.test))
    figures = {name: round(of(answer)(everything), 4) for name, answer in answers.items()}
    theirs = {name: round(of(answer)(everything), 4) for name, answer in baselines.items()}
    best = max(theirs, key=lambda name: theirs[name])
    curve: dict[str, dict[str, float]] = {}
    if "zero-shot" in figures:
        curve["0"] = {"shipped": figures["zero-shot"]}
    for share in shares:
        cells: list[tuple[float, float]] = []
        for _ in range(samples):
            few, subset = problem.draw(share, generator)
            name, result = product_answers(problem, few, subset, seed)
            other = baseline_answers(problem, few, subset, True)
            cells.append((of(result[name])(everything), max(of(answer)(everything) for answer in other.values())))
        chosen, best_of = np.mean(cells, axis=0)
        curve[f"{share:g}"] = {"shipped": round(float(chosen), 4), "best_baseline": round(float(best_of), 4)}
    curve["1"] = {"shipped": figures[selected], "best_baseline": theirs[best]}
    return {
        "metric": "auroc" if problem.kind is TaskType.BINARY else "r2_log",
        "shipped": figures[selected],
        "shipped_name": selected,
        "interval": interval(of(answers[selected]), draws),
        "candidates": figures,
        "baselines": theirs,
        "against_best_baseline": difference(of(answers[selected]), of(baselines[best]), draws),
        "labels": curve,
        "label_ratio": label_ratio(curve),
    }, seconds


def label_ratio(curve: dict[str, dict[str, float]]) -> float | None:
    """How many times the labels the best baseline needs for what ships with 1 %, between measured shares.

    None where it never gets there.
    """
    if "0.01" not in curve:
        return None
    wanted = curve["0.01"]["shipped"]
    points = [(float(share), cell["best_baseline"]) for share, cell in curve.items() if "best_baseline" in cell]
    points.sort()
    for (low, before), (high, after) in itertools.pairwise(points):
        if before >= wanted:
            return round(low / 0.01, 2)
        if after >= wanted:
            part = (wanted - before) / (after - before)
            return round(float(np.exp(np.log(low) + part * (np.log(high) - np.log(low)))) / 0.01, 2)
    return None
