"""Nothing is lost, nothing changes places, and only the last part is small."""

from hypothesis import given
from hypothesis import strategies as st

from basemodel_ops.representation.batching import batched


@given(st.lists(st.lists(st.integers(), max_size=5)), st.integers(1, 12))
def test_parts_are_joined_in_order_until_they_are_large_enough(parts, least):
    result = list(batched(parts, len, least, lambda waiting: [item for part in waiting for item in part]))
    assert [item for part in result for item in part] == [item for part in parts for item in part]
    assert all(len(part) >= least for part in result[:-1])
