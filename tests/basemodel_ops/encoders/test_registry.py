"""Every encoder: found by its type, saved as JSON and arrays, never failing on what it does not know."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from basemodel_ops.contract.types import ColumnType
from basemodel_ops.encoders import State, encoder_types, fit_encoder, load_encoder
from basemodel_ops.errors import DataError, SettingsError


def picture(colour, side=40):
    sink = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(sink, "PNG")
    return sink.getvalue()


COLUMNS = {
    "number": pa.array([1.0, float("nan"), -3.5, None, float("inf")]),
    "text": pa.array(["FRZN PIZZA", "", None, "frozen pizza", "ice cream"]),
    "image": pa.array([picture("red"), None, b"not an image", picture("blue"), b""]),
    "time": pa.array([0, 1, None, 86_400_000_000, -5], pa.timestamp("us")),
}
WRONG = {
    "number": pa.array(["1", "2"]),
    "text": pa.array([1, 2]),
    "image": pa.array([1.5]),
    "time": pa.array([1, 2]),
}


def test_every_column_type_but_categories_which_have_vocabularies_has_an_encoder():
    assert set(encoder_types()) == {str(kind) for kind in ColumnType} - {"ignore", "category"} == set(COLUMNS)
    with pytest.raises(SettingsError, match=r"there are .'image', 'number', 'text', 'time'"):
        fit_encoder("sound", [])


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_encodings_have_their_declared_shape_and_survive_saving(kind):
    column = COLUMNS[kind]
    encoder = fit_encoder(kind, [column])
    state = encoder.state()
    again = load_encoder(State(state.kind, json.loads(json.dumps(state.settings)), state.arrays))
    cells, features = encoder.cells(column), encoder.features(column)
    assert cells.dtype == np.int32
    assert cells.shape == (len(column), len(encoder.widths))
    assert (cells < np.array(encoder.widths)).all()
    assert (cells >= -1).all()
    assert features.dtype == np.float32
    assert features.shape == (len(column), len(encoder.names))
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(again.cells(column), cells)
    np.testing.assert_array_equal(again.features(column), features)
    missing = ~column.is_valid().to_numpy(zero_copy_only=False)
    assert (cells[missing] == -1).all()
    assert not features[missing].any()
    assert all(array.dtype != object for array in state.arrays.values())


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_encodings_do_not_depend_on_batches(kind):
    column = COLUMNS[kind]
    encoder = fit_encoder(kind, [column])
    for entry in range(len(column)):
        np.testing.assert_array_equal(encoder.cells(column.slice(entry, 1)), encoder.cells(column)[entry : entry + 1])
        np.testing.assert_allclose(
            encoder.features(column.slice(entry, 1)), encoder.features(column)[entry : entry + 1], atol=1e-6
        )
    parts = fit_encoder(kind, [column.slice(i, 1) for i in range(len(column))])
    np.testing.assert_array_equal(parts.cells(column), encoder.cells(column))


@pytest.mark.parametrize("kind", sorted(COLUMNS))
@pytest.mark.parametrize("empty", [pa.nulls(3), None])
def test_a_column_without_values_never_fails(kind, empty):
    nulls = pa.nulls(3, COLUMNS[kind].type) if empty is None else empty
    encoder = fit_encoder(kind, [nulls])
    assert (encoder.cells(nulls) == -1).all()
    assert not encoder.features(nulls).any()
    assert encoder.cells(COLUMNS[kind]).shape[0] == 5
    assert encoder.cells(nulls.slice(0, 0)).shape == (0, len(encoder.widths))
    assert encoder.features(nulls.slice(0, 0)).shape == (0, len(encoder.names))


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_another_type_fails_loudly(kind):
    encoder = fit_encoder(kind, [COLUMNS[kind]])
    for ask in (encoder.cells, encoder.features):
        with pytest.raises(DataError, match="dbt model"):
            ask(WRONG[kind])
    with pytest.raises(DataError, match="cannot be read as"):
        fit_encoder(kind, [WRONG[kind]])


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_chunks_and_dictionaries_are_read_like_plain_columns(kind):
    column = COLUMNS[kind]
    encoder = fit_encoder(kind, [column])
    np.testing.assert_array_equal(encoder.cells(pa.chunked_array([column[:2], column[2:]])), encoder.cells(column))
    np.testing.assert_array_equal(encoder.cells(column.dictionary_encode()), encoder.cells(column))
