"""What became of those who share an item with a row, in views of rows to learn from and of rows to be scored."""

from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import Task
from basemodel_ops.stages.snapshot.task_rows import TaskRows, known_from
from basemodel_ops.stages.tasks.feature_sets import KINDS_OF_PEERS
from basemodel_ops.tasks.class_rates import ClassRates, class_rates
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.peers import Peers, outputs_of, peer_values

FADING = 7
"""Days that stand for the horizon in how fast answers of peers fade, where labels are known at a moment: the usual wait
for the next event may be a minute, and what became of peers still holds for weeks."""


@dataclass(frozen=True)
class PeerAnswers:
    """What is known of every group at one moment, and where classes are very many, of each class there."""

    peers: Peers
    class_rates: ClassRates | None

    def extend(self, feature_sets: FeatureSets, keys: np.ndarray) -> FeatureSets:
        """Views with what is known of the groups of their rows, `keys` (rows, kinds)."""
        rates = None if self.class_rates is None else self.class_rates.look_up(keys)
        return replace(feature_sets.with_peers(self.peers.look_up(keys)), class_rates=rates)


def with_peers(
    task: Task, rows: TaskRows, keys: np.ndarray, target: np.ndarray, feature_sets: FeatureSets,
    labelled: np.ndarray | None = None,
) -> tuple[FeatureSets, PeerAnswers | None]:  # fmt: skip
    """Views with what was known of peers of each row, and what is known now; as they are where nobody reads items.

    Args:
        task: Of one answer.
        rows: Labelled ones.
        keys: Their groups, int64 (rows, kinds).
        target: Their answers, (rows,).
        feature_sets: Views of them.
        labelled: Whose answers are known at all, bool (rows,); None for everyone's.
    """
    if feature_sets.items is None:
        return feature_sets, None
    weight = rows.weight
    if labelled is not None:
        weight = labelled * (1.0 if weight is None else weight)
    horizon = FADING if task.known is not None else task.horizon or 0
    when = (rows.cutoff, known_from(rows), horizon, weight, rows.known)
    values, peers = peer_values(keys, outputs_of(task.type, target), *when)
    feature_sets, by_class = feature_sets.with_peers(values), kind_of(task.type).by_class(target)
    if by_class is None or not keys.shape[1]:
        return feature_sets, PeerAnswers(peers, None)
    rates, rates_now = class_rates(keys, keys.shape[1] // KINDS_OF_PEERS, by_class, *when)
    return replace(feature_sets, class_rates=rates), PeerAnswers(peers, rates_now)
