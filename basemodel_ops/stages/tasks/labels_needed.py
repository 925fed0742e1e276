"""How well a task is answered by a share of its labels, measured beside what ships."""

from dataclasses import replace

import numpy as np

from basemodel_ops.stages.snapshot.sampling import hashes_of, shares
from basemodel_ops.stages.tasks.selection import LabelledRows, Selection
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.label_efficiency import ON_AGGREGATES, LabelEfficiency, label_efficiency
from basemodel_ops.tasks.metrics import metric_of
from basemodel_ops.tasks.single import fit_heads, predictions_of

SALT = 0x1ABE1
"""Keeps the draw of entities to learn from apart from that of the rows that are represented."""


def measure_curve(
    labelled: LabelledRows, known: np.ndarray, test: np.ndarray, seed: int, chosen: Selection
) -> LabelEfficiency | None:
    """Fit quick heads on entities drawn by a hash of each, and measure them on the test; None where there is no curve.

    Args:
        labelled: The rows of a task of one answer.
        known: Those to learn from, positions.
        test: Those to measure on, positions.
        seed: Of draws and heads.
        chosen: What learnt from all of them, which is not fitted again.
    """
    task, rows, metric = labelled.task, labelled.rows, metric_of(labelled.task)
    training, tested = labelled.feature_sets.rows(known), labelled.feature_sets.rows(test)
    target = labelled.known_until(known, int(rows.cutoff[test].min()))
    draws = shares(hashes_of(rows.entity.combine_chunks(), seed)[known], np.full(len(known), SALT))
    # What ships is calibrated, unlike heads that learnt from fewer labels.
    of_all = {name: answer for name, answer in chosen.test.predictions.items() if name != chosen.name}

    def answer(name: str, drawn: np.ndarray) -> np.ndarray:
        if len(drawn) == len(known) and name in of_all:
            return of_all[name]
        sets = [training.rows(drawn), tested]
        if name == ON_AGGREGATES:
            sets, name = [replace(features, model_outputs=features.aggregates) for features in sets], "linear"
        heads = fit_heads(task.type, sets[0], target[drawn], seed, [name], metric)
        return predictions_of(task.type, heads, sets[1])[name]

    def measure(name: str, drawn: np.ndarray) -> float:
        return kind_of(task.type).measures[metric](labelled.target[test], answer(name, drawn), tested.weight)

    return label_efficiency(metric, target, labelled.entity_index[known], draws, measure)
