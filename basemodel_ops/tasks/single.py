"""Tasks with one answer per entity: binary, regression, multiclass."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.heads import BoostedHead, Calibration, GivenHead, Head, LinearHead, State
from basemodel_ops.tasks.metrics import PRIMARY, binary_metrics, multiclass_metrics, regression_metrics

METRICS = {
    TaskType.BINARY: binary_metrics,
    TaskType.REGRESSION: regression_metrics,
    TaskType.MULTICLASS: multiclass_metrics,
}

RECIPES: dict[str, tuple[str, str]] = {
    "zero-shot": ("given", "answer"),
    "linear": ("linear", "learnt"),
    "baseline": ("boosted", "automatic"),
    "boosted": ("boosted", "both"),
    "linear items": ("linear", "learnt_and_items"),
    "boosted items": ("boosted", "all"),
}
"""Name of a candidate: the head and the view of the features. Blends are means of these."""

VIEWS = {
    "automatic": ("automatic",), "learnt": ("learnt",), "answer": ("answer",), "both": ("automatic", "learnt"),
    "learnt_and_items": ("learnt", "items"), "all": ("automatic", "learnt", "items"),
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
}

FEWEST, FEW, MANY = 200, 2000, 20_000
"""Labels below which items are not read; below which only the candidates of `SAFE` may ship; and from which on the
steady are boosted on both sides."""

SAFE = ("zero-shot", "zero-shot + linear", "linear", "zero-shot + linear items", "linear items")
CAUTIOUS = ("zero-shot + boosted", "linear + boosted", "linear + boosted items")
STEADY = ("baseline + boosted", "boosted + boosted items")
"""What ships with few, some and many labels where it is about as good as the best: that is the luckiest of ten, too."""


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

    def view(self, name: str) -> np.ndarray:
        """A view of `VIEWS`, several side by side where that says so."""
        parts = [getattr(self, part) for part in VIEWS[name]]
        return parts[0] if len(parts) == 1 else np.hstack(parts)

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
        absent |= {"boosted", "boosted items"} if self.is_raw else set()
        return {name: parts for name, parts in known.items() if not absent & set(parts)}


@dataclass(frozen=True)
class Fitted:
    """Heads by name and how their answers are put together."""

    kind: TaskType
    parts: tuple[str, ...]
    heads: dict[str, Head]
    calibration: Calibration | None = None

    def predict(self, views: Views) -> np.ndarray:
        """Mean of the parts' answers, calibrated, in the target's own unit."""
        return answers_of({"": self}, views)[""]

    def combine(self, answers: list[np.ndarray]) -> np.ndarray:
        """The answer out of those of the parts."""
        mean = np.mean(answers, axis=0)
        if self.kind is TaskType.REGRESSION:
            return np.sign(mean) * np.expm1(np.abs(mean))
        return mean if self.calibration is None else self.calibration.apply(mean)


def answers_of(candidates: dict[str, Fitted], views: Views) -> dict[str, np.ndarray]:
    """What every candidate answers; a head that several share is asked once."""
    heads = {id(head): (part, head) for fitted in candidates.values() for part, head in fitted.heads.items()}
    asked = {key: head.predict(views.view(RECIPES[part][1])) for key, (part, head) in heads.items()}
    return {
        name: fitted.combine([asked[id(fitted.heads[part])] for part in fitted.parts])
        for name, fitted in candidates.items()
    }


def _head(recipe: str, kind: TaskType, rows: int, seed: int, is_raw: bool = False) -> Head:
    if recipe == "given":
        return GivenHead()
    if recipe == "linear":
        return LinearHead(kind, strength=0.1 if is_raw else 1.0)
    if rows < FEW:
        return BoostedHead(kind, rounds=50, seed=seed, rate=0.1, least=20)
    return BoostedHead(kind, seed=seed)


def _target(kind: TaskType, target: np.ndarray) -> np.ndarray:
    return np.sign(target) * np.log1p(np.abs(target)) if kind is TaskType.REGRESSION else target


def fit_candidates(kind: TaskType, views: Views, target: np.ndarray, seed: int) -> dict[str, Fitted]:
    """Every candidate, fitted on the rows."""
    candidates = views.candidates
    heads = _heads(kind, {part for parts in candidates.values() for part in parts}, views, target, seed)
    return {name: Fitted(kind, parts, {p: heads[p] for p in parts}) for name, parts in candidates.items()}


def _heads(kind: TaskType, parts: set[str], views: Views, target: np.ndarray, seed: int) -> dict[str, Head]:
    heads: dict[str, Head] = {}
    for name in sorted(parts):
        recipe, view = RECIPES[name]
        heads[name] = _head(recipe, kind, len(target), seed, views.is_raw)
        heads[name].fit(views.view(view), _target(kind, target), views.weight)
    return heads


def choose(
    candidates: dict[str, Fitted], views: Views, target: np.ndarray, labels: int = FEW, seed: int = 0
) -> tuple[str, dict[str, dict[str, float]]]:
    """Name of the candidate that ships, by validation rows, and the metrics of all.

    The better of `CAUTIOUS`, or `STEADY` from `MANY` labels to learn from on, ships if it is within a standard error of
    the best; else the best. Below `FEW` the first of `SAFE` that is about as good as the best of these.
    """
    kind = next(iter(candidates.values())).kind
    answers = answers_of(candidates, views)
    metrics = {name: METRICS[kind](target, answer, views.weight) for name, answer in answers.items()}
    primary = PRIMARY[kind]
    if not np.isfinite([values[primary] for values in metrics.values()]).any():
        return next(iter(candidates)), metrics  # validation says nothing: the safest
    wanted = SAFE if labels < FEW else CAUTIOUS if labels < MANY else STEADY
    preferred = [name for name in wanted if name in candidates and (labels >= FEWEST or "items" not in name)]
    if labels >= FEW:
        preferred.sort(key=lambda name: -metrics[name][primary])
    best = max(preferred if labels < FEW else candidates, key=lambda name: metrics[name][primary])
    for name in preferred:
        gain = metrics[best][primary] - metrics[name][primary]
        pair = answers[best], answers[name]
        if gain <= paired_error(METRICS[kind], primary, target, *pair, seed, weight=views.weight):
            return name, metrics
    return best, metrics


def paired_error(
    measure: Callable[[np.ndarray, np.ndarray, np.ndarray | None], dict[str, float]], metric: str,
    target: np.ndarray, one: np.ndarray, other: np.ndarray, seed: int, samples: int = 50,
    owner: np.ndarray | None = None, weight: np.ndarray | None = None,
) -> float:  # fmt: skip
    """Standard error of the difference of a metric between two answers to the same rows, by resampling them.

    Rows of the same `owner` (rows,) are drawn together, where it is given: they are alike.
    """
    generator = np.random.default_rng(seed)
    codes = np.arange(len(target)) if owner is None else np.unique(owner, return_inverse=True)[1]
    groups = np.split(np.argsort(codes, kind="stable"), np.flatnonzero(np.diff(np.sort(codes))) + 1)
    found = []
    for _ in range(samples):
        rows = np.concatenate([groups[group] for group in generator.integers(0, len(groups), len(groups))])
        if len(np.unique(target[rows])) > 1:
            own = None if weight is None else weight[rows]
            first, second = (measure(target[rows], answers[rows], own)[metric] for answers in (one, other))
            found.append(first - second)
    return float(np.std(found)) if found else float("inf")


def refit(chosen: dict[str, Fitted], views: Views, target: np.ndarray, seed: int) -> dict[str, Fitted]:
    """Candidates fitted again on these rows, which hold newer labels; their calibrations stay."""
    kind = next(iter(chosen.values())).kind
    heads = _heads(kind, {part for fitted in chosen.values() for part in fitted.parts}, views, target, seed)
    return {name: replace(fitted, heads={p: heads[p] for p in fitted.parts}) for name, fitted in chosen.items()}


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
        heads[part] = _head(RECIPES[part][0], kind, FEW, 0).restore(own)  # type: ignore[arg-type]
    knots = state[0].get("calibration.knots")
    calibration = None if knots is None else Calibration(knots, state[0]["calibration.values"])
    return Fitted(kind, parts, heads, calibration)
