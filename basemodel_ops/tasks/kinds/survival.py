"""Time to the next event, censored where it was not seen: the answer is the hazard of each period.

Heads learn discrete-time hazards: every period in which a row was at risk is a row of its own that says whether the
event came in it (Singer and Willett 1993). So what is censored is learnt from as far as it was seen.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Task
from basemodel_ops.tasks.calibration import Calibration
from basemodel_ops.tasks.draws import SURE, EntityDraws
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.kinds.base import Learner, TaskKind, Weight
from basemodel_ops.tasks.losses import LEAST_CHANCE, MixtureLoss, log_loss
from basemodel_ops.tasks.metrics import Measure
from basemodel_ops.tasks.separation import class_separations
from basemodel_ops.tasks.survival import (
    PERIODS,
    SOON,
    PersonPeriods,
    concordance,
    hazards,
    integrated_brier,
    is_observed,
    known_by,
    survival,
)

SAMPLES = 50
"""Draws of entities by which an interval is found."""

WITHIN_HORIZON = PERIODS // 3
"""Periods of the horizon; the others share what lies beyond it."""


def windows(task: Task) -> tuple[int, ...]:
    """Days within which the chance of the event is answered: the horizon, and those beyond it."""
    horizon = task.horizon or 1
    return (horizon, *(task.within or (2 * horizon, 3 * horizon)))


def ends(task: Task) -> np.ndarray:
    """Days at which the periods begin and the last one ends, (PERIODS + 1,)."""
    horizon, *beyond = windows(task)
    share = np.linspace(0, len(beyond), PERIODS - WITHIN_HORIZON + 1)
    later = np.interp(share, np.arange(len(beyond) + 1), [horizon, *beyond])
    return np.concatenate([np.linspace(0, horizon, WITHIN_HORIZON + 1), later[1:]])


def in_periods(task: Task, days: np.ndarray) -> np.ndarray:
    """Days after the cutoff (rows,) as a number of periods; beyond the last, in periods as long as it."""
    edges = ends(task)
    beyond = np.maximum(days - edges[-1], 0) / (edges[-1] - edges[-2])
    return np.interp(days, edges, np.arange(PERIODS + 1)) + beyond


def _concordance(target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> float:
    """Concordance of the expected times; rows speak of one each."""
    return concordance(target, survival(prediction).sum(axis=1))


def _integrated_brier(target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> float:
    """The Brier score over the periods; rows speak of one each."""
    return integrated_brier(target, survival(prediction))


class Survival(TaskKind):
    """Targets are signed times in periods (`tasks.survival`), answers hazards (rows, PERIODS)."""

    measures: Mapping[str, Measure] = {"concordance": _concordance, "integrated_brier": _integrated_brier}

    def read(self, task: Task, target: pa.ChunkedArray) -> tuple[np.ndarray, list[str] | None]:
        """Signed days as signed periods."""
        days, _ = super().read(task, target)
        time = np.maximum(in_periods(task, np.abs(days)), SOON)
        return np.where(np.signbit(days), -time, time), None

    def separations(self, inputs: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """By order, those whose event came within the horizon against all others."""
        return class_separations(inputs, self.of_peers(target), [1])

    def average(self, target: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
        """The hazards of all."""
        return tuple(hazards(target, weight).tolist())

    def of_peers(self, target: np.ndarray) -> np.ndarray:
        """Whether the event came within the horizon, which is known when that is over."""
        return (is_observed(target) & (target <= WITHIN_HORIZON)).astype(float)

    def known_by(self, task: Task, target: np.ndarray, days: np.ndarray) -> np.ndarray:
        """What came later is censored there."""
        return known_by(target, in_periods(task, np.maximum(days, 0)))

    def fit(self, head: Learner, features: np.ndarray, target: np.ndarray, weight: Weight) -> None:
        """Learn from every period in which a row was at risk."""
        at = PersonPeriods.of(target)
        at_risk = at.share if weight is None else at.share * weight[at.row]
        head.fit(_in_period(features[at.row], at.period), at.happened, at_risk)

    def predict(self, head: Learner, features: np.ndarray) -> np.ndarray:
        """The hazard of each period."""
        periods = [np.full(len(features), period) for period in range(PERIODS)]
        return np.stack([head.predict(_in_period(features, period)) for period in periods], axis=1)

    def loss(
        self, metric: str, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray
    ) -> MixtureLoss:
        """Log loss of the hazards of the periods in which rows were at risk."""
        at = PersonPeriods.of(target)
        at_risk = weight[at.row] * at.share
        rate = np.clip(hazards(target, weight), LEAST_CHANCE, 1 - LEAST_CHANCE)
        constant = log_loss(rate[at.period], at.happened)[0]
        hazard = np.stack([prediction[at.row, at.period] for prediction in predictions])
        return MixtureLoss(log_loss, hazard, at.happened, at_risk / (at_risk @ constant))

    def calibrate(
        self, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray, entity: np.ndarray
    ) -> Calibration:
        """A rising map of the hazard, the same for all periods."""
        at = PersonPeriods.of(target)
        hazard, at_risk = np.concatenate(predictions)[at.row, at.period], weight[at.row] * at.share
        return Calibration.fit(hazard, at.happened, at_risk, entity[at.row])

    def bounds(
        self, target: np.ndarray, prediction: np.ndarray, entity_index: np.ndarray, weight: Weight, seed: int
    ) -> dict[str, float]:
        """Between which concordances that of these answers lies, 95 of 100 times."""
        draws, generator = EntityDraws(entity_index), np.random.default_rng(seed)
        rows = [draws.rows(generator) for _ in range(SAMPLES)]
        error = SURE * float(np.nanstd([_concordance(target[drawn], prediction[drawn]) for drawn in rows]))
        value = _concordance(target, prediction)
        return {"concordance_low": value - error, "concordance_high": min(value + error, 1.0)}

    def columns(self, task: Task) -> list[pa.Field]:
        """The expected days, and the chance of the event within each window."""
        names = ["expected_days", *(f"within_{days}_days" for days in windows(task))]
        return [pa.field(name, pa.float64()) for name in names]

    def cells(
        self, task: Task, prediction: np.ndarray, classes: list[str] | None, interval: Interval | None
    ) -> list[pa.Array]:
        """What stands in these columns."""
        # Within a period the hazard stays the same, so the logarithm of the chance falls in a line.
        log = np.log(np.maximum(_from_start(prediction), np.finfo(float).tiny))
        indices = in_periods(task, np.array(windows(task), float))
        low = np.minimum(indices.astype(int), PERIODS - 1)
        part = indices - low
        chances = 1 - np.exp(log[:, low] * (1 - part) + log[:, low + 1] * part)
        return [pa.array(self.explained(task, prediction)), *(pa.array(column) for column in chances.T)]

    def labels(self, target: np.ndarray, recorded: pa.ChunkedArray | None) -> dict[str, pa.Array]:
        """Days, negative where the event was not seen by then."""
        return super().labels(target, recorded) if recorded is None else {"label": recorded.combine_chunks()}

    def explained(self, task: Task, prediction: np.ndarray) -> np.ndarray:
        """Days until the event is expected, of which those beyond the last window count as it: its restricted mean."""
        chance = _from_start(prediction)
        return ((chance[:, 1:] + chance[:, :-1]) / 2) @ np.diff(ends(task))


def _from_start(prediction: np.ndarray) -> np.ndarray:
    """The chance of no event by the beginning of the first period and the end of each, (rows, PERIODS + 1)."""
    return np.pad(survival(prediction), ((0, 0), (1, 0)), constant_values=1.0)


def _in_period(features: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Features with the number of the period beside them, and whether it is each, float32."""
    about = np.column_stack([period, period[:, None] == np.arange(PERIODS)])
    return np.hstack([features, about.astype(np.float32)])


KIND = Survival()
