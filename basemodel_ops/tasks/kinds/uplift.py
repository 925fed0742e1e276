"""What a treatment changes: answers are the chances of the outcome without it and with it, their difference the score.

Two ways to learn it, of every view of the features that the heads of a chance read: a model of the untreated and one of
the treated (T-learner; Künzel et al. 2019), and a model of the transformed outcome, whose mean is the effect itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.tasks.curves import auroc
from basemodel_ops.tasks.draws import SURE
from basemodel_ops.tasks.effect_heads import Part, TransformedOutcome, TwoModels
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.kinds.base import FeatureView, TaskKind, Weight
from basemodel_ops.tasks.losses import MixtureLoss, squared
from basemodel_ops.tasks.metrics import Measure
from basemodel_ops.tasks.separation import class_separations
from basemodel_ops.tasks.uplift import (
    effect_of,
    is_treated,
    outcome_of,
    qini,
    qini_samples,
    target_of,
    transformed_outcome,
)

MOST_AUROC = 0.95
"""Of the treatment of validation rows, foreseen from their history, from which on nothing can be compared."""

OVERLAP, LEAST_OVERLAP = 0.01, 0.5
"""Chances of the treatment, and of none, by which a row has others to be compared with; and the share of such rows."""

ROWS = 20_000
"""Rows of a part that this is found by, at most."""

FEWEST = 20
"""Rows of either, treated or not, that a part has at least."""

TRANSFORMED = "transformed "
"""How recipes of the transformed outcome begin."""


class HeldOutPredictions(Protocol):
    """Answers of several heads to rows later than those that they had learnt from (`tasks.blending.Trial`)."""

    predictions: dict[str, np.ndarray]
    target: np.ndarray
    entity_index: np.ndarray
    weight: np.ndarray | None


def _qini(target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> float:
    """The Qini coefficient; `prediction` may be the effects alone, (rows,)."""
    return qini(target, prediction if prediction.ndim == 1 else effect_of(prediction), weight)


class Uplift(TaskKind):
    """Targets are outcomes, and 2 more of the treated (`tasks.uplift`); answers chances without and with, (rows, 2)."""

    measures: Mapping[str, Measure] = {"qini": _qini}
    recipes: Mapping[str, tuple[str, str]] = {
        "linear": ("mild linear", "model_outputs"),
        "baseline": ("boosted", "aggregates"),
        "linear items": ("mild linear", "model_outputs_and_items"),
        "boosted items": ("mild boosted", "all"),
        "transformed items": ("transformed mild boosted", "all"),
    }

    def head(self, recipe: str, make: Callable[[str, TaskType], Any], kind: TaskType) -> Any:
        """Two models of the recipe, or one of the transformed outcome."""
        learner = recipe.removeprefix(TRANSFORMED)

        def part(of: TaskType) -> Part:
            return make(learner, of)

        return TwoModels(part) if recipe == learner else TransformedOutcome(part)

    def refusal(
        self, task: Task, features: FeatureView, names: Sequence[str], target: np.ndarray,
        parts: Mapping[str, np.ndarray], make: Callable[[], Any], seed: int,
    ) -> str:  # fmt: skip
        """That in some part nobody, or everyone, was treated, or that the history tells who was."""
        treated = is_treated(target).astype(float)
        for name, rows in parts.items():
            count = int(treated[rows].sum())
            if min(count, len(rows) - count) < FEWEST:
                return (
                    f"Of {len(rows)} {name} rows of {task.name}, {task.treatment} is 1 in {count}: an effect is a "
                    f"comparison, and needs {FEWEST} rows of either in every part. Keep rows of people who were not "
                    "treated (a control group), widen the population, start the grid earlier, or ask a `binary` task."
                )
        for which, rows in (("1", treated == 1), ("0", treated == 0)):
            outcome = outcome_of(target)[parts["train"]][rows[parts["train"]]]
            if len(np.unique(outcome)) < 2:
                return (
                    f"{task.target} of {task.name} is {outcome[0]:g} in all {len(outcome)} training rows whose "
                    f"{task.treatment} is {which}: the effect is then what the others answer. Ask a `binary` task of "
                    "these, or widen the population."
                )
        return _predictable_treatment(task, features, names, treated, parts, make(), seed)

    def separations(self, inputs: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """By order, of the outcome."""
        return class_separations(inputs, outcome_of(target), [1])

    def average(self, target: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
        """The shares of the untreated and of the treated who said yes."""
        of = [~is_treated(target), is_treated(target)]
        return tuple(float(np.average(outcome_of(target)[rows], weights=weight[rows])) for rows in of)

    def of_peers(self, target: np.ndarray) -> np.ndarray:
        """The outcome."""
        return outcome_of(target)

    def loss(
        self, metric: str, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray
    ) -> MixtureLoss:
        """The squared distance of effects to the transformed outcome, by the shares of the treated and of a yes."""
        rates = [float(np.average(values, weights=weight)) for values in (is_treated(target), outcome_of(target))]
        transformed = np.zeros(len(target))
        if 0 < rates[0] < 1:
            transformed = transformed_outcome(target, *(np.array(rate) for rate in rates))
        constant = float(weight @ (transformed - np.average(transformed, weights=weight)) ** 2)
        # Where nobody, or everyone, was treated or said yes, no answer is better than another.
        weight = weight / constant if constant > 0 else np.zeros(len(target))
        return MixtureLoss(
            squared, np.stack([effect_of(prediction) for prediction in predictions]), transformed, weight
        )

    def settle(
        self, weights: Mapping[str, float], trials: Sequence[HeldOutPredictions], faded: np.ndarray
    ) -> dict[str, float]:
        """The two models, those of the transformed outcome, or both, each with the shares that the loss found: the
        first of these whose Qini coefficient is within a standard error of the best's, over all trials in which it can
        be measured, each of its weight `faded`."""
        transformed = [name for name in weights if self.recipes[name][0].startswith(TRANSFORMED)]
        untransformed = [name for name in weights if name not in transformed]
        if not (untransformed and transformed):
            return dict(weights)
        options = [_shares(weights, names) for names in (untransformed, transformed, list(weights))]
        total, variance = np.zeros(len(options)), np.zeros((len(options), len(options)))
        measured = 0.0
        for trial, share in zip(trials, faded, strict=True):
            effects = np.stack(
                [
                    effect_of(self.blend([trial.predictions[name] for name in option], list(option.values())))
                    for option in options
                ]
            )
            values = np.array([qini(trial.target, effect, trial.weight) for effect in effects])
            if not np.isfinite(values).all():
                continue
            measured += share
            total += share * values
            drawn = qini_samples(trial.target, effects, trial.entity_index, trial.weight, seed=0)
            variance += share**2 * np.var(drawn[:, :, None] - drawn[:, None], axis=0)
        if not measured:
            return options[0]
        total, variance = total / measured, variance / measured**2
        best = int(total.argmax())
        return next(
            option
            for option, value, error in zip(options, total, np.sqrt(variance[best]), strict=True)
            if value >= total[best] - error
        )

    def calibrate(
        self, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray, entity: np.ndarray
    ) -> None:
        """Nothing: an effect is no chance."""

    def bounds(
        self, target: np.ndarray, prediction: np.ndarray, entity_index: np.ndarray, weight: Weight, seed: int
    ) -> dict[str, float]:
        """Between which Qini coefficients that of these answers lies, 95 of 100 times; random is 0."""
        effect = effect_of(prediction)
        error = SURE * float(np.std(qini_samples(target, effect[None], entity_index, weight, seed)))
        value = qini(target, effect, weight)
        return {"qini_low": value - error, "qini_high": value + error}

    def columns(self, task: Task) -> list[pa.Field]:
        """The effect, and the chances without and with the treatment."""
        return [pa.field(name, pa.float64()) for name in ("score", "without_treatment", "with_treatment")]

    def cells(
        self, task: Task, prediction: np.ndarray, classes: list[str] | None, interval: Interval | None
    ) -> list[pa.Array]:
        """What stands in these columns."""
        return [pa.array(effect_of(prediction)), *(pa.array(column) for column in prediction.T)]

    def explained(self, task: Task, prediction: np.ndarray) -> np.ndarray:
        """The effect."""
        return effect_of(prediction)

    def labels(self, target: np.ndarray, recorded: pa.ChunkedArray | None) -> dict[str, pa.Array]:
        """The outcome and the treatment."""
        return {"label": pa.array(outcome_of(target)), "treatment": pa.array(is_treated(target).astype(float))}

    def recorded_target(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of the outcome and the treatment."""
        return target_of(columns["label"], columns["treatment"])


