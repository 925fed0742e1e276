"""Plain features against counts over lists of events; and what the baseline is for: it sees what it is values."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Column, ColumnType, EventSource, Relation, TaskType
from basemodel_ops.stages.tasks.baseline import LAST, WINDOWS, Log, ReferenceRows, reference_predictions

DAY = 86_400_000_000
VISITS = EventSource(
    name="visits", relation=Relation(schema_name="s", name="visits"), entity="who", time="at", session=None,
    columns=(
        Column(name="kind", data_type="varchar", type=ColumnType.CATEGORY, inferred=False),
        Column(name="cost", data_type="double", type=ColumnType.NUMBER, inferred=False),
    ),
)  # fmt: skip


def visits(seed: int, count: int = 200) -> pa.Table:
    generator = np.random.default_rng(seed)
    days = generator.integers(0, 500, count)
    kinds = generator.choice(["a", "b", "c", ""], count, p=[0.5, 0.3, 0.1, 0.1])
    return pa.table(
        {
            "who": generator.integers(0, 6, count),
            "at": pa.array([datetime(2024, 1, 1) + timedelta(days=int(day)) for day in days], pa.timestamp("us")),
            "kind": pa.array([kind or None for kind in kinds.tolist()], pa.string()),
            "cost": pa.array(generator.integers(0, 9, count).astype(float), mask=generator.random(count) < 0.1),
        }
    )


@pytest.mark.parametrize("seed", range(3))
def test_features_are_those_of_the_events_before_the_cutoff(seed: int) -> None:
    table = visits(seed)
    entity_index = table.column("who").to_numpy().astype(np.int64)
    entity_index = np.where(entity_index == 5, -1, entity_index)  # nobody asks for this one
    generator = np.random.default_rng(seed)
    requested = generator.integers(0, 5, 40)
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    cutoff = start + generator.integers(0, 520, 40) * DAY
    result = np.stack(list(Log.of(table, entity_index, VISITS).features(requested, cutoff)), axis=1)
    times = table.column("at").cast(pa.int64()).to_numpy()
    position = np.argsort(np.argsort(times, kind="stable"))
    kinds, costs = table.column("kind").to_pylist(), table.column("cost").to_numpy()
    kept = [kind for kind, current in zip(kinds, entity_index, strict=True) if current >= 0 and kind]
    ranked = sorted(set(kept), key=lambda kind: -kept.count(kind))
    for row, (who, moment) in enumerate(zip(requested, cutoff, strict=True)):
        past = [n for n in range(len(times)) if entity_index[n] == who and times[n] < moment]
        ages = sorted((moment - times[n]) / DAY for n in past)
        assert result[row, 0] == pytest.approx(np.log1p(len(past)))
        # A window that began before anything was recorded is told as if all of it had been.
        observed_days = max((moment - times[entity_index >= 0].min()) / DAY, 1)
        shares = [min(days, observed_days) / days for days in WINDOWS]
        counts = [sum(age <= days for age in ages) for days in WINDOWS]
        assert result[row, 1 : 1 + len(WINDOWS)] == pytest.approx(np.array(counts) / shares)
        assert result[row, 5] == pytest.approx(np.log1p(ages[-1]) if past else -1)
        newest = [np.log1p(age) for age in ages[:LAST]] + [-1.0] * (LAST - len(ages[:LAST]))
        np.testing.assert_allclose(result[row, 7 : 7 + LAST], newest)
        current = [kinds[n] for n in past]
        assert result[row, 7 + 2 * LAST : 7 + 2 * LAST + 3].tolist() == [current.count(kind) for kind in ranked]
        seen = sorted((n for n in past if np.isfinite(costs[n])), key=lambda n: (times[n], position[n]))
        values = list(result[row, 7 + 2 * LAST + 3 :])
        assert values[:2] == pytest.approx(newest_and_mean(costs[seen]))
        for width, share, total in zip(WINDOWS, shares, values[2:], strict=False):
            recent = [n for n in seen if (moment - times[n]) / DAY <= width]
            assert total * share == pytest.approx(np.log1p(costs[recent]).sum(), abs=1e-9)
        by_kind = np.array(values[2 + len(WINDOWS) :]).reshape(len(ranked), 4)
        for kind, described in zip(ranked, by_kind, strict=True):
            of_kind = [n for n in seen if kinds[n] == kind]
            assert described[:2] == pytest.approx(newest_and_mean(costs[of_kind]))
            for width, mean in zip(WINDOWS[-2:], described[2:], strict=True):
                recent = [n for n in of_kind if (moment - times[n]) / DAY <= width]
                assert mean == pytest.approx(newest_and_mean(costs[recent])[1])


def newest_and_mean(costs: np.ndarray) -> list[float]:
    """Of the logarithms of costs in order; 0 where there are none."""
    logs = np.log1p(costs)
    return [logs[-1], logs.mean()] if len(logs) else [0.0, 0.0]


def test_an_empty_log_gives_finite_features() -> None:
    table = visits(0)
    log = Log.of(table, np.full(table.num_rows, -1), VISITS)
    result = list(log.features(np.array([0, 1]), np.array([0, DAY])))
    assert all(np.isfinite(entry).all() and len(entry) == 2 for entry in result)


@pytest.mark.parametrize("kind", [TaskType.BINARY, TaskType.REGRESSION, TaskType.MULTICLASS])
def test_the_baseline_learns_what_its_features_say(kind: TaskType) -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(0, 1, (3000, 5)).astype(np.float32)
    signal = features[:, 0] + 0.3 * generator.normal(0, 1, 3000)
    target = {
        TaskType.BINARY: (signal > 0).astype(float), TaskType.REGRESSION: np.expm1(signal + 4),
        TaskType.MULTICLASS: np.digitize(signal, [-0.5, 0.5]),
    }[kind]  # fmt: skip
    parts = {"train": np.arange(1500), "validation": np.arange(1500, 2000), "test": np.arange(2000, 3000)}
    metric = {TaskType.BINARY: "auroc", TaskType.REGRESSION: "r2_log", TaskType.MULTICLASS: "macro_auroc"}[kind]
    answers = reference_predictions(kind, metric, ReferenceRows(features, target, parts, np.arange(2000)), 0)
    assert len(answers) == 1000
    message = answers.argmax(axis=1) if kind is TaskType.MULTICLASS else answers
    assert np.corrcoef(message, target[2000:])[0, 1] > 0.7
