"""The boosted head: ensembles of trees with their rounds chosen on held rows."""

from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numpy as np

from basemodel_ops.boosting.forest import Forest
from basemodel_ops.boosting.parameters import SHARED
from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.heads import State
from basemodel_ops.tasks.kinds import kind_of

MEMBERS = 2
"""Models of a boosted head or a ranker: their mean varies less with what each happened to draw."""


MOST_TREES = 2_000
"""Trees of a model of many classes, each of which takes one a round, about."""


FULL_TREES, LEAST_SHARE = 800, 0.25
"""Trees of a model up to which it learns from all rows that others do; of more from fewer, but this share at least."""


def _rounds(kind: TaskType, target: np.ndarray, rounds: int) -> tuple[int, int]:
    """Outputs of a model of these targets, each of which takes a tree a round, and the rounds that are left it."""
    task_kind = kind_of(kind)
    outputs = task_kind.outputs(target) if task_kind.has_many_outputs else 1
    return outputs, rounds if outputs == 1 else min(rounds, max(MOST_TREES // outputs, 20))


def rows_share(kind: TaskType, target: np.ndarray, rounds: int) -> float:
    """Share of the rows of a yes or no that a boosted model of these targets learns from: many classes, many trees."""
    outputs, kept = _rounds(kind, target, rounds)
    return min(max(FULL_TREES / (outputs * kept), LEAST_SHARE), 1.0)


SMOOTH: dict[str, object] = {"num_leaves": 15, "feature_fraction": 0.3, "extra_trees": True, "lambda_l2": 20.0}


SHARP: dict[str, object] = {"num_leaves": 31, "feature_fraction": 0.5, "lambda_l2": 5.0}
"""Many numbers that each say a little are for smooth trees; items, of which one may say all, for sharp ones."""


def learn_members(
    settings: dict[str, object], features: np.ndarray, target: np.ndarray, rounds: int, seed: int,
    names: list[str] | None = None, weight: np.ndarray | None = None, members: int = MEMBERS,
    categories: np.ndarray | None = None, start: np.ndarray | None = None,
) -> list[lgb.Booster]:  # fmt: skip
    """Boosted models of the same (rows, features), which draw rows and features apart.

    Of the features at `categories` no order is known: trees split them by sets of values. `start` (rows,) are raw
    scores that trees add to.
    """
    # What each draws is apart; bins are found once.
    shared = {**settings, "data_random_seed": seed}
    data = lgb.Dataset(
        features, target, weight=weight, params=shared, feature_name=names or "auto",
        categorical_feature="auto" if categories is None else categories.tolist(), init_score=start,
    )  # fmt: skip
    data.construct()

    def learn(member: int) -> lgb.Booster:
        return lgb.train({**shared, "seed": MEMBERS * seed + member}, data, rounds)

    # A small model keeps one core busy, not two: so they are learnt side by side.
    with ThreadPoolExecutor(members) as pool:
        return list(pool.map(learn, range(members)))


ROUNDS, RATE = 100, 0.1
"""Of boosting, by default. Twice the rounds of half the rate answer the same within noise, in twice the time."""


class BoostedHead:
    """The mean of boosted models that draw rows and features apart, each of a fixed number of rounds."""

    def __init__(
        self, kind: TaskType, rounds: int = ROUNDS, seed: int = 0, rate: float = RATE, least: int = 100,
        objective: str | None = None, style: dict[str, object] | None = None, members: int = MEMBERS,
    ) -> None:  # fmt: skip
        """A head of a `style`, `SMOOTH` by default, of which `least` rows are in a leaf."""
        self.members = members
        self.columns: np.ndarray | None = None
        self.categories: np.ndarray | None = None  # which features have no order
        self.kind, self.rounds, self.seed, self.rate, self.least = kind, rounds, seed, rate, least
        self.objective, self.style = objective or kind_of(kind).objective, SMOOTH if style is None else style
        self._boosters: list[lgb.Booster] = []
        self._forest: Forest | None = None  # of the boosters, once they are asked

    def fit(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn, in place."""
        self.learn(features, target, weight)

    def learn(
        self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None, start: np.ndarray | None = None
    ) -> None:
        """The same, from raw scores (rows,) on, if given."""
        settings = {
            **SHARED, **self.style, "objective": self.objective, "learning_rate": self.rate, "max_bin": 63,
            "min_data_in_leaf": self.least, "bagging_fraction": 0.8, "bagging_freq": 1, "num_threads": 1,
        }  # fmt: skip
        outputs, rounds = _rounds(self.kind, target, self.rounds)
        if kind_of(self.kind).has_many_outputs:
            settings["num_class"] = outputs
        self._boosters = learn_members(
            settings, features, target, rounds, self.seed, None, weight, self.members, self.categories, start
        )
        self._forest = None

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Answers for the rows."""
        if not self._boosters:
            raise ValueError("The head was not fitted.")
        if self.categories is None:
            self._forest = self._forest or Forest.of(self._boosters)
            every = np.split(self._forest.predict(features), len(self._boosters), axis=1)  # (rows, members x classes)
        else:
            rows = features.astype(np.float32)
            every = [np.asarray(booster.predict(rows, num_threads=1)) for booster in self._boosters]
        predictions = np.mean(every, axis=0).reshape(len(features), -1)
        return predictions if kind_of(self.kind).has_many_outputs else predictions[:, 0]

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Exact Shapley values of the trees, in their raw score, (rows, members, outputs, features + 1).

        The last is what the trees say on average; all together are the raw score.
        """
        rows, count = features.astype(np.float32), features.shape[1] + 1
        results = [np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1)) for booster in self._boosters]
        return np.stack([entry.reshape(len(rows), -1, count) for entry in results], axis=1)

    def quick(self, pace: int) -> "BoostedHead":
        """One model like these, to be fitted in steps `pace` times as large and as many times fewer."""
        return BoostedHead(
            self.kind, self.rounds // pace, self.seed, self.rate * pace, self.least, self.objective, self.style, 1
        )

    @property
    def importance(self) -> np.ndarray:
        """What the splits by each feature gained, (features,)."""
        return np.sum([booster.feature_importance("gain") for booster in self._boosters], axis=0)

    def state(self) -> State:
        """Arrays and texts from which `restore` makes the head again."""
        if not self._boosters:
            raise ValueError("The head was not fitted.")
        arrays = {"columns": self.columns, "categories": self.categories}
        read = {name: values for name, values in arrays.items() if values is not None}
        return read, {f"booster {n}": booster.model_to_string() for n, booster in enumerate(self._boosters)}

    def restore(self, state: State) -> "BoostedHead":
        """Take over a saved state."""
        self._boosters = [lgb.Booster(model_str=state[1][f"booster {n}"]) for n in range(self.members)]
        self._forest, self.columns, self.categories = None, state[0].get("columns"), state[0].get("categories")
        return self
