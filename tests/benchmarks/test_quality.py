"""The reference baselines of the quality benchmark: no future in their features, and figures that hold by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from basemodel_ops.stages.snapshot.task_rows import TaskRows
from benchmarks.quality import train_time
from benchmarks.quality.curves import draw_curves, mean_curve
from benchmarks.quality.events import DAY, Events
from benchmarks.quality.features import WINDOWS, hand_features
from benchmarks.quality.intervals import difference, interval, resamples
from benchmarks.quality.many import label_of, mean_cell
from benchmarks.quality.page import page, spread
from benchmarks.quality.product import throughput
from benchmarks.quality.products import Moment
from benchmarks.quality.ranking import ItemModels, rank, scores_at
from benchmarks.quality.single import label_ratio
from benchmarks.quality.traits import LEAST, some_of

OWNERS = 12


@pytest.fixture(scope="module")
def events() -> Events:
    """Random baskets of a year, sorted by owner and time."""
    generator = np.random.default_rng(0)
    size = 1500
    entity_index = np.sort(generator.integers(0, OWNERS, size))
    time = generator.integers(0, 365 * 24, size) * (DAY // 24)
    time = time[np.lexsort((time, entity_index))]
    day = time // DAY
    is_new = np.ones(size, bool)
    is_new[1:] = (entity_index[1:] != entity_index[:-1]) | (day[1:] != day[:-1])
    item = generator.integers(0, 60, size)
    names = pd.Index([f"kind {n}" for n in range(10)])
    spent = {"spent": generator.random(size) * 10}
    return Events(
        pd.Index(range(OWNERS)), pd.Index(range(60)), names, entity_index, time, item, item % 10, is_new, is_new, spent
    )  # fmt: skip


def test_windows_hold_what_a_plain_loop_counts(events: Events) -> None:
    entity_index, cutoff = np.arange(OWNERS), np.full(OWNERS, 200 * DAY)
    values, names = hand_features(events, entity_index, cutoff)
    for window in WINDOWS:
        for row in range(OWNERS):
            chosen = (events.entity_index == row) & (events.time < 200 * DAY) & (events.time >= (200 - window) * DAY)
            assert values[row, names.index(f"events_{window}")] == pytest.approx(np.log1p(chosen.sum()), rel=1e-5)
            spent = events.numbers["spent"][chosen].sum()
            assert values[row, names.index(f"spent_{window}")] == pytest.approx(np.log1p(spent), rel=1e-4)


def test_the_future_changes_no_feature_and_the_past_does(events: Events) -> None:
    entity_index, cutoff = np.arange(OWNERS), np.full(OWNERS, 200 * DAY)
    before, _ = hand_features(events, entity_index, cutoff)
    turned = np.where(events.time >= 200 * DAY, 9 - events.category, events.category)
    spent = {"spent": np.where(events.time >= 200 * DAY, 99.0, events.numbers["spent"])}
    after, _ = hand_features(replace(events, category=turned, numbers=spent), entity_index, cutoff)
    np.testing.assert_array_equal(after, before)
    moved, _ = hand_features(replace(events, numbers={"spent": events.numbers["spent"] + 1}), entity_index, cutoff)
    assert (moved != before).any()


def test_recommenders_rank_items_sold_lately_and_mark_those_had(events: Events) -> None:
    models = ItemModels.fit(events, 200 * DAY)
    scores, items, had = scores_at(events, models, np.arange(OWNERS), 200 * DAY)
    assert set(scores) == {"popularity", "personal", "ease", "item-knn", "tifu-knn"}
    for table in scores.values():
        assert table.shape == had.shape == (OWNERS, len(items))
        assert np.isfinite(table).all()
    past = (events.entity_index == 3) & (events.time < 200 * DAY)
    np.testing.assert_array_equal(had[3], np.isin(items, events.item[past]))
    allowed = ~had
    allowed[:, :5] = True
    best = rank(scores["ease"], items, allowed, k=5)
    for row in range(OWNERS):
        assert np.isin(best[row], items[allowed[row]]).all()
    assert (np.diag(models.ease) == 0).all()


def test_resamples_take_whole_entities_and_differences_are_paired() -> None:
    entity = np.repeat(np.arange(50), 4)
    draws = resamples(entity, 30, seed=0)
    for rows in draws:
        assert (np.bincount(entity[rows], minlength=50) % 4 == 0).all()
    values = np.random.default_rng(0).random(200)
    low, high = interval(lambda rows: float(values[rows].mean()), draws)
    assert low < values.mean() < high
    result = difference(lambda r: float(values[r].mean() + 0.1), lambda r: float(values[r].mean()), draws)
    assert result == {"mean": 0.1, "low": 0.1, "high": 0.1}


def test_the_ratio_of_labels_is_read_off_the_baselines_curve() -> None:
    curve = {
        "0.01": {"shipped": 0.8, "best_baseline": 0.7},
        "0.1": {"shipped": 0.8, "best_baseline": 0.8},
        "1": {"shipped": 0.85, "best_baseline": 0.9},
    }
    assert label_ratio(curve) == pytest.approx(10)
    curve["0.01"]["shipped"] = 0.75
    assert label_ratio(curve) == pytest.approx(10**0.5, rel=0.01)
    curve["0.01"]["shipped"] = 0.95
    assert label_ratio(curve) is None


def test_new_items_are_those_never_had_and_rows_without_any_are_no_numbers() -> None:
    had = csr_matrix(np.array([[1, 1, 0, 0], [0, 0, 0, 2], [1, 0, 0, 0]]))
    rows = TaskRows(pa.chunked_array([[1, 2, 3]]), np.zeros(3, np.int64), None, np.full(3, "test"))
    truth = [np.array([0, 2]), np.array([3]), np.array([], int)]
    result = Moment(rows, np.arange(3), truth, had).measure(np.array([[0, 1]] * 3), np.array([[2, 3]] * 3))
    recall, gain = result[:, :, 0], result[:, :, 1]
    nan = np.nan
    np.testing.assert_array_equal(recall, [[0.5, 1.0], [0.0, nan], [nan, nan]])
    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(gain, [[1 / ideal, 1.0], [0.0, nan], [nan, nan]])


def test_labels_are_items_or_what_their_items_are_of(events: Events) -> None:
    by_item = label_of(events, pa.array([7, 59]), of_items=True)
    np.testing.assert_array_equal(by_item, np.select([events.item == 7, events.item == 59], [0, 1], -1))
    by_kind = label_of(events, pa.array(["kind 3"]), of_items=False)
    np.testing.assert_array_equal(by_kind, np.where(events.category == 3, 0, -1))
    unknown = replace(events, category=np.full(len(events.category), -1))
    assert (label_of(unknown, pa.array(["kind 9"]), of_items=False) == -1).all()


def test_features_need_neither_numbers_nor_categories(events: Events) -> None:
    bare = replace(events, numbers={}, categories=events.items, category=events.item)
    values, names = hand_features(bare, np.arange(OWNERS), np.full(OWNERS, 200 * DAY))
    assert np.isfinite(values).all()
    assert "baskets_trend_7_28" in names


def test_curves_of_seeds_are_averaged_cell_by_cell_and_drawn(tmp_path: Path) -> None:
    seeds = [
        {"0": {"shipped": 0.7}, "0.01": {"shipped": 0.7 + seed, "best_baseline": 0.6}, "1": {"shipped": 0.8}}
        for seed in (0.0, 0.1)
    ]
    curve = mean_curve(seeds)
    assert curve["0.01"] == {"shipped": pytest.approx(0.75), "best_baseline": pytest.approx(0.6)}
    assert mean_curve([{"0": {"shipped": {"macro_auroc": 0.8, "map": 0.4}}}]) == {"0": {"shipped": 0.8}}
    path = tmp_path / "curves.png"
    draw_curves({"churn": ("auroc", curve)}, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_panels_go_on_in_a_second_line(tmp_path: Path) -> None:
    curve = {"0": {"shipped": 0.7}, "1": {"shipped": 0.8, "best_baseline": 0.7}}
    sizes = []
    for count in (3, 4):
        draw_curves({f"task {n}": ("auroc", curve) for n in range(count)}, tmp_path / "curves.png")
        header = (tmp_path / "curves.png").read_bytes()[16:24]
        sizes.append((int.from_bytes(header[:4]), int.from_bytes(header[4:])))
    assert sizes[1] == (sizes[0][0], 2 * sizes[0][1])


def test_few_labels_of_a_trait_hold_every_class() -> None:
    target = np.repeat([0, 1, 2], [500, 300, 2])
    fit = np.flatnonzero(np.arange(802) % 5 != 0)
    for share in (0.001, 0.1):
        result = some_of(target, fit, share, seed=0)
        assert len(result) == len(set(result.tolist())) == max(LEAST, int(share * len(fit)))
        assert np.isin(result, fit).all()
        assert set(target[result].tolist()) == {0, 1, 2}


def test_the_ratio_of_seconds_is_over_the_tasks_that_count() -> None:
    seconds = {"churn": {"product": 1.0, "baseline": 4.0}, "income": {"product": 1.0, "baseline": 1.0}}
    assert train_time(seconds, ())["train_time_ratio"] == 0.4
    assert train_time(seconds, ("churn",)) == {"train_time_ratio": 0.25, "train_seconds": seconds}
    assert train_time({}, ())["train_time_ratio"] is None


def test_throughput_is_by_the_second() -> None:
    result = throughput(rows=100, entities=10, size=4000, seconds=2.0)
    assert result == {"rows_per_second": 50, "entities_per_second": 5, "bytes_per_second": 2000}


def test_draws_are_averaged_metric_by_metric() -> None:
    cells = [{"shipped": {"auroc": entry, "map": 0.2}} for entry in (0.5, 0.75)]
    assert mean_cell(cells) == {"shipped": {"auroc": 0.625, "map": 0.2}}


def test_seeds_are_told_by_their_mean_and_range() -> None:
    assert spread([0.5, 0.25], "{:+.4f}".format) == "+0.3750 (+0.2500 to +0.5000)"
    gap = {"mean": 0.01, "low": -0.01, "high": 0.03}
    runs = [
        {
            "dataset": "shop", "seed": seed, "seconds": 3.0, "peak_mb": 100.0, "stage_seconds": {"encoders": 1.0},
            "train_time_ratio": 0.5, "train_seconds": {"churn": {"product": 1.0, "baseline": 2.0}},
            "throughput": {"training_examples": throughput(3000, 100, 2_000_000, 1.0)},
            "tasks": {
                "churn": {
                    "metric": "auroc", "shipped": selected, "shipped_name": "linear", "interval": [0.7, 0.9],
                    "baselines": {"hand": 0.79}, "candidates": {"linear": selected}, "against_best_baseline": gap,
                }
            },
        }
        for seed, selected in enumerate((0.8, 0.81))
    ]  # fmt: skip
    described = page(runs, "")
    assert "| `churn` | .8050 (.8000 to .8100) | +0.0100 (+0.0100 to +0.0100) |" in described
    assert "`churn` 1 s, by hand 2 s" in described
    assert "training_examples 3,000 rows, 100 entities and 2 MB a second" in described
