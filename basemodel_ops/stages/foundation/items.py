"""Learning which items will be seen: a network of all, and a booster of pairs for each column that is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from basemodel_ops.artifacts.artifact import Arrays
from basemodel_ops.boosting.blending import blend_weights
from basemodel_ops.boosting.item_pairs import fit_item_pairs
from basemodel_ops.foundation import FoundationModel, Shape, TrainingCurve, pretrain
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.checkpoint_artifact import ItemPairs, pair_name
from basemodel_ops.stages.foundation.training_sets import ReportMetrics, TrainingSet, later_than
from basemodel_ops.stages.progress import Log

HELD_OUT = 20
"""One entity in so many is kept from the learners of items, to measure them."""


@dataclass(frozen=True)
class ItemLearners:
    """Both learners of items: the network, and the boosters of pairs by `pair_name`."""

    network: FoundationModel
    shape: Shape
    """Of the network."""
    losses: list[float]
    """Of the network, per step."""
    pairs: dict[str, ItemPairs]
    ease_weights: Arrays
    """How alike items are, (items, items), by `source.column`."""
    report_metrics: ReportMetrics


def learn_items(
    examples: ExamplesArtifact, item_targets: Sequence[tuple[str, str, int]], settings: Settings, log: Log
) -> ItemLearners:
    """Learn both learners of items, and the network's share by later time."""
    layout, seed = examples.targets, settings.seed
    rows = TrainingSet.of_items(examples)
    row_index, targets = rows.row_index, rows.targets
    entity = examples.entity[row_index]
    held = np.random.default_rng((seed, 1)).integers(0, HELD_OUT, len(examples.entities))[entity] == 0
    held = held if 0 < held.sum() < len(held) else np.arange(len(held)) == 0
    is_later = examples.cutoff[row_index] >= later_than(examples, row_index)
    measured = np.flatnonzero(held & is_later) if (held & is_later).any() else np.flatnonzero(held)
    item_ease = learner_layout.item_ease_weights(examples.layout, rows.inputs)
    shape = learner_layout.items_shape(examples.layout, layout, settings.width, settings.hidden)
    happened_after = rows.targets[:, learner_layout.first_item_target(layout) :]
    network, curve = pretrain(
        rows.inputs, happened_after, np.zeros(0, bool), shape, settings.epochs, seed, log, held=held
    )
    predictions = network.items(rows.inputs[measured])
    report_metrics = _network_metrics(network, curve)
    del rows  # its inputs are most of what is in memory, and pairs do not read them
    pairs: dict[str, ItemPairs] = {}
    for source, column, horizon in item_targets:
        block = next(b for b in layout.select("item", source, column) if b.detail == str(horizon))
        items = np.arange(block.length)
        happened = targets[:, block.offset : block.end].astype(np.float32)
        known = np.flatnonzero(~held & ~np.isnan(happened[:, 0]))
        column_ease = item_ease[f"{source}.{column}"]
        features = partial(_features, examples, row_index[known], (source, column, items, column_ease))
        item_pair_booster = fit_item_pairs(features, happened[known] > 0, seed)
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
    report_metrics["rows"] = len(row_index)
    return ItemLearners(network, shape, curve.steps, pairs, item_ease, report_metrics)


def _features(
    examples: ExamplesArtifact, row_index: np.ndarray, column: tuple[str, str, np.ndarray, np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See `learner_layout.item_features`, of some rows of those at `row_index`."""
    return learner_layout.item_features(examples, row_index[rows], *column)


def _network_metrics(network: FoundationModel, curve: TrainingCurve) -> ReportMetrics:
    """What is reported of the network of items and composition."""
    report_metrics: ReportMetrics = {f"loss_{k}": round(v, 5) for k, v in curve.heldout.items()}
    report_metrics |= {f"unigram_{k}": round(v, 5) for k, v in curve.unigram.items()}
    report_metrics["steps"] = len(curve.steps)
    report_metrics["weights"] = sum(p.numel() for p in network.network.parameters())
    return report_metrics
