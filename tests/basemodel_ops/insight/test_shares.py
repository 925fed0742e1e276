"""Shares foreseen of items: weights that are found again, and tails that are uniform under them."""

import numpy as np
from scipy.stats import kstest

from basemodel_ops.insight.shares import Mixture, surprise, tails


def test_weights_of_a_mixture_are_found_again_by_how_much_is_known() -> None:
    draw = np.random.default_rng(0)
    kinds, true = draw.dirichlet(np.full(6, 0.3), size=(2, 4000)), np.array([0.8, 0.2])
    total_weight = np.repeat([0.1, 100.0], 2000)
    which = np.where(total_weight > 1, draw.random(4000) < true[1], draw.random(4000) < true[0]).astype(int)
    shares = kinds[which, np.arange(4000)]
    item = (shares.cumsum(axis=1) > draw.random((4000, 1))).argmax(axis=1)
    mixture = Mixture.of(kinds[:, np.arange(4000), item].T, total_weight)
    np.testing.assert_allclose(mixture.weights[[0, -1], 1], true, atol=0.06)
    np.testing.assert_allclose(mixture.shares(kinds[:, :5], total_weight[:5]).sum(axis=1), 1)


def test_tails_are_the_mass_of_what_is_no_likelier() -> None:
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    result = tails(shares, np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2]))
    np.testing.assert_allclose(result, [0.75, 0.35, 0.1, 0.6])


def test_windows_of_items_drawn_from_their_shares_are_no_odder_than_chance() -> None:
    draw = np.random.default_rng(0)
    shares = draw.dirichlet(np.ones(200), size=1500)
    count = draw.integers(1, 20, 1500)
    row = np.repeat(np.arange(1500), count)
    item = (shares[row].cumsum(axis=1) > draw.random((len(row), 1))).argmax(axis=1)
    score = surprise(tails(shares, row, item), row, 1501)
    assert np.isnan(score[-1])
    assert kstest(np.exp(-score[:-1]), "uniform").statistic < 0.05
    rare = surprise(tails(shares, row, shares[row].argmin(axis=1)), row, 1500)
    assert (rare > score[:-1]).mean() > 0.99
