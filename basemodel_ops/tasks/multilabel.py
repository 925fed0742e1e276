"""Which of many labels: pairs of (entity, label) in long format, boosted, beside the untouched checkpoint.

Where labels are few, each also has a model of its own, which reads all that is known of the entity.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.boosting.forest import Forest
from basemodel_ops.boosting.parameters import SHARED
from basemodel_ops.errors import DataError
from basemodel_ops.tasks.calibration import Calibration, load_calibration
from basemodel_ops.tasks.heads import State
from basemodel_ops.tasks.label_boosters import booster_name, fit_label_boosters
from basemodel_ops.tasks.metrics import Metrics, multilabel_metrics

PAIRS = 600_000
"""Pairs of (entity, label) that are learnt from, at most."""

ROUNDS, RATE = 60, 0.14
"""Of boosting."""

AT_ONCE = 4_096
"""Rows that the models of labels are asked about at once: they bound memory."""

CHECKPOINT, SEPARATE = "checkpoint", "separate"
"""The part of an answer that needs no label, and that of a model for each label."""


@dataclass(frozen=True)
class PairFeatureSets:
    """Features of every pair: `item_features` (rows, labels, features) is what the entity did with the label;
    `model_outputs` (rows, labels, learners) the foundation model's logits; `entity_features` (rows, features) is shared
    by all labels, `history` (rows, features) all that is known of the entity, None where labels are many."""

    item_features: np.ndarray
    model_outputs: np.ndarray
    entity_features: np.ndarray
    network_weight: float = 1.0
    """The network's share in the checkpoint's answer; the rest is that of the last of `learnt`, the boosters'."""
    history: np.ndarray | None = None

    @property
    def zero_shot(self) -> np.ndarray:
        """The checkpoint's own logits (rows, labels)."""
        if self.network_weight == 1.0:
            return self.model_outputs.mean(axis=2)
        return (
            self.network_weight * self.model_outputs[:, :, :-1].mean(axis=2)
            + (1 - self.network_weight) * self.model_outputs[:, :, -1]
        )

    def rows(self, chosen: np.ndarray) -> "PairFeatureSets":
        """The chosen rows."""
        history = None if self.history is None else self.history[chosen]
        return PairFeatureSets(
            self.item_features[chosen], self.model_outputs[chosen], self.entity_features[chosen], self.network_weight,
            history,
        )  # fmt: skip

    def of_label(self, rows: np.ndarray | slice, label: int) -> np.ndarray:
        """What the model of one label reads of some rows, float32 (rows, features)."""
        parts = [self.item_features[rows, label], self.model_outputs[rows, label], self.entity_features[rows]]
        history = [] if self.history is None else [self.history[rows]]
        return np.hstack([*parts, *history]).astype(np.float32)

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of `PARTS` that these allow."""
        return tuple(name for name, parts in PARTS.items() if self.history is not None or SEPARATE not in parts)

    def pairs(self, row: np.ndarray, label: np.ndarray, rate: np.ndarray, with_model_outputs: bool) -> np.ndarray:
        """Features of pairs, float32 (pairs, features)."""
        parts = [self.item_features[row, label], rate[label][:, None], self.entity_features[row]]
        return np.hstack([*parts, self.model_outputs[row, label]] if with_model_outputs else parts).astype(np.float32)

    def parts(self, rate: np.ndarray, with_model_outputs: bool) -> list[np.ndarray]:
        """Features of all pairs, float32, in parts that broadcast to (rows, labels, features)."""
        parts = [
            self.item_features,
            rate[None, :, None],
            self.entity_features[:, None],
            *([self.model_outputs] if with_model_outputs else []),
        ]
        return [part.astype(np.float32, copy=False) for part in parts]


@dataclass(frozen=True)
class PairModel:
    """A boosted model over pairs, or none: then the mean of the checkpoint's logits answers alone."""

    kind: str
    rate: np.ndarray  # (labels,) log base rates
    boosters: dict[str, lgb.Booster]
    calibration: Calibration | None = None
    """Of all pairs alike, so that no label's order changes."""

    def predict(self, feature_sets: PairFeatureSets) -> np.ndarray:
        """Probabilities (rows, labels)."""
        return predictions_of({self.kind: self}, feature_sets)[self.kind]

    @property
    def parts(self) -> tuple[str, ...]:
        """What its answer is the mean of: boosters, and `CHECKPOINT`."""
        return (*((CHECKPOINT,) if self.kind in UNTOUCHED else ()), *PARTS[self.kind])

    def boosted(self, name: str, feature_sets: PairFeatureSets) -> np.ndarray:
        """Probabilities (rows, labels) by the boosters of one part."""
        if name != SEPARATE:
            return self._forests[name].predict(*feature_sets.parts(self.rate, name == "boosted"))[:, :, 0]
        answers = np.tile(np.exp(self.rate), (len(feature_sets.item_features), 1))
        for label in range(len(self.rate)):
            name = booster_name(label)
            if name not in self.boosters:  # hardly anybody had it
                continue
            for low in range(0, len(answers), AT_ONCE):
                rows = slice(low, low + AT_ONCE)
                answers[rows, label] = self._of_label(name, feature_sets.of_label(rows, label))
        return answers

    def _of_label(self, name: str, features: np.ndarray) -> np.ndarray:
        """Probabilities (rows,) by the model of a label, of what it reads."""
        expected = self.boosters[name].num_feature()
        if features.shape[1] != expected:
            raise DataError(
                f"The model learnt from {expected} features and rows have {features.shape[1]}: an older version "
                "fitted it. Run `basemodel train`."
            )
        return self._forests[name].predict(features)[:, 0]

    @cached_property
    def _forests(self) -> dict[str, Forest]:
        return {name: Forest.of([booster]) for name, booster in self.boosters.items()}

    def state(self) -> State:
        """Arrays and texts from which `restore` makes the model again."""
        arrays = {} if self.calibration is None else self.calibration.arrays()
        return {"rate": self.rate, **arrays}, {
            name: booster.model_to_string() for name, booster in self.boosters.items()
        }

    @classmethod
    def restore(cls, kind: str, state: State) -> "PairModel":
        """The inverse of `state`."""
        boosters = {name: lgb.Booster(model_str=text) for name, text in state[1].items()}
        calibration = load_calibration(state[0])
        return cls(kind, state[0]["rate"], boosters, calibration if isinstance(calibration, Calibration) else None)

    def calibrated(self, feature_sets: "PairFeatureSets", target: np.ndarray, entity: np.ndarray) -> "PairModel":
        """This model with what its answers are worth on later rows; target (rows, labels) bool, entity (rows,)."""
        predicted = replace(self, calibration=None).predict(feature_sets)
        entity = np.repeat(entity, target.shape[1])
        calibration = Calibration.fit(predicted.ravel(), target.ravel().astype(float), entity=entity)
        return replace(self, calibration=calibration)


