"""Partitions: thresholds, unseen vectors, what is saved."""

import numpy as np
import pytest

from basemodel_ops.emde import DensityLSH, identity_codes


def test_a_saved_partition_encodes_the_same():
    generator = np.random.default_rng(0)
    seen, unseen = generator.standard_normal((500, 6)), generator.standard_normal((50, 6))
    partition = DensityLSH.fit(seen, 4, 16, seed=3)
    again = DensityLSH(**partition.arrays())
    np.testing.assert_array_equal(again.encode(unseen), partition.encode(unseen))
    np.testing.assert_array_equal(partition.encode(seen), DensityLSH.fit(seen, 4, 16, seed=3).encode(seen))
    assert (partition.depth, partition.width) == (4, 16)


def test_cells_do_not_depend_on_what_else_is_encoded():
    vectors = np.random.default_rng(0).standard_normal((301, 33))  # with an odd number, medians are vectors' own
    partition = DensityLSH.fit(vectors, 6, 32, seed=0)
    one_by_one = np.concatenate([partition.encode(vectors[i : i + 1]) for i in range(len(vectors))])
    np.testing.assert_array_equal(one_by_one, partition.encode(vectors))


def test_quantile_thresholds_make_unequal_cells():
    vectors = np.random.default_rng(0).standard_normal((4096, 8))
    codes = DensityLSH.fit(vectors, 20, 8, seed=0, thresholds="quantile").encode(vectors)
    share = np.stack([((codes >> bit) & 1).mean(axis=0) for bit in range(3)]).ravel()
    assert share.min() < 0.2
    assert share.max() > 0.8


@pytest.mark.parametrize("thresholds", ["median", "quantile"])
def test_near_vectors_share_more_cells_than_far_ones(thresholds):
    generator = np.random.default_rng(1)
    base = generator.standard_normal((300, 16))
    vectors = np.vstack([base, base + 0.05 * generator.standard_normal(base.shape)])
    near = DensityLSH.fit(vectors, 10, 64, 0, thresholds).encode(vectors)
    same = (near[:300] == near[300:]).mean()
    other = (near[:300] == np.roll(near[300:], 1, axis=0)).mean()
    assert same > 0.6 > 5 * other


def test_numbers_that_are_not_finite_never_fail():
    vectors = np.random.default_rng(0).standard_normal((64, 4))
    vectors[0], vectors[1, 0], vectors[:, 3] = np.nan, np.inf, 0
    assert DensityLSH.fit(vectors, 3, 4, 0).encode(vectors).max() < 4
    with pytest.raises(ValueError, match="at least one"):
        DensityLSH.fit(vectors[:0], 3, 4, 0)


def test_identity_codes_spread_evenly():
    codes = identity_codes(np.arange(20_000, dtype=np.uint64), 3, 64)
    counts = np.bincount(codes[:, 0], minlength=64)
    assert counts.min() > 200
    assert counts.max() < 430
