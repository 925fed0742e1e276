"""Tasks with one answer per entity: binary, regression, multiclass."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import Metric, TaskType
from basemodel_ops.encoders.numbers import squash, unsquash
from basemodel_ops.tasks.calibration import Calibration, ClassCalibration, load_calibration
from basemodel_ops.tasks.choosing import FEW
from basemodel_ops.tasks.heads import RATE, ROUNDS, SHARP, SMOOTH, BoostedHead, GivenHead, Head, LinearHead, State

RECIPES: dict[str, tuple[str, str]] = {
    "zero-shot": ("given", "answer"),
    "linear": ("linear", "learnt"),
    "baseline": ("boosted", "automatic"),
    "boosted": ("boosted", "both"),
    "linear items": ("linear", "learnt_and_items"),
    "boosted items": ("boosted", "all"),
    "sharp items": ("sharp", "items"),
}
"""Name of a candidate: the head and the view of the features. Blends are means of these."""

VIEWS = {
    "automatic": ("automatic",), "learnt": ("learnt",), "answer": ("answer",), "items": ("items",),
    "both": ("automatic", "learnt"), "learnt_and_items": ("learnt", "items"), "all": ("automatic", "learnt", "items"),
}  # fmt: skip
"""Which features stand side by side in a view."""

BLENDS = {
    "zero-shot + linear": ("zero-shot", "linear"),
    "zero-shot + baseline": ("zero-shot", "baseline"),
    "zero-shot + boosted": ("zero-shot", "boosted"),
    "linear + baseline": ("linear", "baseline"),
    "linear + boosted": ("linear", "boosted"),
    "baseline + boosted": ("baseline", "boosted"),
    "zero-shot + linear items": ("zero-shot", "linear items"),
    "linear + boosted items": ("linear", "boosted items"),
    "boosted + boosted items": ("boosted", "boosted items"),
    "boosted + sharp items": ("boosted", "sharp items"),
    "boosted items + sharp items": ("boosted items", "sharp items"),
    "all of items": ("linear items", "boosted items", "sharp items"),
}

NUMBERS, LEAST_ROWS = 10_000_000, 4_000
"""Rows times features that a boosted head learns from, at most; and rows at least."""

SHARES = {"sharp": 0.5, "linear": 2.0}
"""Of these numbers, for heads that take longer or less."""


@dataclass(frozen=True)
class Views:
    """Views of the same rows: automatic aggregates, what the foundation model makes of them, and, where the task asks
    for a future that was learnt, its answer (rows, 1): a probability, or the logarithm of an amount."""

    automatic: np.ndarray
    learnt: np.ndarray
    answer: np.ndarray | None = None
    items: np.ndarray | None = None
    """The most frequent items, how often and how lately each was there, and the newest events one by one; float16, for
    there are many."""
    is_raw: bool = False
    """Whether `learnt` is the representation itself: thousands of numbers, on which boosting is not tried."""
    weight: np.ndarray | None = None
    """Of how many rows each speaks, (rows,); None where all speak of one."""

    def width(self, name: str) -> int:
        """Features of a view."""
        return sum(getattr(self, part).shape[1] for part in VIEWS[name])

    def view(self, name: str) -> np.ndarray:
        """A view of `VIEWS`, several side by side where that says so."""
        parts = [getattr(self, part) for part in VIEWS[name]]
        return parts[0] if len(parts) == 1 else np.hstack(parts)

    def with_peers(self, told: np.ndarray) -> "Views":
        """These views with what is told of others who share an item, (rows, features), beside the items."""
        return self if self.items is None else replace(self, items=np.hstack([self.items, told.astype(np.float16)]))

    def rows(self, chosen: np.ndarray) -> "Views":
        """The chosen rows of all views."""

        def some(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[chosen]

        automatic, learnt = self.automatic[chosen], self.learnt[chosen]
        return Views(automatic, learnt, some(self.answer), some(self.items), self.is_raw, some(self.weight))

    @property
    def candidates(self) -> dict[str, tuple[str, ...]]:
        """Parts of every candidate that these views allow, the safest first."""
        known = {name: (name,) for name in RECIPES} | BLENDS
        absent = {name for name, (_, view) in RECIPES.items() if any(getattr(self, p) is None for p in VIEWS[view])}
        absent |= {"boosted", "boosted items", "sharp items"} if self.is_raw else set()
        return {name: parts for name, parts in known.items() if not absent & set(parts)}


@dataclass(frozen=True)
class Fitted:
    """Heads by name and how their answers are put together."""

    kind: TaskType
    parts: tuple[str, ...]
    heads: dict[str, Head]
    calibration: Calibration | ClassCalibration | None = None

    def predict(self, views: Views) -> np.ndarray:
        """Mean of the parts' answers, calibrated, in the target's own unit."""
        return answers_of({"": self}, views)[""]

    def combine(self, answers: list[np.ndarray]) -> np.ndarray:
        """The answer out of those of the parts."""
        mean = np.mean(answers, axis=0)
        if self.kind is TaskType.REGRESSION:
            return unsquash(mean)
        return mean if self.calibration is None else self.calibration.apply(mean)


def answers_of(candidates: dict[str, Fitted], views: Views) -> dict[str, np.ndarray]:
    """What every candidate answers; a head that several share is asked once."""
    heads = {id(head): (part, head) for fitted in candidates.values() for part, head in fitted.heads.items()}
    asked = {key: head.predict(views.view(RECIPES[part][1])) for key, (part, head) in heads.items()}
    return {
        name: fitted.combine([asked[id(fitted.heads[part])] for part in fitted.parts])
        for name, fitted in candidates.items()
    }


def _head(
    recipe: str, kind: TaskType, rows: int, seed: int, is_raw: bool = False, metric: str = "", pace: int = 1
) -> Head:
    if recipe == "given":
        return GivenHead()
    if recipe == "linear":
        return LinearHead(kind, strength=0.1 if is_raw else 1.0)
    # The middle of the logarithms is that of the amounts; their mean is not.
    objective = "regression_l1" if metric == Metric.MAE else None
    style, least = (SHARP, 20) if recipe == "sharp" else (SMOOTH, 100)
    if rows < FEW:
        return BoostedHead(kind, rounds=50, seed=seed, rate=0.1, least=20, objective=objective, style=style)
    return BoostedHead(kind, ROUNDS // pace, seed, RATE * pace, least, objective, style)


def _target(kind: TaskType, target: np.ndarray) -> np.ndarray:
    return squash(target) if kind is TaskType.REGRESSION else target


def fit_candidates(
    kind: TaskType, views: Views, target: np.ndarray, seed: int, names: Iterable[str] | None = None, metric: str = "",
    numbers: int = NUMBERS, pace: int = 1,
) -> dict[str, Fitted]:  # fmt: skip
    """Every candidate, or those of `names`, fitted on the rows for a metric.

    Heads learn from about `numbers`, rows times features, and boosted ones in steps `pace` times as large and as many
    times fewer.
    """
    candidates = {name: parts for name, parts in views.candidates.items() if names is None or name in names}
    heads: dict[str, Head] = {}
    for part in sorted({part for parts in candidates.values() for part in parts}):
        recipe, view = RECIPES[part]
        heads[part] = _head(recipe, kind, len(target), seed, views.is_raw, metric, pace)
        rows = _training_rows(recipe, (len(target), views.width(view)), seed, numbers)
        own = views if rows is None else views.rows(rows)
        heads[part].fit(own.view(view), _target(kind, target if rows is None else target[rows]), own.weight)
    return {name: Fitted(kind, parts, {p: heads[p] for p in parts}) for name, parts in candidates.items()}


def _training_rows(recipe: str, shape: tuple[int, int], seed: int, numbers: int) -> np.ndarray | None:
    """Which rows a head of many features learns from; None for all."""
    most = max(int(numbers * SHARES.get(recipe, 1)) // max(shape[1], 1), LEAST_ROWS)
    if shape[0] <= most:
        return None
    return np.sort(np.random.default_rng((seed, 5)).choice(shape[0], most, replace=False))


def save_heads(fitted: Fitted) -> State:
    """All heads and the calibration as arrays and texts, named part.name."""
    arrays: dict[str, np.ndarray] = {}
    texts: dict[str, str] = {}
    for part, head in fitted.heads.items():
        more_arrays, more_texts = head.state()
        arrays |= {f"{part}.{name}": np.asarray(value) for name, value in more_arrays.items()}
        texts |= {f"{part}.{name}": value for name, value in more_texts.items()}
    if fitted.calibration is not None:
        arrays |= {f"calibration.{name}": values for name, values in fitted.calibration.arrays().items()}
    return arrays, texts


def load_heads(kind: TaskType, parts: tuple[str, ...], state: State) -> Fitted:
    """The inverse of `save_heads`."""
    heads: dict[str, Head] = {}
    for part in parts:
        own = tuple({k.removeprefix(f"{part}."): v for k, v in s.items() if k.startswith(f"{part}.")} for s in state)
        heads[part] = _head(RECIPES[part][0], kind, FEW, 0).restore(own)  # type: ignore[arg-type]
    own = {key.removeprefix("calibration."): v for key, v in state[0].items() if key.startswith("calibration.")}
    return Fitted(kind, parts, heads, load_calibration(own))
