"""Learning which items will be seen: a network of all, and a booster of pairs for each column that is asked for."""

from functools import partial

import numpy as np

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.boosting.blending import blend_weights
from basemodel_ops.boosting.item_pairs import fit_item_pairs
from basemodel_ops.foundation import pretrain
from basemodel_ops.representation import Layout
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.checkpoint_artifact import CheckpointArtifact, ItemPairs, pair_name
from basemodel_ops.stages.foundation.training_sets import ReportMetrics, TrainingSet, later_than
from basemodel_ops.stages.workspace import Workspace

HELD_OUT = 20
"""One entity in so many is kept from the learners of items, to measure them."""


def learn_items(
    ws: Workspace,
    examples: ExamplesArtifact,
    layout: Layout,
    item_targets: list[tuple[str, str, int]],
    writer: ArtifactWriter,
    report_metrics: ReportMetrics,
) -> list[float]:
    """Learn and write both learners of items, and the network's share by later time; the network's loss per step."""
    rows = TrainingSet.of_items(examples)
    row_index, targets = rows.row_index, rows.targets
    entity = examples.entity[row_index]
    held = np.random.default_rng((ws.settings.seed, 1)).integers(0, HELD_OUT, len(examples.entities))[entity] == 0
    held = held if 0 < held.sum() < len(held) else np.arange(len(held)) == 0
    is_later = examples.cutoff[row_index] >= later_than(examples, row_index)
    measured = np.flatnonzero(held & is_later) if (held & is_later).any() else np.flatnonzero(held)
    item_ease = learner_layout.item_ease_weights(examples.layout, rows.inputs)
    steps, predictions = _learn_network(ws, examples, layout, rows, held, measured, writer, report_metrics)
    del rows  # its inputs are most of what is in memory, and pairs do not read them
    pairs: dict[str, ItemPairs] = {}
    for source, column, horizon in item_targets:
        block = next(b for b in layout.select("item", source, column) if b.detail == str(horizon))
        items = np.arange(block.length)
        happened = targets[:, block.offset : block.end].astype(np.float32)
        known = np.flatnonzero(~held & ~np.isnan(happened[:, 0]))
        column_ease = item_ease[f"{source}.{column}"]
        features = partial(_features, examples, row_index[known], (source, column, items, column_ease))
        item_pair_booster = fit_item_pairs(features, happened[known] > 0, ws.settings.seed)
        item_features, entity_features = learner_layout.item_features(
            examples, row_index[measured], source, column, items, column_ease
        )
        offset = learner_layout.item_offset(examples.layout, source, column)
        network_weights, tried = blend_weights(
            predictions[:, :, offset + items].mean(axis=1),
            item_pair_booster.predict(item_features, entity_features, items),
            np.where(np.isnan(happened[measured]), np.nan, happened[measured] > 0),
            np.ones(len(items), bool),
            ["items"] * len(items),
            default=0.5,
        )
        network_weight = float(network_weights[0])
        pairs[pair_name(source, column, horizon)] = ItemPairs(item_pair_booster, network_weight, tried.get("items", {}))
        report_metrics[f"network_share_{column}"] = network_weight
    CheckpointArtifact.write_item_pairs(writer, pairs, item_ease)
    report_metrics["rows"] = len(row_index)
    return steps


def _features(
    examples: ExamplesArtifact, row_index: np.ndarray, column: tuple[str, str, np.ndarray, np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See `learner_layout.item_features`, of some rows of those at `row_index`."""
    return learner_layout.item_features(examples, row_index[rows], *column)


def _learn_network(
    ws: Workspace,
    examples: ExamplesArtifact,
    layout: Layout,
    rows: TrainingSet,
    held: np.ndarray,
    measured: np.ndarray,
    writer: ArtifactWriter,
    report_metrics: ReportMetrics,
) -> tuple[list[float], np.ndarray]:
    """Learn and write the network of items and composition; its loss per step and its logits of `measured` rows."""
    settings = ws.settings
    shape = learner_layout.items_shape(examples.layout, layout, settings.width, settings.hidden)
    targets = rows.targets[:, learner_layout.first_item_target(layout) :]
    model, curve = pretrain(
        rows.inputs, targets, np.zeros(0, bool), shape, settings.epochs, settings.seed, ws.log, held=held
    )
    CheckpointArtifact.write_items_network(writer, model, shape)
    report_metrics |= {f"loss_{k}": round(v, 5) for k, v in curve.heldout.items()}
    report_metrics |= {f"unigram_{k}": round(v, 5) for k, v in curve.unigram.items()}
    report_metrics["steps"] = len(curve.steps)
    report_metrics["weights"] = sum(p.numel() for p in model.network.parameters())
    return curve.steps, model.items(rows.inputs[measured])
