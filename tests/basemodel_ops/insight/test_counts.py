"""Tails of numbers of events against sums of the forecast's own distribution."""

import numpy as np
from scipy.stats import norm

from basemodel_ops.insight.counts import Chance, Errors, Expected, Reading, log_errors, surprise


def test_a_surprise_is_minus_the_log_of_twice_the_smaller_tail() -> None:
    expected = Expected(np.full(40, 0.7), np.full(40, 2.0))
    errors = Errors(np.zeros(1), np.full(1, 0.1), np.full(1, 0.6))
    number = np.arange(40)
    # The cells of a normal distribution of the log, cut at the first whole number; half-way between them it changes.
    edges = norm.cdf((np.log(np.arange(1, 5000) + 0.5) - 2.1) / 0.6)
    cells = np.diff(edges) / (1 - edges[0])
    chance = np.concatenate([[0.3], 0.7 * cells])
    at_most, at_least = np.cumsum(chance)[:40], 1 - np.cumsum(chance)[:40] + chance[:40]
    smaller = np.where(number > 0, np.minimum(at_most, at_least), 0.3)
    np.testing.assert_allclose(surprise(expected, number, errors), np.maximum(-np.log(2 * smaller), 0), atol=1e-6)


def test_silence_is_the_odder_the_surer_events_were() -> None:
    expected = Expected(np.array([0.2, 0.9, 0.999]), np.full(3, 2.0))
    result = surprise(expected, np.zeros(3), Errors.of(np.zeros(0), np.zeros(0)))
    np.testing.assert_allclose(result, [0, -np.log(0.2), -np.log(0.002)], atol=1e-9)


def test_errors_are_learnt_by_the_height_of_the_forecast() -> None:
    draw = np.random.default_rng(0)
    height = draw.uniform(1, 5, 4000)
    spread = 0.3 + 0.2 * height
    expected = Expected(np.ones(4000), height)
    number = np.round(np.expm1(height + 0.5 + spread * draw.normal(size=4000))).clip(0)
    errors = Errors.of(height, log_errors(expected, number))
    bias, result = errors.at(np.array([2.5, 4.5]))
    np.testing.assert_allclose(bias, 0.5, atol=0.15)
    np.testing.assert_allclose(result, [0.8, 1.2], atol=0.2)


def test_a_forecast_is_read_as_it_came_out_where_it_is_asked_for() -> None:
    draw = np.random.default_rng(0)
    logit = draw.normal(size=5000)
    happened = draw.random(5000) < 1 / (1 + np.exp(-(0.5 * logit + 2)))
    read = Chance.of(logit, happened)
    np.testing.assert_allclose([read.slope, read.level], [0.5, 2.0], atol=0.15)
    always = Chance.of(logit, np.ones(5000, bool))
    assert Expected.of(np.zeros(1), np.ones(1), always).any > 0.99
    assert np.isfinite(Chance.of(np.zeros(0), np.zeros(0, bool)).level)


def test_a_number_is_read_from_the_forecast_and_from_what_used_to_be() -> None:
    draw = np.random.default_rng(0)
    inputs = draw.uniform(0, 4, (4000, 3))
    log = inputs @ [0.5, 0.0, 0.4] + 0.3 + 0.2 * draw.normal(size=4000)
    read = Reading.of(inputs, log)
    np.testing.assert_allclose(read.weights, [0.5, 0.0, 0.4], atol=0.02)
    np.testing.assert_allclose(read.of_rows(inputs[:9]), inputs[:9] @ [0.5, 0.0, 0.4] + 0.3, atol=0.05)
    # Of few rows the forecast stays what it is.
    np.testing.assert_array_equal(Reading.of(inputs[:5], log[:5]).of_rows(inputs[:9]), inputs[:9, 0])
