"""Where inputs and futures stand, with several sources and horizons."""

from pathlib import Path

import numpy as np

from basemodel_ops.representation import Layout
from basemodel_ops.stages import Workspace, training_examples
from basemodel_ops.stages.futures import families_of, foreseen, thing_offset, things_order, things_shape
from basemodel_ops.stages.rows import Examples

from .riding import encoded

INPUTS = Layout(
    [
        ("scalar", "a", "", "events_7d", 1), ("count", "a", "x", "28", 2), ("count", "a", "y", "28", 3),
        ("recency", "a", "x", "", 2), ("recency", "a", "y", "", 3), ("sketch", "a", "y", "28", 8),
        ("scalar", "b", "", "events_7d", 1), ("count", "b", "z", "28", 4), ("recency", "b", "z", "", 4),
        ("calendar", "", "", "", 2),
    ]
)  # fmt: skip
FUTURES = Layout(
    [
        ("any", "a", "", "7", 1), ("amount", "a", "events", "7", 1), ("amount", "a", "sessions", "7", 1),
        ("wait", "a", "", "14", 1), ("any", "b", "", "7", 1),
        ("thing", "a", "x", "7", 2), ("thing", "a", "y", "7", 3), ("thing", "a", "x", "14", 2),
        ("thing", "a", "y", "14", 3),
        ("thing", "b", "z", "7", 4), ("thing", "b", "z", "14", 4),
        ("composition", "a", "y", "7", 4), ("composition", "a", "y", "14", 4),
    ]
)  # fmt: skip


def test_the_futures_of_things_stand_by_horizon_in_the_order_of_their_inputs() -> None:
    """The network answers (span, thing); a thing's skip must lead to its own future, whatever the source."""
    shape = things_shape(INPUTS, FUTURES, width=4, hidden=8)
    names = {
        p: (b.kind, b.source, b.column, b.detail, p - b.offset) for b in FUTURES.blocks for p in range(b.offset, b.end)
    }
    order = [names[int(place)] for place in things_order(FUTURES)]
    assert shape.things == 9
    inputs = {p: (b.source, b.column, p - b.offset) for b in INPUTS.blocks for p in range(b.offset, b.end)}
    for feature in shape.thing_inputs:
        for span, days in enumerate(("7", "14")):
            for thing, place in enumerate(feature):
                kind, source, column, horizon, value = order[span * shape.things + thing]
                assert (kind, horizon) == ("thing", days)
                assert (source, column, value) == inputs[place]
    assert [name[3] for name in order[18:]] == ["7"] * 4 + ["14"] * 4
    assert sorted(things_order(FUTURES).tolist()) == list(range(5, FUTURES.length))


def test_the_things_of_a_column_begin_where_recency_says() -> None:
    assert [thing_offset(INPUTS, *name) for name in (("a", "x"), ("a", "y"), ("b", "z"))] == [0, 2, 5]


def test_layers_read_no_sketch_and_skips_do() -> None:
    shape = things_shape(INPUTS, FUTURES, width=4, hidden=8)
    sketch = INPUTS.positions("sketch")
    assert not np.isin(sketch, shape.read).any()
    assert np.isin(shape.sketch_inputs[0], sketch).all()


def test_activity_is_learnt_once_per_meaning() -> None:
    blocks = foreseen(FUTURES)
    assert families_of(blocks) == ["a any", "a amount", "a wait", "b any"]


def test_activity_is_kept_of_more_rows_and_says_the_same_of_those_it_shares(tmp_path: Path) -> None:
    ws = encoded(tmp_path)
    ws = Workspace.open(ws.settings.model_copy(update={"pretraining_rows": 60}), ws.contract, ws.log)
    training_examples(ws)
    examples = Examples(ws.current("training_examples"))
    columns = [block.offset for block in foreseen(Layout.from_rows(examples.artifact.json("futures")))]
    whole, part = (
        {name: np.concatenate([arrays[name] for _, arrays in examples.shards(kind)]) for name in ("row", "values")}
        for kind in ("futures", "activity")
    )
    assert len(columns) == part["values"].shape[1] > 0
    assert len(np.unique(part["row"])) == len(part["row"]) > len(whole["row"]) > 0
    place = np.searchsorted(part["row"], whole["row"])
    np.testing.assert_array_equal(part["row"][place], whole["row"])
    np.testing.assert_array_equal(part["values"][place], whole["values"][:, columns])
