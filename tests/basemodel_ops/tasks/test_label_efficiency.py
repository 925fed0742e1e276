"""A curve of label efficiency: which rows each of its points learns from, and what is kept of it."""

import json

import numpy as np

from basemodel_ops.tasks.label_efficiency import HEADS, LEAST, SHARES, LabelEfficiency, label_efficiency

ENTITY = np.arange(4_000) // 2  # two rows each
TARGET = (np.arange(4_000) % 3 == 0).astype(float)
DRAWS = np.random.default_rng(5).random(2_000)


def measured(entities: int = 2_000) -> tuple[LabelEfficiency | None, list[tuple[str, np.ndarray]]]:
    """A curve whose metric is the share of all rows, and what was measured for it."""
    rows, drawn = 2 * entities, []

    def measure(name: str, subset: np.ndarray) -> float:
        drawn.append((name, subset))
        return len(subset) / rows if name != HEADS[-1] else float("nan")

    return label_efficiency("auroc", TARGET[:rows], ENTITY[:rows], DRAWS[ENTITY[:rows]], measure), drawn


def test_a_point_is_of_all_rows_of_the_entities_that_were_drawn() -> None:
    curve, drawn = measured()
    assert curve is not None
    assert [name for name, _ in drawn] == [*HEADS] * len(curve.shares)
    before: set[int] = set()
    for share, entities, (_, rows) in zip(curve.shares, curve.entities, drawn[:: len(HEADS)], strict=True):
        chosen = set(np.flatnonzero(share > DRAWS).tolist())
        assert chosen >= before
        assert len(chosen) == entities
        np.testing.assert_array_equal(rows, np.flatnonzero(np.isin(ENTITY, list(chosen))))
        before = chosen
    assert curve.shares[-1] == SHARES[-1] == 1.0
    assert curve.entities[-1] == 2_000


def test_it_is_kept_as_json_and_what_cannot_be_measured_is_not_there() -> None:
    curve, _ = measured()
    assert curve is not None
    assert curve.values[HEADS[-1]] == [None] * len(curve.shares)
    assert curve.values[HEADS[0]][-1] == 1.0
    assert LabelEfficiency(**json.loads(json.dumps(curve.as_dict()))) == curve


def test_few_entities_have_no_curve() -> None:
    assert measured(LEAST)[0] is None
    curve, _ = measured(500)
    assert curve is not None
    assert min(curve.entities) >= LEAST
