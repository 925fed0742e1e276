"""The trees of a booster, read from its text into flat arrays: splits of numbers only.

A tree is kept as it was grown. Node n split one leaf in two: what is at most the threshold stayed in that leaf, the
rest moved to a new one. To replay the splits in order, from leaf 0, is to find the leaf.
"""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

AS_ZERO, LEFT, RIGHT = 0, 1, 2
"""Where a node sends not-a-number: as if it were 0, to the side of the small numbers, or to the other."""

LEAVES = 256
"""Leaves of a tree, at most."""

_MISSING = (AS_ZERO, None, RIGHT)  # LightGBM's kinds: none, zero, not-a-number


@dataclass(frozen=True)
class Trees:
    """The trees of one booster, one after another; several a round where there are several classes."""

    feature: np.ndarray  # (nodes,) int64
    threshold: np.ndarray  # (nodes,) float64
    missing: np.ndarray  # (nodes,) int64, one of AS_ZERO, LEFT, RIGHT
    leaf: np.ndarray  # (nodes,) uint8, the leaf that was split
    grown: np.ndarray  # (nodes,) uint8, the leaf of what is above the threshold
    nodes: np.ndarray  # (trees,) int64, nodes of each tree
    leaves: np.ndarray  # (trees,) int64, leaves of each tree
    values: np.ndarray  # (leaves of all trees,) float64
    features: int
    per_round: int
    objective: str


def trees_of(booster: lgb.Booster) -> Trees:
    """The trees by which the booster answers; ValueError if they split or answer in another way than is known here."""
    head, *texts = booster.model_to_string(importance_type="split").partition("\nend of trees")[0].split("\nTree=")
    about = _fields(head)
    if "average_output" in head.split("\n"):
        raise ValueError("The booster answers the mean of its trees (a random forest); only sums of trees are known.")
    trees = [_tree(text) for text in texts]
    nodes = [node for tree, _ in trees for node in tree]
    values = [value for _, leaf_values in trees for value in leaf_values]
    feature, threshold, missing, leaf, grown = zip(*nodes, strict=True) if nodes else ((),) * 5
    return Trees(
        np.array(feature, np.int64),
        np.array(threshold, np.float64),
        np.array(missing, np.int64),
        np.array(leaf, np.uint8),
        np.array(grown, np.uint8),
        np.array([len(tree) for tree, _ in trees], np.int64),
        np.array([len(leaf_values) for _, leaf_values in trees], np.int64),
        np.array(values, np.float64),
        int(about["max_feature_idx"]) + 1,
        int(about["num_tree_per_iteration"]),
        about.get("objective", ""),
    )


def _fields(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in text.split("\n"))}


def _tree(text: str) -> tuple[list[tuple[int, float, int, int, int]], list[float]]:
    """Feature, threshold, side of the missing, leaf and new leaf of every node; and the values of the leaves."""
    fields = _fields(text)
    if fields["num_cat"] != "0":
        raise ValueError("The booster splits by categories; only splits of numbers are known. Ask LightGBM itself.")
    if fields.get("is_linear", "0") != "0":
        raise ValueError("The booster has linear models in its leaves; only constants are known. Ask LightGBM itself.")
    values = [float(value) for value in fields["leaf_value"].split()]
    if len(values) > LEAVES:
        raise ValueError(f"A tree has {len(values)} leaves; at most {LEAVES} are known. Ask LightGBM itself.")
    left, right, kinds, features = (
        [int(word) for word in fields[name].split()]
        for name in ("left_child", "right_child", "decision_type", "split_feature")
    )
    # A child below zero is a leaf, ~child. The leaf that a node splits is the one that the way left ends in.
    split = [0] * len(left)
    for node in reversed(range(len(left))):
        split[node] = ~left[node] if left[node] < 0 else split[left[node]]
    grown = [~child if child < 0 else split[child] for child in right]
    missing = [_side(kind) for kind in kinds]
    thresholds = [float(word) for word in fields["threshold"].split()]
    return list(zip(features, thresholds, missing, split, grown, strict=True)), values


def _side(kind: int) -> int:
    """The side of the missing, from the bits of a decision: category, left by default, and two of what is missing."""
    side = _MISSING[kind >> 2 & 3]
    if side is None:
        raise ValueError(
            "The booster takes zeros for missing (zero_as_missing), which is not known. Ask LightGBM itself."
        )
    return LEFT if side == RIGHT and kind & 2 else side
