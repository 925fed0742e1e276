"""Vocabularies: what is unknown has no code, and nothing is matched across types."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError


def vocabulary(values: list[str | None]) -> Vocabulary:
    return Vocabulary.from_table(pa.table({"value": values, "count": list(range(len(values), 0, -1))}))


def test_a_code_is_the_position_and_unknown_or_null_have_none() -> None:
    known = vocabulary(["b", None, "a"])
    assert len(known) == 2
    codes = known.encode(pa.array(["a", "b", "c", None, "b"]))
    assert codes.dtype == np.int32
    assert codes.tolist() == [1, 0, -1, -1, 0]


def test_texts_match_however_they_are_stored() -> None:
    known = vocabulary(["b", "a"])
    assert known.encode(pa.array(["a", "b"], pa.large_string())).tolist() == [1, 0]
    assert known.encode(pa.chunked_array([["a"], ["b", None]])).tolist() == [1, 0, -1]
    large = pa.table({"value": pa.array(["b", "a"], pa.large_string()), "count": [2, 1]})
    assert Vocabulary.from_table(large).encode(pa.array(["a"])).tolist() == [1]
    coded = pa.table({"value": pa.array(["b", "a"]).dictionary_encode(), "count": [2, 1]})
    assert Vocabulary.from_table(coded).encode(pa.array(["a"])).tolist() == [1]


def test_a_column_of_nulls_has_no_codes() -> None:
    assert vocabulary(["a"]).encode(pa.nulls(2)).tolist() == [-1, -1]


def test_another_type_is_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match=r"int64 .* string; none could match\. Cast one"):
        vocabulary(["1", "2"]).encode(pa.array([1, 2]))


def test_groups_stand_by_weight_and_ties_by_value() -> None:
    values = pa.array(["a", "b", None, "c", "b", "d"])
    known, codes = Vocabulary.of_groups(values, np.array([1, 2, 99, 5, 3, 1]))
    assert known.values.to_pylist() == ["b", "c", "a", "d"]
    assert known.counts.tolist() == [5, 5, 1, 1]
    assert codes.tolist() == [2, 0, -1, 1, 0, 3]


def test_a_vocabulary_survives_its_table() -> None:
    known = vocabulary(["b", "a"])
    again = Vocabulary.from_table(known.table())
    assert again.values.equals(known.values)
    assert again.counts.tolist() == known.counts.tolist()
