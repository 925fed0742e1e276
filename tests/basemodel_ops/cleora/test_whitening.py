"""Whitening by its definition: unit covariance."""

import numpy as np
import pytest

from basemodel_ops.cleora.whitening import whitening_of


def test_whitened_rows_have_unit_covariance():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((5000, 20)) @ generator.standard_normal((20, 20))
    rows -= rows.mean(0)
    whitening = whitening_of(rows.T @ rows / 5000)
    white = rows @ whitening
    np.testing.assert_allclose(white.T @ white / 5000, np.eye(20), atol=1e-3)
    assert np.triu(whitening).tobytes() == whitening.tobytes()


@pytest.mark.parametrize("rank", [0, 1, 5])
def test_directions_without_variance_stay_without(rank):
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((500, rank)) @ generator.standard_normal((rank, 12))
    white = rows @ whitening_of(rows.T @ rows / 500)
    values = np.linalg.eigvalsh(white.T @ white / 500)
    np.testing.assert_allclose(np.sort(values), [0] * (12 - rank) + [1] * rank, atol=1e-3)
