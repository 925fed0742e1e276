"""Tasks with one answer per entity: binary, regression, multiclass."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.heads import BoostedHead, Calibration, Head, LinearHead, State
from basemodel_ops.tasks.metrics import PRIMARY, binary_metrics, multiclass_metrics, regression_metrics

METRICS = {
    TaskType.BINARY: binary_metrics,
    TaskType.REGRESSION: regression_metrics,
    TaskType.MULTICLASS: multiclass_metrics,
}

RECIPES: dict[str, tuple[str, str]] = {
    "baseline": ("boosted", "automatic"),
    "linear": ("linear", "learnt"),
    "boosted": ("boosted", "both"),
}
"""Name of a candidate: the head and the view of the features. Blends are means of these."""

BLENDS = {"linear + baseline": ("linear", "baseline"), "linear + boosted": ("linear", "boosted")}


@dataclass(frozen=True)
class Views:
    """Two views of the same rows: automatic aggregates, and what the foundation model makes of them."""

    automatic: np.ndarray
    learnt: np.ndarray

    def view(self, name: str) -> np.ndarray:
        """`automatic`, `learnt` or `both` side by side."""
        return np.hstack([self.automatic, self.learnt]) if name == "both" else getattr(self, name)

    def rows(self, chosen: np.ndarray) -> "Views":
        """The chosen rows of both views."""
        return Views(self.automatic[chosen], self.learnt[chosen])


@dataclass(frozen=True)
class Fitted:
    """Heads by name and how their answers are put together."""

    kind: TaskType
    parts: tuple[str, ...]
    heads: dict[str, Head]
    calibration: Calibration | None = None

    def predict(self, views: Views) -> np.ndarray:
        """Mean of the parts' answers, calibrated, in the target's own unit."""
        answers = [self.heads[part].predict(views.view(RECIPES[part][1])) for part in self.parts]
        mean = np.mean(answers, axis=0)
        if self.kind is TaskType.REGRESSION:
            return np.sign(mean) * np.expm1(np.abs(mean))
        return mean if self.calibration is None else self.calibration.apply(mean)


def _head(recipe: str, kind: TaskType, rows: int, seed: int) -> Head:
    if recipe == "linear":
        return LinearHead(kind)
    small = rows < 2000
    return BoostedHead(kind, rounds=60 if small else 120, seed=seed, least=20 if small else 100)


def _target(kind: TaskType, target: np.ndarray) -> np.ndarray:
    return np.sign(target) * np.log1p(np.abs(target)) if kind is TaskType.REGRESSION else target


def fit_candidates(kind: TaskType, views: Views, target: np.ndarray, seed: int) -> dict[str, Fitted]:
    """Every candidate, fitted on the rows."""
    heads: dict[str, Head] = {}
    for name, (recipe, view) in RECIPES.items():
        heads[name] = _head(recipe, kind, len(target), seed)
        heads[name].fit(views.view(view), _target(kind, target))
    parts = {**{name: (name,) for name in RECIPES}, **BLENDS}
    return {name: Fitted(kind, chosen, {p: heads[p] for p in chosen}) for name, chosen in parts.items()}


def choose(candidates: dict[str, Fitted], views: Views, target: np.ndarray) -> tuple[str, dict[str, dict[str, float]]]:
    """Name of the best candidate on validation rows, and the metrics of all."""
    metrics = {name: METRICS[fitted.kind](target, fitted.predict(views)) for name, fitted in candidates.items()}
    primary = PRIMARY[next(iter(candidates.values())).kind]
    return max(metrics, key=lambda name: metrics[name][primary]), metrics


def refit(chosen: Fitted, views: Views, target: np.ndarray, seed: int) -> Fitted:
    """The chosen candidate, fitted again on all labelled rows; its calibration stays."""
    heads: dict[str, Head] = {}
    for part in chosen.parts:
        recipe, view = RECIPES[part]
        heads[part] = _head(recipe, chosen.kind, len(target), seed)
        heads[part].fit(views.view(view), _target(chosen.kind, target))
    return Fitted(chosen.kind, chosen.parts, heads, chosen.calibration)


def save_heads(fitted: Fitted) -> State:
    """All heads and the calibration as arrays and texts, named part.name."""
    arrays: dict[str, np.ndarray] = {}
    texts: dict[str, str] = {}
    for part, head in fitted.heads.items():
        more_arrays, more_texts = head.state()
        arrays |= {f"{part}.{name}": np.asarray(value) for name, value in more_arrays.items()}
        texts |= {f"{part}.{name}": value for name, value in more_texts.items()}
    if fitted.calibration is not None:
        arrays |= {"calibration.knots": fitted.calibration.knots, "calibration.values": fitted.calibration.values}
    return arrays, texts


def load_heads(kind: TaskType, parts: tuple[str, ...], state: State) -> Fitted:
    """The inverse of `save_heads`."""
    heads: dict[str, Head] = {}
    for part in parts:
        own = tuple({k.removeprefix(f"{part}."): v for k, v in s.items() if k.startswith(f"{part}.")} for s in state)
        maker = LinearHead if RECIPES[part][0] == "linear" else BoostedHead
        heads[part] = maker(kind).restore(own)  # type: ignore[arg-type]
    knots = state[0].get("calibration.knots")
    calibration = None if knots is None else Calibration(knots, state[0]["calibration.values"])
    return Fitted(kind, parts, heads, calibration)
