"""The stage that trains the foundation model: two learners for activity, and two for items."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.boosting.activity import ActivityBoosters, fit_activity
from basemodel_ops.boosting.blending import blend_weights, group_losses
from basemodel_ops.boosting.cross_fitting import FOLDS
from basemodel_ops.boosting.imputation import impute
from basemodel_ops.foundation import FoundationModel, Shape, pretrain
from basemodel_ops.memory import release
from basemodel_ops.report import Report
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.layout import Block
from basemodel_ops.stages.features.activity_targets import activity_targets
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.activity import Activity, activity_shape
from basemodel_ops.stages.foundation.checkpoint_artifact import CheckpointArtifact
from basemodel_ops.stages.foundation.embedding import EmbeddingBasis, embedding_inputs
from basemodel_ops.stages.foundation.items import learn_items
from basemodel_ops.stages.foundation.training_sets import ReportMetrics, TrainingSet, later_than
from basemodel_ops.stages.plots import loss_curve
from basemodel_ops.stages.progress import Log, log_progress
from basemodel_ops.stages.workspace import Workspace

PROBED_DAYS = 14
"""The horizon by which the learners of a family are compared, where earlier and later rows know any window as long."""

EMBEDDED_FROM = 20_000
"""Rows from which the components of embeddings are found."""

ROW_FRACTIONS = (0.3, 1.0)
"""Shares of the rows that the network of activity is tried on: overlapping windows make it memorise entities."""


def foundation_model(ws: Workspace) -> Report:
    """Pretrain on activity, items and composition targets; keep the predicted activity of all training examples."""
    snapshot = ws.snapshot()
    end = snapshot.times.training_end

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[ReportMetrics, dict[str, bytes]]:
        examples = ExamplesArtifact.current(ws.store)
        fitted = _learn_activity(examples, ws.settings.seed, ws.log)
        activity, blocks = fitted.activity, activity_targets(examples.targets)
        CheckpointArtifact.write_activity(writer, activity, fitted.shape, blocks, fitted.tried)
        release()  # what items are learnt from is the most that is held
        items = learn_items(examples, snapshot.item_targets, ws.settings, ws.log)
        CheckpointArtifact.write_items_network(writer, items.network, items.shape)
        CheckpointArtifact.write_item_pairs(writer, items.pairs, items.ease_weights)
        CheckpointArtifact.write_about(writer, examples.version, end, examples.layout, items.losses)
        rows = np.arange(len(examples))
        predictions = activity.predict(examples, rows, examples.cutoff < end)
        CheckpointArtifact.write_predicted_activity(writer, predictions)
        basis_rows = np.random.default_rng(ws.settings.seed).permutation(rows[examples.cutoff < end])
        basis_rows = np.sort(basis_rows[:EMBEDDED_FROM])
        basis = EmbeddingBasis.fit(embedding_inputs(examples, basis_rows, predictions[basis_rows]))
        CheckpointArtifact.write_embedding_basis(writer, basis)
        return {**fitted.report_metrics, **items.report_metrics}, {"loss": loss_curve(items.losses)}

    return ws.materialize(CheckpointArtifact.key, write)


@dataclass(frozen=True)
class _FittedActivity:
    """The learners of activity, whose networks are of this shape, and how their shares were found."""

    activity: Activity
    shape: Shape
    tried: dict[str, dict[str, float]]
    report_metrics: ReportMetrics


def _learn_activity(examples: ExamplesArtifact, seed: int, log: Log) -> _FittedActivity:
    """The learners' shares by later time; then each learner once per fold, on the entities of the others."""
    rows, blocks = TrainingSet.of_activity(examples, seed), activity_targets(examples.targets)
    inputs, targets, later = rows.inputs, rows.targets, later_than(examples, rows.row_index)
    is_binary = np.array([block.kind == "occurred" for block in blocks])
    read = examples.positions(*learner_layout.READ)
    calendar = np.flatnonzero(np.isin(read, examples.layout.positions("calendar")))
    shape, horizon_groups = activity_shape(len(read), len(blocks), calendar), learner_layout.horizon_groups_of(blocks)
    cutoffs = examples.cutoff[rows.row_index]
    compared = _compare(rows, cutoffs, later, blocks, shape, seed, log)
    fold = examples.folds(rows.row_index)
    order = np.random.default_rng(seed).permutation(len(fold))
    boosters: list[ActivityBoosters] = []
    networks: list[FoundationModel] = []
    for number in range(FOLDS):
        chosen_order = order[fold[order] != number]
        chosen_order = chosen_order if len(chosen_order) else order  # a fold may be empty where there are few entities
        is_pretraining = np.arange(len(chosen_order)) < max(int(compared.rows_share * len(chosen_order)), 1)
        chosen_order, is_pretraining = np.sort(chosen_order), is_pretraining[np.argsort(chosen_order)]
        training_inputs = inputs[chosen_order].astype(np.float32)
        full = impute(training_inputs, targets[chosen_order], horizon_groups, is_binary, seed)
        progress = log_progress(log, f"activity targets, fold {number + 1}")
        boosters.append(fit_activity(training_inputs, full, is_binary, seed, progress))
        pretraining_inputs = inputs[chosen_order[is_pretraining]]
        network, _ = pretrain(pretraining_inputs, full[is_pretraining], is_binary, shape, 1, seed, log)
        networks.append(network)
    report_metrics: ReportMetrics = {
        **compared.report_metrics,
        "activity_rows": len(rows.row_index),
        "activity_futures": len(blocks),
        "network_rows_share": compared.rows_share,
        "network_share_activity": round(float(compared.network_weights.mean()), 3),
    }
    activity = Activity(boosters, networks, compared.network_weights)
    return _FittedActivity(activity, shape, compared.tried, report_metrics)


