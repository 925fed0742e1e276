"""What each feature adds to the answer of a mixture's boosted heads: exact Shapley values of their trees.

Trees add up in their raw score, where tree SHAP is exact (Lundberg et al. 2020). What follows them, the link of a
model, the mean of models and heads, and calibration, is gone along on the straight line from what the trees say on
average to what they say here (Aumann and Shapley 1974): so the values sum to what the answer moves, in its own unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from basemodel_ops.tasks.boosted_head import BoostedHead
from basemodel_ops.tasks.calibration import LEAST_OF_CLASS, ClassCalibration
from basemodel_ops.tasks.feature_sets import FEATURE_SETS, FeatureSets
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.links import NODES, WEIGHTS
from basemodel_ops.tasks.single import Mixture, predictions_of, recipes_of

PARTS = ("aggregates", "model_outputs", "items")
"""Parts of views, side by side, whose features have values here."""

ROWS = 64
"""Rows worked on at once: of many classes each has a value per class and feature."""


@dataclass(frozen=True)
class Attribution:
    """Of rows: what every feature of `PARTS` adds, (rows, features), and the answers that they lie between, (rows,).

    A row of `values` sums to `score - expected`.
    """

    values: np.ndarray
    score: np.ndarray
    expected: np.ndarray
    """The answer were the trees to say what they say on average; the other heads say what they say."""


def attributed(mixture: Mixture, feature_sets: FeatureSets, chosen: np.ndarray) -> Attribution | None:
    """What features add to an answer, or to the chance of the `chosen` class, (rows,); None without boosted heads."""
    boosted = {name: head for name, head in mixture.heads.items() if isinstance(head, BoostedHead)}
    boosted = {name: head for name, head in boosted.items() if name in mixture.weights}
    if not boosted:
        return None
    parts = [
        _attributed(mixture, boosted, feature_sets.rows(rows), chosen[rows])
        for rows in np.split(np.arange(len(chosen)), range(ROWS, len(chosen), ROWS))
    ]
    return Attribution(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "score", "expected"))
    )


def _attributed(
    mixture: Mixture, boosted: dict[str, BoostedHead], feature_sets: FeatureSets, chosen: np.ndarray
) -> Attribution:
    kind, rows, total = kind_of(mixture.kind), np.arange(len(chosen)), sum(mixture.weights.values())
    predictions = predictions_of(mixture.kind, {name: mixture.heads[name] for name in mixture.weights}, feature_sets)
    expected, starts = dict(predictions), _starts(feature_sets)
    outputs = max(prediction.shape[1] for prediction in predictions.values()) if kind.has_many_outputs else 1
    values = np.zeros((len(rows), outputs, starts["end"]))
    for name, head in boosted.items():
        feature_set = recipes_of(mixture.kind)[name][1]
        contributions = head.contributions(
            feature_sets.columns_of(feature_set, head.columns)
        )  # (rows, members, outputs, features + 1)
        base, raw = contributions[..., -1], contributions.sum(axis=3)
        base_output, slopes = kind.link(base, raw)
        mean = base_output.mean(axis=1)
        expected[name] = kind.inverse_transform(mean if kind.has_many_outputs else mean[:, 0])
        contribution = np.einsum("rmck,rmkf->rcf", slopes, contributions[..., :-1]) / contributions.shape[1]
        at = np.concatenate(
            [starts[part] + np.arange(getattr(feature_sets, part).shape[1]) for part in FEATURE_SETS[feature_set]]
        )
        at = at if head.columns is None else at[head.columns]
        values[:, : contribution.shape[1], at] += mixture.weights[name] / total * contribution
    full, before = mixture.blend(predictions), mixture.blend(expected)
    if not kind.has_many_outputs:
        moved = values[:, 0].sum(axis=1)
        # One number is a rising map of the mean: a single slope leads from what is usual to what is answered.
        slope = np.divide(full - before, moved, out=np.zeros(len(rows)), where=np.abs(moved) > 1e-12)
        return Attribution(values[:, 0] * slope[:, None], full, before)
    start, end = (_mean(mixture.weights, expected, outputs) for expected in (expected, predictions))
    slopes = _calibrated(mixture.calibration, start, end, chosen)
    return Attribution(np.einsum("rk,rkf->rf", slopes, values), full[rows, chosen], before[rows, chosen])


def _starts(feature_sets: FeatureSets) -> dict[str, int]:
    """Where each of `PARTS` begins, and `end`."""
    widths = [0 if getattr(feature_sets, part) is None else getattr(feature_sets, part).shape[1] for part in PARTS]
    return dict(zip((*PARTS, "end"), np.cumsum([0, *widths]).tolist(), strict=True))


def _mean(shares: Mapping[str, float], predictions: dict[str, np.ndarray], outputs: int) -> np.ndarray:
    """The weighted mean of chances of classes, (rows, outputs)."""
    padded = [np.pad(predictions[name], ((0, 0), (0, outputs - predictions[name].shape[1]))) for name in shares]
    return np.average(padded, axis=0, weights=list(shares.values()))


def _calibrated(calibration: object, before: np.ndarray, after: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean slopes of the calibrated chance of the chosen class by the chance of each, (rows, classes)."""
    rows, entry = np.arange(len(chosen)), np.eye(before.shape[1])[chosen]
    if not isinstance(calibration, ClassCalibration):
        return entry
    slopes = np.zeros(before.shape)
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        mean = before + node * (after - before)
        chance = calibration.apply(mean)[:, : before.shape[1]]
        its_chance = chance[rows, chosen][:, None]
        rises = np.where(mean > LEAST_OF_CLASS, calibration.slope / np.maximum(mean, LEAST_OF_CLASS), 0)
        slopes += weight * its_chance * (entry - chance) * rises
    return slopes
