"""Tuned LightGBM and regularised linear models: what a good data scientist would fit on hand-made features."""

import itertools
import warnings

import lightgbm as lgb
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

GRID = [
    {"num_leaves": leaves, "min_data_in_leaf": least, "feature_fraction": share, "lambda_l2": 5.0}
    for leaves, least, share in itertools.product((7, 15, 31), (50, 200), (0.3,))
]
QUICK = GRID[2:3]
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)


def tuned_boosting(
    train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], objective: str, quick: bool
) -> lgb.Booster:
    """The best of a grid by loss on validation rows, each stopped early there."""
    best: tuple[float, lgb.Booster] | None = None
    data = lgb.Dataset(*train, free_raw_data=False)
    for settings in QUICK if quick else GRID:
        # Few rows cannot fill large leaves.
        least = min(settings["min_data_in_leaf"], max(5, len(train[1]) // 20))
        parameters = {
            **settings, "objective": objective, "learning_rate": 0.03, "min_data_in_leaf": least, "verbosity": -1,
            "bagging_fraction": 0.8, "bagging_freq": 1, "num_threads": 2, "seed": 0, "deterministic": True,
            "force_row_wise": True, "feature_pre_filter": False,
        }  # fmt: skip
        booster = lgb.train(
            parameters, data, 800, valid_sets=[lgb.Dataset(*validation, reference=data)],
            callbacks=[lgb.early_stopping(40, verbose=False)],
        )  # fmt: skip
        loss = next(iter(booster.best_score["valid_0"].values()))
        if best is None or loss < best[0]:
            best = loss, booster
    if best is None:
        raise ValueError("The grid is empty.")
    return best[1]


def refitted(booster: lgb.Booster, data: tuple[np.ndarray, np.ndarray]) -> lgb.Booster:
    """The same settings and rounds on rows that hold newer labels."""
    return lgb.train(booster.params, lgb.Dataset(*data), booster.best_iteration)


class TunedLinear:
    """Logistic regression or ridge whose penalty is chosen on validation rows."""

    def __init__(self, objective: str) -> None:
        self.is_binary = objective == "binary"
        self.line: LogisticRegression | Ridge | None = None

    def fit(self, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> "TunedLinear":
        """Learn, in place."""
        self.mean, self.deviation = train[0].mean(0), np.maximum(train[0].std(0), 1e-3)
        best = np.inf
        for penalty in PENALTIES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a penalty that does not converge loses on validation
                if self.is_binary:
                    line = LogisticRegression(C=penalty, max_iter=200, tol=1e-3).fit(self._scaled(train[0]), train[1])
                else:
                    line = Ridge(alpha=1 / penalty).fit(self._scaled(train[0]), train[1])
            loss = self._loss(self._answer(line, validation[0]), validation[1])
            if loss < best:
                self.line, best = line, loss
        return self

    def refit(self, data: tuple[np.ndarray, np.ndarray]) -> "TunedLinear":
        """The same penalty on rows that hold newer labels, in place."""
        self.mean, self.deviation = data[0].mean(0), np.maximum(data[0].std(0), 1e-3)
        self.line = clone(self._line).fit(self._scaled(data[0]), data[1])
        return self

    @property
    def _line(self) -> LogisticRegression | Ridge:
        if self.line is None:
            raise ValueError("The model was not fitted.")
        return self.line

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return np.clip((values - self.mean) / self.deviation, -8, 8)

    def _answer(self, line: LogisticRegression | Ridge, values: np.ndarray) -> np.ndarray:
        scaled = self._scaled(values)
        return line.predict_proba(scaled)[:, 1] if isinstance(line, LogisticRegression) else line.predict(scaled)

    def _loss(self, answer: np.ndarray, target: np.ndarray) -> float:
        if self.is_binary:
            chance = np.clip(answer, 1e-6, 1 - 1e-6)
            return float(-np.mean(np.where(target > 0, np.log(chance), np.log(1 - chance))))
        return float(np.mean((answer - target) ** 2))

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Chances or numbers of the rows."""
        return self._answer(self._line, values)