def _shares(weights: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """The shares of some heads among themselves."""
    total = sum(weights[name] for name in names)
    return {name: round(weights[name] / total, 3) for name in names}


def _predictable_treatment(
    task: Task, features: FeatureView, names: Sequence[str], treated: np.ndarray, parts: Mapping[str, np.ndarray],
    head: Any, seed: int,
) -> str:  # fmt: skip
    """That the history tells who was treated, so that nobody is there to be compared with."""
    generator = np.random.default_rng(seed)
    train, validation = (generator.permutation(parts[name])[:ROWS] for name in ("train", "validation"))
    head.fit(features.rows(train).columns_of("history"), treated[train])
    propensity = head.predict(features.rows(validation).columns_of("history"))
    area = auroc(treated[validation], propensity)
    overlap = float(np.mean((propensity >= OVERLAP) & (propensity <= 1 - OVERLAP)))
    if area < MOST_AUROC and overlap >= LEAST_OVERLAP:
        return ""
    return (
        f"{task.treatment} of {task.name} follows from the history: it is foreseen with an AUROC of {area:.3f} "
        f"(below {MOST_AUROC:g} is needed), most by {names[int(head.importance.argmax())]}, and {overlap:.0%} of the "
        f"validation rows have a chance of it between {OVERLAP:.0%} and {1 - OVERLAP:.0%} (at least "
        f"{LEAST_OVERLAP:.0%} is needed). Who would be treated, and who not, cannot be compared. Treat some at random, "
        "leave those out of the population who always or never are, give columns that record the treatment itself the "
        "type `ignore`, or ask a `binary` task."
    )


KIND = Uplift()
