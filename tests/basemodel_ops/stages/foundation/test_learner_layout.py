"""Where inputs and futures stand, with several sources and horizons."""

from pathlib import Path

import numpy as np

from basemodel_ops.representation import Layout, target_layout
from basemodel_ops.stages import Workspace, training_examples
from basemodel_ops.stages.features.activity_targets import activity_targets
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation.learner_layout import (
    first_item_target,
    horizon_groups_of,
    item_ease_weights,
    item_features,
    item_offset,
    items_shape,
    target_groups_of,
)

from ...representation.histories import plan
from ..riding import encoded

INPUTS = Layout(
    [
        ("scalar", "a", "", "events_7d", 1), ("count", "a", "x", "28", 2), ("count", "a", "y", "28", 3),
        ("session", "a", "x", "28", 2), ("session", "a", "y", "28", 3),
        ("recency", "a", "x", "", 2), ("recency", "a", "y", "", 3), ("sketch", "a", "y", "28", 8),
        ("scalar", "b", "", "events_7d", 1), ("count", "b", "z", "28", 4), ("session", "b", "z", "28", 4),
        ("recency", "b", "z", "", 4),
        ("calendar", "", "", "", 2),
    ]
)  # fmt: skip
TARGETS = Layout(
    [
        ("occurred", "a", "", "7", 1), ("amount", "a", "events", "7", 1), ("amount", "a", "sessions", "7", 1),
        ("time_to_event", "a", "", "14", 1), ("occurred", "b", "", "7", 1),
        ("item", "a", "x", "7", 2), ("item", "a", "y", "7", 3), ("item", "b", "z", "7", 4),
        ("item", "a", "x", "14", 2), ("item", "a", "y", "14", 3), ("item", "b", "z", "14", 4),
        ("item_distribution", "a", "y", "7", 4), ("item_distribution", "a", "y", "14", 4),
    ]
)  # fmt: skip


def test_the_targets_of_items_stand_by_horizon_in_the_order_of_their_inputs() -> None:
    """The network answers (span, thing); a thing's skip must lead to its own future, whatever the source."""
    shape = items_shape(INPUTS, TARGETS, width=4, hidden=8)
    names = {
        p: (b.kind, b.source, b.column, b.detail, p - b.offset) for b in TARGETS.blocks for p in range(b.offset, b.end)
    }
    order = [names[row_index] for row_index in range(first_item_target(TARGETS), TARGETS.length)]
    assert shape.items == 9
    inputs = {p: (b.source, b.column, p - b.offset) for b in INPUTS.blocks for p in range(b.offset, b.end)}
    for feature in shape.item_inputs:
        for span, days in enumerate(("7", "14")):
            for item, row_index in enumerate(feature):
                kind, source, column, horizon, value = order[span * shape.items + item]
                assert (kind, horizon) == ("item", days)
                assert (source, column, value) == inputs[row_index]
    assert [name[3] for name in order[18:]] == ["7"] * 4 + ["14"] * 4
    created = target_layout([plan("a"), plan("b")], (7,), (7, 14))
    spans = [b.detail for b in created.blocks if b.offset >= first_item_target(created)]
    assert spans == ["7", "7", "14", "14"] * 2


def test_the_items_of_a_column_begin_where_recency_says() -> None:
    assert [item_offset(INPUTS, *name) for name in (("a", "x"), ("a", "y"), ("b", "z"))] == [0, 2, 5]


def test_layers_read_no_sketch_and_skips_do() -> None:
    shape = items_shape(INPUTS, TARGETS, width=4, hidden=8)
    sketch = INPUTS.positions("sketch")
    assert not np.isin(sketch, shape.read).any()
    assert np.isin(shape.sketch_inputs[0], sketch).all()


def test_what_other_items_say_of_one_leaves_out_what_it_says_itself(tmp_path: Path) -> None:
    ws = encoded(tmp_path)
    training_examples(ws)
    examples = ExamplesArtifact.current(ws.store)
    row_index = np.flatnonzero(examples.is_wide)
    values = examples.gather(row_index, np.arange(examples.layout.length))
    np.testing.assert_array_equal(np.concatenate([part for _, part in examples.chunks(row_index)]), values)
    similar = item_ease_weights(examples.layout, values)["trips.station"]
    block = max(examples.layout.select("session", "trips", "station"), key=lambda block: float(block.detail))
    items = np.arange(block.length)
    current, shared = item_features(examples, row_index, "trips", "station", items, similar)
    counts = values[:, block.offset : block.end].astype(np.float64)
    for item in items:  # ridge regression of each thing on the others
        others = np.delete(counts, item, axis=1)
        penalty = 0.1 * len(counts) * np.eye(others.shape[1])
        weights = np.linalg.solve(others.T @ others + penalty, others.T @ counts[:, item])
        np.testing.assert_allclose(current[:, item, -1], others @ weights, rtol=2e-3, atol=2e-3)
    subset = np.array([2, 0])
    np.testing.assert_array_equal(
        item_features(examples, row_index, "trips", "station", subset, similar)[0][:, :, :-1], current[:, subset, :-1]
    )
    scalars = [block.offset for block in examples.layout.select("scalar", "trips")]
    np.testing.assert_array_equal(shared, values[:, scalars].astype(np.float32))


def test_activity_is_learnt_once_per_meaning() -> None:
    blocks = activity_targets(TARGETS)
    assert target_groups_of(blocks) == ["a occurred", "a amount", "a time_to_event", "b occurred"]


def test_windows_of_one_quantity_stand_by_horizon() -> None:
    rows = [
        (kind, source, column, str(days), 1)
        for days in (14, 7, 28)
        for kind, source, column in (("occurred", "a", ""), ("amount", "a", "events"), ("occurred", "b", ""))
    ]
    blocks = list(Layout([*rows, ("time_to_event", "a", "", "28", 1)]).blocks)
    assert sorted(horizon_groups_of(blocks)) == [[3, 0, 6], [4, 1, 7], [5, 2, 8], [9]]


def test_activity_is_kept_of_more_rows_and_says_the_same_of_those_it_shares(tmp_path: Path) -> None:
    ws = encoded(tmp_path)
    ws = Workspace.open(ws.settings.model_copy(update={"pretraining_rows": 60}), ws.contract, ws.log)
    training_examples(ws)
    examples = ExamplesArtifact.current(ws.store)
    columns = [block.offset for block in activity_targets(examples.targets)]
    complete, part = (
        dict(zip(("row", "values"), examples.sample(kind), strict=True)) for kind in ("targets", "activity")
    )
    assert len(columns) == part["values"].shape[1] > 0
    assert len(np.unique(part["row"])) == len(part["row"]) > len(complete["row"]) > 0
    row_index = np.searchsorted(part["row"], complete["row"])
    np.testing.assert_array_equal(part["row"][row_index], complete["row"])
    np.testing.assert_array_equal(part["values"][row_index], complete["values"][:, columns])