@dataclass(frozen=True)
class _Compared:
    """What later rows say of the learners of activity."""

    rows_share: float  # of the rows, those that the network learns from
    network_weights: np.ndarray  # (targets,) the network's in each answer
    tried: dict[str, dict[str, float]]  # loss of every share per group
    report_metrics: ReportMetrics


def _compare(
    rows: TrainingSet, cutoffs: np.ndarray, later: int, blocks: list[Block], shape: Shape, seed: int, log: Log
) -> _Compared:
    """How many rows the network learns from, and each learner's share, by rows later than all that was learnt.

    What the learners see for this ends where the later rows begin. One future stands for its family: the one whose
    horizon is nearest to `PROBED_DAYS`.
    """
    inputs, targets = rows.inputs, rows.targets
    ends = np.array([int(block.detail) for block in blocks]) * DAY
    seen = np.where(cutoffs[:, None] + ends <= later, targets, np.nan)
    target_groups = learner_layout.target_groups_of(blocks)
    is_binary = np.array([block.kind == "occurred" for block in blocks])
    past, after = np.flatnonzero(cutoffs < later), np.flatnonzero(cutoffs >= later)
    past = np.random.default_rng((seed, 2)).permutation(past)
    if len(past) == 0:
        past = after
    never = [np.all(np.isnan(seen), axis=0) for seen in (seen[past], targets[after])]
    probed = _probed(blocks, never[0] | never[1])
    small = fit_activity(
        inputs[past].astype(np.float32), seen[past][:, probed], is_binary[probed], seed,
        log_progress(log, "activity targets, compared"),
    )  # fmt: skip
    by_boosters = small.predict(inputs[after].astype(np.float32))
    measured = targets[after][:, probed], is_binary[probed], [target_groups[number] for number in probed]

    def loss(predictions: np.ndarray) -> float:
        return sum(group_losses(predictions, *measured).values())

    by_network: dict[float, np.ndarray] = {}
    for weight in ROW_FRACTIONS:
        training_rows = np.sort(past[: max(int(weight * len(past)), 1)])
        model, _ = pretrain(inputs[training_rows], seen[training_rows], is_binary, shape, 1, seed, log)
        by_network[weight] = model.activity(inputs[after])[:, probed]
    best = min(ROW_FRACTIONS, key=lambda weight: loss(by_network[weight]))
    blended, tried = blend_weights(by_network[best], by_boosters, *measured)
    averages = _averages(seen[past], is_binary)[probed]
    by_group = dict(zip(measured[2], blended.tolist(), strict=True))
    report_metrics: ReportMetrics = {
        "loss_activity": round(loss(blended * by_network[best] + (1 - blended) * by_boosters), 5),
        "unigram_activity": round(loss(np.broadcast_to(averages, by_boosters.shape)), 5),
    }
    return _Compared(best, np.array([by_group[name] for name in target_groups], np.float32), tried, report_metrics)


def _probed(blocks: list[Block], is_unknown: np.ndarray) -> np.ndarray:
    """Position of the future of each quantity whose horizon is nearest to `PROBED_DAYS`, of those that are known.

    Where cutoffs are days apart, two weeks may be over neither of earlier rows nor of later ones.
    """
    horizon_groups = learner_layout.horizon_groups_of(blocks)
    days = [abs(int(block.detail) - PROBED_DAYS) for block in blocks]
    far = list(zip(is_unknown.tolist(), days, strict=True))
    return np.sort([min(group, key=lambda number: far[number]) for group in horizon_groups])


def _averages(targets: np.ndarray, is_binary: np.ndarray) -> np.ndarray:
    """Answers (targets,) that know only how often and how much; a future that nobody knows is taken for none."""
    mean = np.nanmean(np.where(np.isnan(targets).all(axis=0), 0, targets).astype(np.float32), axis=0)
    rate = mean.clip(1e-4, 1 - 1e-4)
    return np.where(is_binary, np.log(rate / (1 - rate)), mean)
