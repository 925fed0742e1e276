"""A forest answers what LightGBM answers, to the last bit."""

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from basemodel_ops.boosting.forest import BLOCK, Forest

QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 5}
WIDTH = 5


def numbers(seed: int, rows: int, width: int = WIDTH, missing: float = 0.1) -> np.ndarray:
    """Numbers of which some are 0, some no number and some without end."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((rows, width)).astype(np.float32)
    kind = generator.random(values.shape)
    values[kind < 0.1] = 0
    values[(kind > 0.1) & (kind < 0.1 + missing)] = np.nan
    values[kind > 0.99] = np.inf
    values[kind > 0.995] = -np.inf
    values[0], values[1] = 1e-36, -1e-36  # LightGBM takes these for 0
    return values


def trained(kind: str, seed: int, width: int = WIDTH, missing: float = 0.1, **more: object) -> lgb.Booster:
    inputs = numbers(seed, 600, width, missing)
    clear = np.nan_to_num(inputs, posinf=3, neginf=-3)
    amount = clear[:, 0] + clear[:, 1] * clear[:, -1] + (np.isnan(inputs[:, 1]) if missing else 0)
    target = {
        "binary": amount > 0,
        "cross_entropy": 1 / (1 + np.exp(-amount)),
        "regression": amount,
        "multiclass": np.digitize(amount, [-0.5, 0.5]),
    }[kind]
    classes = {"num_class": 3} if kind == "multiclass" else {}
    data = lgb.Dataset(inputs, target.astype(float))
    return lgb.train({**QUIET, **classes, "objective": kind, "seed": seed, **more}, data, 12)


def raw(booster: lgb.Booster, inputs: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(inputs, raw_score=True, num_threads=1)).reshape(len(inputs), -1)


@pytest.fixture(scope="module")
def boosters() -> list[lgb.Booster]:
    """Of every objective; with numbers missing when they learnt and without; with few thresholds and with many."""
    return [
        trained("binary", 0, num_leaves=8),
        trained("cross_entropy", 1, missing=0.0, num_leaves=31),
        trained("multiclass", 2, extra_trees=True),
        trained("regression", 3, max_bin=600, min_data_in_bin=1, min_data_in_leaf=1, num_leaves=200),
        trained("regression", 4, min_gain_to_split=1e9),  # trees of one leaf
        trained("regression", 7, objective="regression_l1"),
    ]


@pytest.fixture(scope="module")
def forest(boosters: list[lgb.Booster]) -> Forest:
    return Forest.of(boosters)


def test_raw_scores_are_equal_to_the_last_bit(boosters: list[lgb.Booster], forest: Forest) -> None:
    inputs = numbers(9, 2 * BLOCK + 7)  # several blocks, and spans that are not full
    want = np.hstack([raw(booster, inputs) for booster in boosters])
    np.testing.assert_array_equal(forest.raw_scores(inputs), want)
    np.testing.assert_array_equal(forest.raw_scores(inputs, dtype=np.float32), want.astype(np.float32))
    np.testing.assert_array_equal(forest.raw_scores(inputs[3:4]), want[3:4])
    assert forest.raw_scores(inputs[:0]).shape == (0, want.shape[1])


def test_predictions_are_those_of_the_objectives(boosters: list[lgb.Booster], forest: Forest) -> None:
    inputs = numbers(9, 500)
    want = [np.asarray(booster.predict(inputs, num_threads=1)).reshape(len(inputs), -1) for booster in boosters]
    np.testing.assert_allclose(forest.predict(inputs), np.hstack(want), rtol=1e-12)


def thresholds(booster: lgb.Booster) -> list[float]:
    lines = [line for line in booster.model_to_string().split("\n") if line.startswith("threshold=")]
    result = np.array([float(word) for line in lines for word in line.removeprefix("threshold=").split()])
    result = np.clip(result, -1e30, 1e30)
    return sorted({*result, *np.nextafter(result, -np.inf), *np.nextafter(result, np.inf)})


def test_numbers_on_a_threshold_and_next_to_it_go_where_lightgbm_sends_them(
    boosters: list[lgb.Booster], forest: Forest
) -> None:
    near = np.array(thresholds(boosters[0]) + thresholds(boosters[3]))
    inputs = np.random.default_rng(0).choice(near, (3000, WIDTH))  # float64
    for requested in (inputs, inputs.astype(np.float32), np.asfortranarray(inputs)):
        np.testing.assert_array_equal(
            forest.raw_scores(requested), np.hstack([raw(value, requested) for value in boosters])
        )


@given(arrays(np.float64, (7, WIDTH), elements=st.floats(allow_nan=True, allow_infinity=True)), st.booleans())
@settings(max_examples=50, deadline=None)
def test_any_numbers_are_answered_alike(
    boosters: list[lgb.Booster], forest: Forest, inputs: np.ndarray, narrow: bool
) -> None:
    with np.errstate(over="ignore"):
        inputs = inputs.astype(np.float32) if narrow else inputs
    np.testing.assert_array_equal(forest.raw_scores(inputs), np.hstack([raw(value, inputs) for value in boosters]))


def test_boosters_of_fewer_features_read_the_first_ones() -> None:
    narrow, wide = trained("binary", 5, width=3), trained("regression", 6, width=8)
    inputs = numbers(7, 300, width=8)
    want = np.hstack([raw(narrow, inputs[:, :3]), raw(wide, inputs)])
    np.testing.assert_array_equal(Forest.of([narrow, wide]).raw_scores(inputs), want)


def test_parts_answer_as_the_whole_does(boosters: list[lgb.Booster], forest: Forest) -> None:
    current, rate, entity = (
        numbers(1, 300 * 40, 2).reshape(300, 40, 2),
        numbers(2, 40, 1)[None],
        numbers(3, 300, 2)[:, None],
    )
    shapes = [np.broadcast_to(part, (300, 40, part.shape[2])) for part in (current, rate, entity)]
    complete = np.concatenate(shapes, axis=2).reshape(-1, WIDTH)
    want = np.hstack([raw(booster, complete) for booster in boosters]).reshape(300, 40, -1)
    np.testing.assert_array_equal(forest.raw_scores(current, rate, entity), want)
    assert forest.raw_scores(current[:, :0], rate[:, :0], entity).shape == (300, 0, want.shape[2])


def test_querying_changes_nothing_of_what_is_saved(boosters: list[lgb.Booster]) -> None:
    texts = [booster.model_to_string() for booster in boosters]
    inputs = numbers(1, 100)
    result = Forest.of(boosters).raw_scores(inputs)
    assert [booster.model_to_string() for booster in boosters] == texts
    restored = [lgb.Booster(model_str=text) for text in texts]
    np.testing.assert_array_equal(Forest.of(restored).raw_scores(inputs), result)


def test_what_may_not_be_written_can_be_read(forest: Forest) -> None:
    inputs = numbers(1, 100)
    want = forest.raw_scores(inputs)
    inputs.setflags(write=False)
    np.testing.assert_array_equal(forest.raw_scores(inputs), want)


def test_inputs_of_another_width_are_refused(forest: Forest) -> None:
    with pytest.raises(ValueError, match="The inputs have 4 features, and the boosters learnt from 5"):
        forest.raw_scores(np.zeros((3, 4), np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"categorical_feature": [0]}, "splits by categories"),
        ({"linear_tree": True}, "linear models in its leaves"),
        ({"zero_as_missing": True}, "takes zeros for missing"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "a random forest"),
        ({"num_leaves": 300, "min_data_in_leaf": 1, "min_data_in_bin": 1, "max_bin": 600}, "A tree has 300 leaves"),
    ],
)
def test_what_is_not_known_is_refused(settings: dict[str, object], message: str) -> None:
    generator = np.random.default_rng(0)
    inputs = np.column_stack([generator.integers(0, 6, 800), generator.standard_normal(800)]).astype(np.float32)
    target = generator.standard_normal(6)[inputs[:, 0].astype(int)] + inputs[:, 1]
    settings = dict(settings)
    chosen = settings.pop("categorical_feature", "auto")
    data = lgb.Dataset(inputs, target, categorical_feature=chosen, params={**QUIET, **settings})  # pyright: ignore
    booster = lgb.train({**QUIET, "objective": "regression", **settings}, data, 3)
    with pytest.raises(ValueError, match=message):
        Forest.of([booster])


def test_predictions_of_other_objectives_are_refused() -> None:
    forest = Forest.of([trained("regression", 0, objective="huber", missing=0.0)])
    with pytest.raises(ValueError, match="objective 'huber"):
        forest.predict(numbers(1, 10))
