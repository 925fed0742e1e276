"""A line, and boosted trees of what it leaves: beyond what they saw, and along it, trees alone answer steps."""

import numpy as np

from basemodel_ops.tasks.boosted_head import BoostedHead
from basemodel_ops.tasks.heads import LinearHead, State

STRENGTH, FOLDS = 0.1, 4
"""Of the line, which is one of many numbers; and parts of the rows, each of which the trees see by a line that learnt
from the others: its own rows a line answers too well, and leaves trees nothing."""

LINE = "line "


class LevelledHead(BoostedHead):
    """A linear head, and boosted models of what it leaves of amounts."""

    _line: LinearHead

    def fit(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn, in place."""
        features = features.astype(np.float32)
        self._line = self._fitted(features, target, weight)
        start, every = np.empty(len(target)), np.arange(len(target))
        # Rows of one entity stand together, so few parts hold an entity that others hold too.
        for fold in np.array_split(every, FOLDS):
            others = np.delete(every, fold)
            line = self._fitted(features[others], target[others], None if weight is None else weight[others])
            start[fold] = line.predict(features[fold])
        self.learn(features, target, weight, start)

    def _fitted(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> LinearHead:
        line = LinearHead(self.kind, STRENGTH)
        line.fit(features, target, weight)
        return line

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Answers for the rows."""
        return super().predict(features) + self._line.predict(features.astype(np.float32))

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """As of the trees alone, and what each feature adds to the line."""
        return super().contributions(features) + self._line.contributions(features)[:, None, None]

    def state(self) -> State:
        """Arrays and texts from which `restore` makes the head again."""
        arrays, texts = super().state()
        return {**arrays, **{f"{LINE}{name}": values for name, values in self._line.state()[0].items()}}, texts

    def restore(self, state: State) -> "LevelledHead":
        """Take over a saved state."""
        super().restore(state)
        arrays = {name.removeprefix(LINE): values for name, values in state[0].items() if name.startswith(LINE)}
        self._line = LinearHead(self.kind, STRENGTH).restore((arrays, {}))
        return self
