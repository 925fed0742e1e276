"""Objectives of pretraining: their losses and targets against plain loops."""

import numpy as np
import pytest
import torch

from basemodel_ops.foundation import Shape
from benchmarks.quality.events import DAY, Events
from benchmarks.quality.objectives import (
    TEMPERATURE,
    NextSession,
    hidden_of,
    info_nce,
    learn_contrastive,
    learn_next_session,
    next_sessions,
    only,
    pairs_of,
)

SHAPE = Shape(
    inputs=5, scalars=(), activity=3, item_inputs=((0, 1),), item_horizons=2, sketch_inputs=((2, 3),),
    distribution_horizons=1, width=2, hidden=8,
)  # fmt: skip


def test_a_next_session_is_the_first_basket_from_the_cutoff_on(events: Events) -> None:
    label = np.array([0, 1, 2, -1, 1, 1])
    result = next_sessions(events, np.array([0, 0, 1, 1]), np.array([1, 2, 0, 4]) * DAY, label, 3, 9 * DAY)
    assert result.rows.tolist() == [0, 1, 2]
    assert result.labels.tolist() == [[True, True, False], [False] * 3, [False, True, False]]
    np.testing.assert_allclose(np.expm1(result.amounts), [[0, 2, 3], [3, 1, 8], [3, 2, 48]], rtol=1e-5)


def test_what_comes_from_the_end_on_is_not_seen(events: Events) -> None:
    cutoff = np.array([2, 3]) * DAY
    result = next_sessions(events, np.array([0, 1]), cutoff, np.zeros(6, int), 1, 5 * DAY)
    assert result.rows.tolist() == [1]


def test_partners_are_two_rows_of_one_entity() -> None:
    entity = np.array([3, 1, 1, 2, 3, 1, 9])
    batches = pairs_of(entity, 8, seed=0)
    for _, rows in zip(range(20), batches, strict=False):
        entry, other = rows.reshape(-1, 2).T
        assert (entry != other).all()
        assert (entity[entry] == entity[other]).all()
        assert sorted(set(entity[entry].tolist())) == [1, 3]


def test_the_contrastive_loss_is_the_cross_entropy_of_a_plain_loop() -> None:
    vectors = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    unit = (vectors / vectors.norm(dim=1, keepdim=True)).numpy().astype(float)
    total = 0.0
    for row in range(6):
        near = {other: np.exp(unit[row] @ unit[other] / TEMPERATURE) for other in range(6) if other != row}
        total -= np.log(near[row ^ 1] / sum(near.values()))
    assert info_nce(vectors).item() == pytest.approx(total / 6, rel=1e-4)


def test_families_are_left_out_by_their_sizes() -> None:
    assert (only(SHAPE, "items").activity, only(SHAPE, "items").items, only(SHAPE, "items").cells) == (0, 2, 0)
    assert only(SHAPE, "activity", "item_distribution").cells == 2
    with pytest.raises(ValueError, match=r"No family sessions\. There are: activity, items, item_distribution"):
        only(SHAPE, "sessions")


def test_objectives_learn_and_learn_the_same_again() -> None:
    generator = np.random.default_rng(0)
    entity = np.repeat(np.arange(300), 2)
    inputs = np.repeat(generator.standard_normal((300, 5)), 2, axis=0) + 0.1 * generator.standard_normal((600, 5))
    inputs = inputs.astype(np.float16)
    models = [learn_contrastive(inputs, entity, SHAPE, steps, seed=0) for steps in (30, 30, 0)]
    trained, again, untrained = (hidden_of(model, inputs) for model in models)
    np.testing.assert_array_equal(trained, again)
    assert info_nce(torch.from_numpy(trained)) < info_nce(torch.from_numpy(untrained))
    session = NextSession(np.arange(600), inputs[:, :1] > 0, inputs[:, 1:2].astype(np.float32))
    model, head = learn_next_session(inputs, session, SHAPE, 300, seed=0)
    answers = hidden_of(model, inputs, head)
    assert ((answers[:, 0] > 0) == session.labels[:, 0]).mean() > 0.8
    assert np.corrcoef(answers[:, 1], session.amounts[:, 0])[0, 1] > 0.8
