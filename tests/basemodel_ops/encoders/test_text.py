"""Texts: near ones share cells; long, broken and missing ones never fail."""

import importlib.util

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.encoders import load_encoder
from basemodel_ops.encoders.distinct import DistinctRows
from basemodel_ops.encoders.grams import gram_vectors
from basemodel_ops.encoders.hashing import bytes_of
from basemodel_ops.encoders.text import TextEncoder
from basemodel_ops.errors import SettingsError

NAMES = ["frozen pizza", "frzn pizza", "ice cream", "vanilla ice cream", "dog food", "cat food", "toothpaste", "bread"]


def cosines(vectors):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


@pytest.mark.parametrize("static", [True, False])
def test_near_texts_have_near_vectors(static):
    encoder = TextEncoder.fit([pa.array(NAMES)], static=static)
    cosine = cosines(encoder.features(pa.array(NAMES)))
    assert cosine[0, 1] > 2 * max(cosine[0, 4], cosine[0, 6])
    assert cosine[2, 3] > 2 * cosine[2, 6]


def test_static_vectors_know_meaning_that_letters_do_not_show():
    encoder = TextEncoder.fit([pa.array(NAMES)])
    words = encoder.features(pa.array(["puppy", "dog", "invoice"]))[:, :256]
    cosine = cosines(words)
    assert cosine[0, 1] > cosine[1, 2] + 0.1


def test_unseen_near_text_shares_cells():
    generator = np.random.default_rng(0)
    words = ["milk", "bread", "beer", "soap", "rice", "fish", "apple", "cheese", "towel", "candle"]
    seen = [" ".join(generator.choice(words, 3)) for _ in range(400)]
    encoder = TextEncoder.fit([pa.array(seen)], static=False)
    near = [text.replace("cheese", "chese") for text in seen if "cheese" in text]
    original = [text for text in seen if "cheese" in text]
    same = (encoder.cells(pa.array(near)) == encoder.cells(pa.array(original))).mean()
    other = (encoder.cells(pa.array(near)) == encoder.cells(pa.array(original[::-1]))).mean()
    assert same > 2 * other


def test_case_of_letters_does_not_matter():
    encoder = TextEncoder.fit([pa.array(NAMES)])
    upper = pa.array([name.upper() for name in NAMES])
    np.testing.assert_array_equal(encoder.cells(upper), encoder.cells(pa.array(NAMES)))


def test_long_and_broken_texts_never_fail():
    encoder = TextEncoder.fit([pa.array(NAMES)])
    broken = pa.array([b"\xff\xfe\x00 pizza", b"caf\xc3", b"x" * 10_000_000, b"\xf0\x9f"])
    assert (encoder.cells(broken) >= 0).all()
    claimed = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    )
    assert (encoder.cells(claimed) >= 0).all()
    np.testing.assert_array_equal(encoder.cells(pa.array([b"bread"])), encoder.cells(pa.array(["bread"])))


def test_grams_equal_a_plain_count():
    column = pa.array(["Ab", "", "abab"])
    vectors = gram_vectors(*bytes_of(column), 4096)
    grams = {" a", "ab", "b ", " ab", "ab ", " ab "}
    assert (vectors[0] != 0).sum() == len(grams)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.abs(vectors[0][vectors[0] != 0]), 1 / np.sqrt(len(grams)), rtol=1e-5)


def test_missing_static_vectors_are_named(monkeypatch):
    state = TextEncoder.fit([pa.array(NAMES)]).state()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wordllama" else find(name))
    with pytest.raises(SettingsError, match="static=False"):
        load_encoder(state)


def test_distinct_values_are_computed_once_and_forgotten_beyond_the_limit(monkeypatch):
    requested, memory = [], DistinctRows()
    monkeypatch.setattr("basemodel_ops.encoders.distinct.LIMIT", 4)

    def lengths(values):
        requested.extend(values.to_pylist())
        return np.array([[len(value)] for value in values.to_pylist()])

    missing = np.array([-1])
    for column, fresh in ([["a", "bb", None], ["a", "bb"]], [["bb", "ccc"], ["ccc"]], [["bb", *"defg"], [*"defg"]]):
        requested.clear()
        result = memory.rows(pa.array(column), lengths, missing)[:, 0]
        assert result.tolist() == [-1 if value is None else len(value) for value in column]
        assert requested == fresh
