"""Pretraining on a small world whose future follows from its past."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from basemodel_ops.foundation import FoundationModel, Hardware, PretrainingNetwork, Shape, TrainingCurve, pretrain

SHAPE = Shape(
    inputs=8, scalars=(0, 1), activity=2, item_inputs=((2, 3),), item_horizons=1, sketch_inputs=((4, 5, 6, 7),),
    distribution_horizons=1, width=4, hidden=16,
)  # fmt: skip
IS_ANY = np.array([True, False])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Steps this small wait for threads longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def world(seed: int, rows: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and the futures they lead to: any, an amount, counts of two things, shares of four cells."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((rows, SHAPE.inputs))
    is_active = inputs[:, 0] + 0.3 * generator.standard_normal(rows) > 0
    amount = np.maximum(inputs[:, 1] + 1, 0) * is_active
    items = np.maximum(inputs[:, 2:4], 0) * is_active[:, None]
    shares = np.exp(2 * inputs[:, 4:]) / np.exp(2 * inputs[:, 4:]).sum(axis=1, keepdims=True)
    targets = np.column_stack([is_active, amount, items, shares * is_active[:, None]])
    targets[generator.random(rows) < 0.1, 2:] = np.nan  # longer windows, not over
    return inputs.astype(np.float16), targets.astype(np.float16)


def learn(seed: int = 0, rows: int = 2000, epochs: int = 6) -> tuple[FoundationModel, TrainingCurve]:
    return pretrain(
        *world(0, rows), IS_ANY, SHAPE, epochs, seed, log=lambda line: None, batch=128, rate=1e-2, hardware=Hardware()
    )


@pytest.fixture(scope="module")
def trained() -> tuple[FoundationModel, TrainingCurve]:
    return learn()


def test_every_family_beats_knowing_only_averages(trained: tuple[FoundationModel, TrainingCurve]) -> None:
    _, curve = trained
    assert list(curve.heldout) == ["activity", "items", "item_distribution"]
    assert all(np.isfinite(curve.steps))
    for family, loss in curve.heldout.items():
        assert loss < curve.unigram[family] - 0.05, (family, curve.heldout, curve.unigram)


def test_answers_on_rows_never_seen_follow_what_causes_them(trained: tuple[FoundationModel, TrainingCurve]) -> None:
    model, _ = trained
    inputs, targets = world(1)
    activity, items = model.activity(inputs), model.items(inputs)
    assert activity.shape == (2000, 2)
    assert items.shape == (2000, 1, 2)
    assert ((activity[:, 0] > 0) == (targets[:, 0] > 0)).mean() > 0.85
    assert np.corrcoef(activity[:, 1], targets[:, 1].astype(float))[0, 1] > 0.7
    known = ~np.isnan(targets[:, 2])
    for item in range(2):
        happens = targets[known, 2 + item] > 0
        assert items[known, 0, item][happens].mean() > items[known, 0, item][~happens].mean() + 1


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    (first, entry), (second, two), (other, _) = (learn(seed, 400, 1) for seed in (3, 3, 4))
    assert entry == two
    assert {name: array.tobytes() for name, array in first.arrays().items()} == {
        name: array.tobytes() for name, array in second.arrays().items()
    }
    assert first.arrays()["network.first.weight"].tobytes() != other.arrays()["network.first.weight"].tobytes()


def test_a_saved_model_answers_the_same(trained: tuple[FoundationModel, TrainingCurve]) -> None:
    model, _ = trained
    shape = Shape.from_dict(json.loads(json.dumps(SHAPE.to_dict())))
    assert shape == SHAPE
    again = FoundationModel.from_arrays(model.arrays(), shape)
    inputs, _ = world(1)
    np.testing.assert_array_equal(again.activity(inputs), model.activity(inputs))
    np.testing.assert_array_equal(again.items(inputs), model.items(inputs))


def test_answers_do_not_depend_on_other_rows_and_none_has_a_shape(
    trained: tuple[FoundationModel, TrainingCurve],
) -> None:
    model, _ = trained
    inputs, _ = world(1)
    np.testing.assert_allclose(model.activity(inputs[3:5]), model.activity(inputs)[3:5], atol=1e-4)
    assert model.activity(inputs[:0]).shape == (0, 2)
    assert model.items(inputs[:0]).shape == (0, 1, 2)


def test_a_row_not_learnt_from_changes_no_weight() -> None:
    inputs, target_table = world(0, 400)
    held = np.random.default_rng(5).permutation(400)[0]  # the first of the order is held out
    spoilt = target_table.copy()
    spoilt[held] = 0

    def weights(targets: np.ndarray) -> bytes:
        model, _ = pretrain(inputs, targets, IS_ANY, SHAPE, 1, 5, lambda line: None, batch=128, hardware=Hardware())
        return model.arrays()["network.first.weight"].tobytes()

    assert weights(spoilt) == weights(target_table)


@pytest.mark.parametrize("kept", ["activity", "activity items", "activity item_distribution"])
def test_a_world_without_items_or_without_sketches_is_learnt_too(kept: str) -> None:
    items, distribution = "items" in kept, "item_distribution" in kept
    shape = SHAPE
    if not items:
        shape = replace(shape, item_inputs=(), item_horizons=0)
    if not distribution:
        shape = replace(shape, sketch_inputs=(), distribution_horizons=0)
    inputs, targets = world(0, 300)
    targets = targets[:, np.repeat([True, items, distribution], [2, 2, 4])]
    model, curve = pretrain(inputs, targets, IS_ANY, shape, 1, 0, lambda line: None, batch=128)
    assert list(curve.heldout) == kept.split()
    again = FoundationModel.from_arrays(model.arrays(), shape)
    assert again.activity(inputs).shape == (300, 2)
    assert again.items(inputs).shape == ((300, 1, 2) if items else (300, 0, 0))


def test_a_handful_of_rows_is_enough_to_run() -> None:
    model, curve = learn(0, rows=40, epochs=1)
    assert np.isfinite(model.activity(world(1)[0])).all()
    assert all(np.isfinite(list(curve.heldout.values())))


def test_rows_named_as_held_out_are_measured_on_and_change_no_weight() -> None:
    inputs, target_table = world(0, 400)
    held = np.arange(400) < 100
    spoilt = target_table.copy()
    spoilt[held] = 0

    def trained_on(targets: np.ndarray) -> tuple[bytes, dict[str, float]]:
        model, curve = pretrain(
            inputs, targets, IS_ANY, SHAPE, 1, 5, lambda line: None, batch=64, held=held, hardware=Hardware()
        )
        return model.arrays()["network.first.weight"].tobytes(), curve.heldout

    (weights, losses), (same, others) = trained_on(target_table), trained_on(spoilt)
    assert weights == same
    assert losses != others


def test_windows_that_are_over_in_no_training_row_have_averages() -> None:
    inputs, targets = world(0, 400)
    held = np.arange(400) < 100
    targets[~held, 2:] = np.nan
    _, curve = pretrain(
        inputs, targets, IS_ANY, SHAPE, 1, 5, lambda line: None, batch=64, held=held, hardware=Hardware()
    )
    assert np.isfinite([*curve.unigram.values(), *curve.heldout.values()]).all()


def test_inputs_that_neither_layers_nor_skips_read_change_no_answer() -> None:
    shape = replace(SHAPE, read=(0, 1, 2), scalars=(1,))
    inputs, targets = world(0, 300)
    model, _ = pretrain(inputs, targets, IS_ANY, shape, 1, 0, lambda line: None, batch=128)
    assert Shape.from_dict(json.loads(json.dumps(shape.to_dict()))) == shape
    moved = inputs.copy()
    moved[:, 4:] += 3  # only the skips of composition read these
    np.testing.assert_array_equal(model.activity(moved), model.activity(inputs))
    np.testing.assert_array_equal(model.items(moved), model.items(inputs))
    moved[:, 0] += 3
    assert (model.activity(moved) != model.activity(inputs)).any()


def test_skips_move_further_than_layers_in_few_steps() -> None:
    model, _ = learn(0, rows=600, epochs=1)
    arrays = model.arrays()
    start = PretrainingNetwork(SHAPE)
    assert not any(weight.any() for weight in start.skips())
    assert np.abs(arrays["network.item_skip"]).max() > 5 * np.abs(arrays["network.items.weight"]).mean()


def has_cuda() -> bool:
    return torch.cuda.is_available()


GPU = [pytest.mark.gpu, pytest.mark.skipif(not has_cuda(), reason="there is no CUDA device")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "hardware",
    [
        Hardware("cpu", is_half=True),
        Hardware("cpu", compiler="aot_eager"),
        pytest.param(Hardware("cuda", True, "inductor"), marks=GPU),
    ],
    ids=["bf16", "compiled", "gpu"],
)
def test_other_hardware_learns_the_same_to_within_its_precision(
    trained: tuple[FoundationModel, TrainingCurve], hardware: Hardware
) -> None:
    model, curve = pretrain(*world(0), IS_ANY, SHAPE, 6, 0, lambda _: None, batch=128, rate=1e-2, hardware=hardware)
    for family, loss in curve.heldout.items():
        assert loss == pytest.approx(trained[1].heldout[family], abs=0.02)
    assert {str(weight.device) for weight in model.network.parameters()} == {"cpu"}
    again = FoundationModel.from_arrays(model.arrays(), SHAPE)
    inputs, _ = world(1, 50)
    np.testing.assert_array_equal(again.activity(inputs), model.activity(inputs))
    assert (model.activity(inputs) != trained[0].activity(inputs)).any() or hardware.compiler == "aot_eager"


def test_without_a_gpu_everything_is_plain() -> None:
    assert Hardware.detect() == (Hardware("cuda", True, "inductor") if has_cuda() else Hardware())
