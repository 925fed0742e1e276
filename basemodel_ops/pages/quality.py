"""Pictures of how well the answers of a task hold on rows that its model had not learnt from, by type of task."""

from collections.abc import Mapping

import numpy as np

from basemodel_ops.contract.types import SMALLER_IS_BETTER
from basemodel_ops.pages import measures
from basemodel_ops.pages.pictures import Picture, curves, histogram, matrix
from basemodel_ops.tasks.label_efficiency import ON_AGGREGATES, LabelEfficiency
from basemodel_ops.tasks.uplift import is_treated, outcome_of, qini_curve

Columns = Mapping[str, np.ndarray]
"""Of the test rows: `label`, `prediction`, `baseline` where there is one, and `weight`."""

SHARE, ALL = "share of rows, highest scores first", (0.0, 1.0, 0.0, 1.0)

CLASSES = 8
"""Classes of a matrix, at most: the most frequent."""

FIFTHS = 5
"""Groups of rows by effect: a difference of two shares needs many rows of either."""


def _ranked_rows(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, score and weight, the highest score first: each curve sorts them, and what is sorted at no cost."""
    order = np.argsort(-score, kind="stable")
    return label[order], score[order], weight[order]


def _scores(columns: Columns, selected: str, baseline: str) -> dict[str, np.ndarray]:
    """Scores by name: of what ships and, where it is known of every row, of the baseline."""
    results = {selected: columns["prediction"]}
    if "baseline" in columns and np.isfinite(columns["baseline"]).all() and baseline != selected:
        results[baseline] = columns["baseline"]
    return results


def of_chances(columns: Columns, selected: str, baseline: str) -> list[Picture]:
    """ROC, precision and recall, calibration, gains, lift and scores by answer, of 0/1 labels."""
    label, weight = columns["label"], columns["weight"]
    scores = _scores(columns, selected, baseline)
    base = float(np.average(label, weights=weight))
    by = {name: _ranked_rows(label, score, weight) for name, score in scores.items()}
    gained = {name: measures.gains(*entry) for name, entry in by.items()}
    lifts = {name: measures.lift(*entry) for name, entry in gained.items()}
    edges = measures.edges_of(scores[selected])
    apart = {name: scores[selected][label == value] for name, value in (("answer no", 0), ("answer yes", 1))}
    return [
        curves(
            "ROC curve",
            "Of those who did, how many are found, against how many who did not are taken for them.",
            "false positive rate (share)",
            "true positive rate (share)",
            {name: measures.roc(*entry) for name, entry in by.items()},
            ("at random", ([0, 1], [0, 1])),
            ALL,
        ),
        curves(
            "Precision and recall",
            f"Of those taken, how many did; {base:.1%} of all rows did.",
            "recall (share)",
            "precision (share)",
            {name: measures.precision_recall(*entry) for name, entry in by.items()},
            ("at random", ([0, 1], [base, base])),
            ALL,
        ),
        _calibrated(by, "predicted chance (mean)", "share that did"),
        *_ranked(gained, lifts, "share of all yes found"),
        histogram(
            "Scores by answer",
            "Where the scores of those lie who did and who did not.",
            "score (chance)",
            "share of rows",
            edges,
            {name: measures.shares(values, edges) for name, values in apart.items() if len(values)},
        ),
    ]


def of_amounts(columns: Columns, selected: str, baseline: str) -> list[Picture]:
    """Calibration by tenths, gains and lift of the amount, and errors, of numbers."""
    label, weight = columns["label"], columns["weight"]
    scores = _scores(columns, selected, baseline)
    by = {name: _ranked_rows(label, score, weight) for name, score in scores.items()}
    errors = {name: score - label for name, score in scores.items()}
    edges = measures.edges_of(errors[selected])
    results = [_calibrated(by, "predicted amount (mean of a tenth)", "amount (mean)")]
    if (label >= 0).all() and label.sum() > 0:
        gained = {name: measures.gains(*entry) for name, entry in by.items()}
        lifts = {name: measures.lift(*entry) for name, entry in gained.items()}
        results += _ranked(gained, lifts, "share of the whole amount")
    results.append(
        histogram(
            "Errors", "Predicted less true amount; right of 0 was foreseen too much.", "error (unit of the target)",
            "share of rows", edges, {name: measures.shares(values, edges) for name, values in errors.items()},
        )
    )  # fmt: skip
    return results


def of_effects(columns: Columns, selected: str, baseline: str, worth: str) -> list[Picture]:
    """The Qini curve, and whether effects hold.

    `label` is a target of `tasks.uplift`, `prediction` an effect; `worth` tells the coefficient.
    """
    target, weight = columns["label"], columns["weight"]
    treated = max(float(weight @ is_treated(target)), 1e-12)
    lines = {}
    scores = _scores(columns, selected, baseline)
    for name, effect in scores.items():
        rows, gained = qini_curve(target, effect, weight)
        lines[name] = measures.thinned(rows / rows[-1], gained / treated)
    gained_by_all = float(lines[selected][1][-1])
    return [
        curves(
            "Qini curve",
            "Outcomes that treatment gains over those of as many untreated, when the largest effects are treated "
            f"first. {worth}; 0 is random. Treating everyone gains {gained_by_all:.3g} for each one treated.",
            "share treated, largest effects first",
            "gained (per treated row)",
            lines,
            ("at random", ([0, 1], [0, gained_by_all])),
            (0.0, 1.0, None, None),
        ),
        _effects_by_fifths(target, scores, weight),
    ]


def _effects_by_fifths(target: np.ndarray, scores: Mapping[str, np.ndarray], weight: np.ndarray) -> Picture:
    """Effects by fifths of the rows, against what treatment changed among these."""
    treated, outcome, lines = is_treated(target), outcome_of(target), {}
    for name, effect in scores.items():
        points = []
        for rows in np.array_split(np.argsort(effect, kind="stable"), FIFTHS):
            arms = [rows[treated[rows]], rows[~treated[rows]]]
            if all(weight[arm].sum() > 0 for arm in arms):
                given, withheld = (float(np.average(outcome[arm], weights=weight[arm])) for arm in arms)
                points.append((float(np.average(effect[rows], weights=weight[rows])), given - withheld))
        lines[name] = tuple(np.array(points).reshape(-1, 2).T)
    ends = [bound(np.concatenate([np.ravel(line) for line in lines.values()] + [[0.0]])) for bound in (np.min, np.max)]
    return curves(
        "Effects foreseen and seen",
        "Fifths of the rows by effect: what is foreseen, and by how much the outcomes of the treated and of the "
        "untreated among them differ. On the line, the treatment changes as much as is foreseen.",
        "foreseen effect (mean of a fifth)", "seen effect (difference)", lines,
        ("as foreseen", (ends, ends)),
    )  # fmt: skip


def of_classes(label: np.ndarray, columns: Columns, predicted: np.ndarray) -> list[Picture]:
    """What was named for each class, and whether the chances of what is named hold; texts (rows,) each."""
    names, counts = np.unique(label, return_counts=True)
    most = names[np.argsort(-counts, kind="stable")][:CLASSES]
    there = [name for name in most if (predicted == name).any()] or list(most[:1])
    held = np.array([[np.mean(predicted[label == row] == column) for column in there] for row in most])
    right = {"what ships": ((label == predicted).astype(float), columns["prediction"], columns["weight"])}
    return [
        matrix(
            "What was named for each class", "Rows: what was true; numbers: share of the row that was named so.",
            [str(name) for name in most], [str(name) for name in there], held,
        ),
        _calibrated(right, "chance of the class named (mean)", "share that was right"),
    ]  # fmt: skip


def of_rankings(rank: np.ndarray, label: np.ndarray, baseline: np.ndarray, taken: np.ndarray) -> list[Picture]:
    """How often an item at each rank was taken, and how many of those taken are named by then; (rows and ranks,)."""
    ranks = np.arange(1, int(rank.max(initial=1)) + 1)
    queried = taken > 0
    rows = max(float((rank[queried] == 1).sum()), 1.0)
    hits = {
        name: np.bincount(rank[queried], values[queried].astype(float), len(ranks) + 1)[1:] / rows
        for name, values in (("what ships", label), ("baseline", baseline))
    }
    per_entity = {
        name: np.cumsum(np.bincount(rank[queried], values[queried] / taken[queried], len(ranks) + 1)[1:]) / rows
        for name, values in (("what ships", label), ("baseline", baseline))
    }
    return [
        curves(
            "Taken, by rank",
            "Of those who took anything, how many took the item named at a rank.",
            "rank (1: first)",
            "share of rows",
            {name: (ranks, values) for name, values in hits.items()},
            None,
            (1, None, 0, None),
        ),
        curves(
            "Recall, by length of the list",
            "Of what was taken, how much was named by then, on average.",
            "items named (count)",
            "recall (share)",
            {name: (ranks, values) for name, values in per_entity.items()},
            None,
            (1, None, 0, None),
        ),
    ]


READ_BY_HEADS = {
    "linear": "a linear head on what the foundation model foresees (of a static target, on the representation)",
    ON_AGGREGATES: "the same head on the automatic aggregates",
    "baseline": "boosting on these",
}
"""What the heads of a label-efficiency curve read, in words."""


def of_label_efficiency(curve: LabelEfficiency) -> Picture:
    """The metric of heads on the test, by the share of the entities that they learnt from."""
    lines = {
        name: (np.log10(curve.shares), [np.nan if value is None else value for value in values])
        for name, values in curve.values.items()
    }
    names = [(float(np.log10(share)), f"{share:.0%}") for share in curve.shares]
    heads = "; ".join(f"{name}: {READ_BY_HEADS[name]}" for name in curve.values)
    direction = "↓" if curve.metric in SMALLER_IS_BETTER else "↑"
    words = (
        f"On the test, by the share of the {curve.entities[-1]:,} entities with labels that heads learnt from, from "
        f"{curve.entities[0]:,} on. {heads[0].upper()}{heads[1:]}. The foundation model has seen events of all."
    )
    return curves(
        "Label efficiency", words, "share of entities with labels (log scale)", f"{curve.metric} {direction}", lines,
        bounds=(names[0][0] - 0.1, 0.1, None, None), names=names,
    )  # fmt: skip


def _calibrated(by: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], x: str, y: str) -> Picture:
    lines = {name: measures.calibration(*entry) for name, entry in by.items()}
    top = max(float(np.max(entry)) for line in lines.values() for entry in line)
    low = min(0.0, *(float(np.min(entry)) for line in lines.values() for entry in line))
    return curves(
        "Calibration", "Tenths of the rows by score: on the line, what is predicted is what comes.", x, y, lines,
        ("as predicted", ([low, top], [low, top])), (low, top, low, top),
    )  # fmt: skip


def _ranked(gained: Mapping[str, tuple], lifts: Mapping[str, tuple], result: str) -> list[Picture]:
    highest = max((float(line[1].max(initial=1)) for line in lifts.values()), default=1.0)
    return [
        curves("Gains", "How much is found when the highest scores are taken first.", SHARE, result, gained,
               ("at random", ([0, 1], [0, 1])), ALL),
        curves("Lift", "How many times as much as among as many at random.", SHARE, "lift (times)", lifts,
               ("at random", ([0, 1], [1, 1])), (0.0, 1.0, 0.0, highest * 1.05)),
    ]  # fmt: skip
