"""The gap to a refit."""

import numpy as np
import pytest

from benchmarks.refit import inductive_gap
from tests.basemodel_ops.cleora.dense import unit


def test_the_gap_does_not_see_rotations():
    generator = np.random.default_rng(0)
    vectors = unit(generator.standard_normal((200, 8)))
    turn, _ = np.linalg.qr(generator.standard_normal((8, 8)))
    gap = inductive_gap(vectors[:20], vectors[:20] @ turn, vectors[20:], vectors[20:] @ turn)
    assert gap == pytest.approx({"cosine_new": 1, "cosine_known": 1})
