"""Work side by side: order, errors, one thread per kernel."""

import numba
import pytest

from basemodel_ops.representation.workers import parallel_map, safe_workers


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    assert list(parallel_map(lambda item: item * 2, range(50), workers)) == [2 * item for item in range(50)]


def test_an_error_is_raised_at_its_place():
    stream = parallel_map(lambda item: 1 // (2 - item), range(5), 2)
    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(stream)


def test_kernels_of_workers_have_one_thread_and_the_callers_keep_theirs():
    before = numba.get_num_threads()
    if safe_workers() > 1:
        assert set(parallel_map(lambda _: numba.get_num_threads(), range(8), 2)) == {1}
    assert numba.get_num_threads() == before