def predictions_of(models: dict[str, PairModel], feature_sets: PairFeatureSets) -> dict[str, np.ndarray]:
    """Probabilities (rows, labels) of every model of one fit; a booster that several share is asked once."""
    model_of = {part: model for model in models.values() for part in PARTS[model.kind]}
    probabilities = {part: model.boosted(part, feature_sets) for part, model in model_of.items()}
    probabilities[CHECKPOINT] = 1 / (1 + np.exp(-feature_sets.zero_shot))
    results = {}
    for name, model in models.items():
        mean = np.mean([probabilities[part] for part in model.parts], axis=0)
        results[name] = mean if model.calibration is None else model.calibration.apply(mean)
    return results


PARTS = {
    "baseline": ("baseline",), "zero-shot": (), "boosted": ("boosted",), "blend": ("boosted",),
    SEPARATE: (SEPARATE,), "separate blend": (SEPARATE, "boosted"),
}  # fmt: skip
"""Candidates, and the boosted parts of the answer of each."""

UNTOUCHED = ("zero-shot", "blend", "separate blend")
"""Candidates that the checkpoint's own answer is a part of."""


def _boost(
    feature_sets: PairFeatureSets, target: np.ndarray, rate: np.ndarray, with_model_outputs: bool, seed: int
) -> lgb.Booster:
    generator = np.random.default_rng(seed)
    chosen = generator.choice(target.size, min(PAIRS, target.size), replace=False)
    row, label = np.divmod(np.sort(chosen), target.shape[1])
    settings = {
        **SHARED, "objective": "binary", "learning_rate": RATE, "num_leaves": 31, "min_data_in_leaf": 100,
        "seed": seed, "num_threads": 2, "feature_fraction": 0.4, "lambda_l2": 20.0, "max_bin": 63,
    }  # fmt: skip
    data = lgb.Dataset(feature_sets.pairs(row, label, rate, with_model_outputs), target[row, label])
    return lgb.train(settings, data, num_boost_round=ROUNDS)


def fit_pairs(
    names: tuple[str, ...], feature_sets: PairFeatureSets, target: np.ndarray, seed: int
) -> dict[str, PairModel]:
    """The named candidates, fitted on the rows; target (rows, labels) bool."""
    rate = np.log(target.mean(axis=0) + 1e-5)
    needed = {part for name in names for part in PARTS[name]}
    boosters = {
        part: fit_label_boosters(feature_sets.of_label, target, seed)
        if part == SEPARATE
        else {part: _boost(feature_sets, target, rate, part == "boosted", seed)}
        for part in sorted(needed)
    }
    return {
        name: PairModel(name, rate, {k: v for part in PARTS[name] for k, v in boosters[part].items()}) for name in names
    }


def choose_pairs(
    candidates: dict[str, PairModel], feature_sets: PairFeatureSets, target: np.ndarray
) -> tuple[str, Metrics]:
    """Name of the best candidate on validation rows, and the metrics of all."""
    metrics = {
        name: multilabel_metrics(target, prediction)
        for name, prediction in predictions_of(candidates, feature_sets).items()
    }
    return max(metrics, key=lambda name: metrics[name]["macro_auroc"]), metrics
