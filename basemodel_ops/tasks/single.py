"""Tasks with one answer per entity: binary, regression, multiclass."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from basemodel_ops.contract.task_types import FORMS
from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.blending import blend
from basemodel_ops.tasks.boosted_head import RATE, ROUNDS, SHARP, SMOOTH, BoostedHead, rows_share
from basemodel_ops.tasks.calibration import Calibration, ClassCalibration, load_calibration
from basemodel_ops.tasks.class_rates import ClassRatesHead
from basemodel_ops.tasks.feature_sets import RECIPES, FeatureSets
from basemodel_ops.tasks.heads import Head, LinearHead, State, TermHead, ZeroShotHead
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.levelled_head import LevelledHead

NUMBERS, LEAST_ROWS = 10_000_000, 4_000
"""Rows times features that a boosted head learns from, at most; and rows at least."""

FEW_ROWS = 2_000
"""Rows below which a boosted head learns in half the rounds, and its leaves may be small."""

MILD = 0.05
"""Strength of a linear head whose difference to another counts: noise of both adds up in it."""

LEAST_FEATURES, QUICK = 128, 4
"""Features that a boosted head reads where all of them would leave it few rows, at least: those that tell most to a
model so many times quicker."""

SIDE_BY_SIDE = 2
"""Heads that learn at once, each on one thread: LightGBM holds one number of threads for the whole process, and writes
past its buffers where another model changes it meanwhile."""

NUMBER_WEIGHTS = {"sharp": 0.5, "newest": 0.25, "linear": 2.0, "bold": 2.0, "mild linear": 2.0}
"""Of these numbers, for heads that take longer or less."""


def recipes_of(kind: TaskType) -> Mapping[str, tuple[str, str]]:
    """The candidates of a type of task."""
    return kind_of(kind).recipes or RECIPES


@dataclass(frozen=True)
class Mixture:
    """Heads by name, the share of each in the answer, and what the answer is worth as a probability."""

    kind: TaskType
    weights: Mapping[str, float]
    heads: Mapping[str, Head]
    calibration: Calibration | ClassCalibration | None = None

    def predict(self, feature_sets: FeatureSets) -> np.ndarray:
        """The calibrated answer in the target's own unit."""
        return self.blend(predictions_of(self.kind, {name: self.heads[name] for name in self.weights}, feature_sets))

    def blend(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        """The calibrated answer out of those of the heads."""
        mean = blend(self.kind, self.weights, predictions)
        return mean if self.calibration is None else self.calibration.apply(mean)


def predictions_of(kind: TaskType, heads: Mapping[str, Head], feature_sets: FeatureSets) -> dict[str, np.ndarray]:
    """What every head answers, in the target's own unit."""
    predict, recipes = kind_of(kind).predict, recipes_of(kind)
    return {
        name: predict(head, feature_sets.columns_of(recipes[name][1], head.columns)) for name, head in heads.items()
    }


def _head(recipe: str, kind: TaskType, rows: int, seed: int, is_raw: bool = False, metric: str = "") -> Head:
    def make(recipe: str, kind: TaskType) -> Head:
        return _recipe_head(recipe, kind, rows, seed, is_raw, metric)

    return kind_of(kind).head(recipe, make, kind)


def _recipe_head(recipe: str, kind: TaskType, rows: int, seed: int, is_raw: bool, metric: str) -> Head:
    if recipe == "given":
        return ZeroShotHead()
    if recipe in ("linear", "bold"):
        # Of thousands of numbers some data are told by few, others by many: both are tried.
        return LinearHead(kind, strength=0.1 if is_raw and recipe == "linear" else 1.0)
    if recipe == "tf-idf":
        return TermHead(kind)
    if recipe == "class rates":
        return ClassRatesHead()
    if recipe == "mild linear":
        return LinearHead(kind, strength=MILD)
    objective = kind_of(kind).objective_for(metric)
    style, least = (SHARP, 20) if recipe in ("sharp", "newest") else (SMOOTH, 100)
    if recipe == "mild boosted":
        return BoostedHead(kind, 50, seed, RATE / 2, 20 if rows < FEW_ROWS else least, objective, style)
    of = LevelledHead if recipe == "levelled" else BoostedHead
    if rows < FEW_ROWS:
        return of(kind, rounds=50, seed=seed, rate=0.1, least=20, objective=objective, style=style)
    return of(kind, ROUNDS, seed, RATE, least, objective, style)


def fit_heads(
    kind: TaskType,
    feature_sets: FeatureSets,
    target: np.ndarray,
    seed: int,
    names: Iterable[str] | None = None,
    metric: str = "",
    numbers: int = NUMBERS,
) -> dict[str, Head]:
    """Every head that the views allow, or those of `names`, fitted on the rows for a metric.

    Heads learn from about `numbers`, rows times features.
    """
    recipes = recipes_of(kind)

    def fit(name: str) -> Head:
        recipe, feature_set = recipes[name]
        head = _head(recipe, kind, len(target), seed, feature_sets.is_raw, metric)
        share = rows_share(kind, target, head.rounds) if isinstance(head, BoostedHead) else 1.0
        most = int(numbers * share * NUMBER_WEIGHTS.get(recipe, 1)) // FORMS[kind].rows_each
        width = feature_sets.width(feature_set)
        if isinstance(head, BoostedHead) and recipe == "newest":
            head.columns, head.categories = feature_sets.newest, feature_sets.categories
        elif isinstance(head, BoostedHead) and len(target) * width > most and width > LEAST_FEATURES:
            quick = head.quick(QUICK)
            _learn(quick, kind, feature_sets, feature_set, target, most // QUICK, seed)
            most_important = max(most // len(target), LEAST_FEATURES)
            head.columns = np.sort(np.argsort(-quick.importance[:width], kind="stable")[:most_important])
        _learn(head, kind, feature_sets, feature_set, target, most, seed)
        return head

    wanted = feature_sets.heads_of(recipes) if names is None else list(names)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return dict(zip(wanted, pool.map(fit, wanted), strict=True))


def _learn(
    head: Head, kind: TaskType, feature_sets: FeatureSets, feature_set: str, target: np.ndarray, numbers: int, seed: int
) -> None:
    """Fit a head on all rows, or on as many as `numbers` allows."""
    width = feature_sets.width(feature_set) if head.columns is None else len(head.columns)
    most = max(numbers // max(width, 1), LEAST_ROWS)
    if len(target) > most:
        rows = np.sort(np.random.default_rng((seed, 5)).choice(len(target), most, replace=False))
        feature_sets, target = feature_sets.rows(rows), target[rows]
    kind_of(kind).fit(head, feature_sets.columns_of(feature_set, head.columns), target, feature_sets.learning_weight)


def save_mixture(mixture: Mixture) -> State:
    """All heads, shares and the calibration as arrays and texts, named head.name."""
    arrays: dict[str, np.ndarray] = {"shares": np.array(list(mixture.weights.values()))}
    texts: dict[str, str] = {}
    for part in mixture.weights:
        more_arrays, more_texts = mixture.heads[part].state()
        arrays |= {f"{part}.{name}": np.asarray(value) for name, value in more_arrays.items()}
        texts |= {f"{part}.{name}": value for name, value in more_texts.items()}
    if mixture.calibration is not None:
        arrays |= {f"calibration.{name}": values for name, values in mixture.calibration.arrays().items()}
    return arrays, texts


def load_mixture(kind: TaskType, names: Sequence[str], state: State) -> Mixture:
    """The inverse of `save_mixture`, of the heads `names` in the order of their shares."""
    heads: dict[str, Head] = {}
    for part in names:
        head_state = tuple(
            {k.removeprefix(f"{part}."): v for k, v in s.items() if k.startswith(f"{part}.")} for s in state
        )
        heads[part] = _head(recipes_of(kind)[part][0], kind, FEW_ROWS, 0).restore(head_state)  # type: ignore[arg-type]
    calibration = {key.removeprefix("calibration."): v for key, v in state[0].items() if key.startswith("calibration.")}
    weights = dict(zip(names, state[0]["shares"].tolist(), strict=True))
    return Mixture(kind, weights, heads, load_calibration(calibration))
