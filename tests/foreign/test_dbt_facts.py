"""Facts that know their own end, values that are younger than the models, and answers beside the labels there are."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from basemodel_ops import stages
from basemodel_ops.contract.types import Aggregate, Target, TaskType
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.encoders.numbers import signed_expm1
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages import Workspace, query_entity
from basemodel_ops.stages.checks.label_counts import check_labels
from basemodel_ops.stages.checks.point_in_time import check_point_in_time
from basemodel_ops.stages.features.attributes import EntityAttributes, read_attributes
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.querying import _is, _lacking, _scalar
from basemodel_ops.stages.scoring.zero_shot import zero_shot_scores
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.tasks.feature_sets import zero_shot_prediction
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import column_of

from ..basemodel_ops.stages.riding import CUTOFFS, RIDES, ask, is_over, plain, trained
from ..basemodel_ops.stages.trips import FIRST, RIDERS, trips
from .outcomes import outcome, shows

GOLD, OVER = datetime(2024, 4, 1), datetime(2024, 5, 20)
"""From when a rider has the better tariff, and, of every third, until when: as a snapshot notes it."""


def snapshot() -> pa.Table:
    rows = [(f"rider {n}", FIRST, GOLD, "basic") for n in range(RIDERS)]
    rows += [(f"rider {n}", GOLD, OVER if n % 3 == 0 else None, "gold") for n in range(RIDERS)]
    names = ("rider", "known_from", "known_to", "tariff")
    table = pa.table({name: [row[row_index] for row in rows] for row_index, name in enumerate(names)})
    moment = pa.timestamp("us")
    table = table.set_column(1, "known_from", table.column(1).cast(moment)).set_column(
        2, "known_to", table.column(2).cast(moment)
    )
    return table.append_column("age", pa.array([float(20 + n) for n in range(RIDERS)] * 2))


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checkpoint over riders whose tariffs end."""
    declared = plain()
    (people,) = declared.attributes
    declared = declared.model_copy(update={"attributes": (people.model_copy(update={"valid_to": "known_to"}),)})
    return trained(tmp_path_factory.mktemp("facts") / "home", declared, riders=snapshot())


def tariffs(ws: Workspace, cutoffs: list[datetime]) -> list[list[str]]:
    """What each rider's facts say at each cutoff; empty where nothing holds any more."""
    with ws.warehouse() as warehouse:
        everyone = Vocabulary(pa.array([f"rider {n}" for n in range(RIDERS)]), np.ones(RIDERS, np.int64))
        encoder = EncoderArtifact.current(ws.store, "riders")
        attributes = read_attributes(
            warehouse, ws.contract.attribute("riders"), encoder, ws.settings.top_items, everyone
        )
    row_index = next(at for at, block in enumerate(attributes.layout) if block[2] == "tariff")
    assert row_index == 0
    names = encoder.vocabulary("tariff").values.to_pylist()
    result = attributes.at(0, RIDERS, np.array([to_microseconds(cutoff) for cutoff in cutoffs]))[:, :, : len(names)]
    return [["".join(name for name, on in zip(names, row, strict=True) if on) for row in current] for current in result]


def test_an_attribute_is_seen_from_its_beginning_to_its_end(ws: Workspace) -> None:
    """Strictly after it began, and up to the moment at which it ended: what happens at a cutoff is future."""
    cutoffs = [FIRST, datetime(2024, 3, 4), GOLD, datetime(2024, 4, 8), OVER, datetime(2024, 5, 27)]
    for number, current in enumerate(tariffs(ws, cutoffs)):
        assert current == ["", "basic", "basic", "gold", "gold", "" if number % 3 == 0 else "gold"]


def test_the_end_of_an_attribute_is_known_in_time_and_a_planted_one_is_named(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_point_in_time(ws).passed

    def always(self: EntityAttributes, low: int, high: int, cutoffs: np.ndarray) -> np.ndarray:
        """Facts as a table without history has them: as they stand at the end."""
        length = self.values.shape[1] + 2 * len(self.moments)
        out = np.zeros((high - low, np.broadcast_to(cutoffs, (high - low, cutoffs.shape[-1])).shape[1], length))
        for row in range(*np.searchsorted(self.entity_index, [low, high])):
            out[self.entity_index[row] - low, :, : self.values.shape[1]] = self.values[row]
        return out.astype(np.float16)

    monkeypatch.setattr(EntityAttributes, "at", always)
    result = check_point_in_time(ws)
    assert not result.passed
    assert "riders tariff" in result.description
    assert "facts at or after their cutoff" in result.description


def test_an_attribute_that_holds_the_answer_is_named(ws: Workspace) -> None:
    """Every row of one table tells whether the rider comes back: written afterwards, and dated before."""
    requested, task = ask(
        ws, lambda rider, cutoff: int(int(rider.split()[1]) > 14) if is_over(cutoff) else None, pa.int64()
    )
    with pytest.raises(DataError, match=rf"Input riders age .*tells the target target of {task.name}"):
        stages.task_model(requested, task.name)


NEW = "60"


def test_a_value_younger_than_the_models_is_unknown_since_it_was_seen(ws: Workspace) -> None:
    as_of = CUTOFFS[-1]
    rows = [row for row in trips().to_pylist() if row["station"] == int(NEW) and row["started_at"] < as_of]
    rider, first = rows[0]["rider"], min(row["started_at"] for row in rows)
    known, young, invented = query_entity(ws, rider, "trips", "station", as_of, ["0", NEW, "999"], 10)
    assert known.note == ""
    assert np.isnan([young.probability, young.count, young.age]).all()
    assert f"unknown since {first:%Y-%m-%d}" in young.note
    assert "basemodel train" in young.note
    assert (invented.probability, invented.count) == (0, 0)
    assert f"no event before {as_of:%Y-%m-%d} has it" in invented.note


WRITTEN: dict[str, tuple[str, object, object]] = {
    "a moment with a zone": ("timestamptz '2024-01-01 02:00:00+02'", datetime(2024, 1, 1), datetime(2024, 1, 1, 2)),
    "a part of a second": ("timestamp '2024-01-01 00:00:00.5'", datetime(2024, 1, 1, 0, 0, 0, 500_000), FIRST),
    "a day": ("date '2024-01-01'", date(2024, 1, 1), date(2024, 1, 2)),
    "yes": ("true", True, False),
    "a float": ("cast(1e-9 as double)", 1e-9, 0.0),
    "no number": ("cast('nan' as double)", float("nan"), 1.0),
    "an amount": ("cast(1.5 as decimal(9, 2))", Decimal("1.50"), Decimal("1.51")),
    "23 digits": ("cast(12345678901234567890123 as hugeint)", Decimal(12345678901234567890123), Decimal(5)),
    "a small number": ("cast(-3 as tinyint)", -3, 3),
    "a word": ("' 007'", " 007", "007"),
    "an enum": ("cast('a' as enum ('a', 'b'))", "a", "c"),
    "a UUID": ("cast('6F1C6D2E-0000-4000-8000-000000000000' as uuid)", "6f1c6d2e-0000-4000-8000-000000000000", "x"),
    "bytes": ("cast('ab' as blob)", b"ab", b"a"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_value_is_found_in_a_column_of_any_type(tmp_path: Path, name: str) -> None:
    sql, value, other = WRITTEN[name]
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        rows = sqlglot.parse_one(f"select {sql} as x", dialect="duckdb")
        assert isinstance(rows, exp.Select)
        for requested, count in ((value, 1), (other, 0)):
            counted = exp.select("count(*)").from_(rows.subquery("rows")).where(_is(column_of("x"), requested))
            assert warehouse.read(counted).column(0).to_pylist() == [count]


def test_what_is_no_value_of_a_column_is_told_what_is() -> None:
    known = Vocabulary(pa.array([datetime(2024, 1, 1)], pa.timestamp("us")), np.ones(1, np.int64))
    for text in (
        "2024-01-01",
        "2024-01-01 00:00:00",
        "2024-01-01 02:00:00+02",
        "2023-12-31T19:00-05:00",
        "2024-01-01T00Z",
    ):
        assert _scalar(text, known).to_pylist() == [datetime(2024, 1, 1)]
    shows(outcome(lambda: _scalar("yesterday", known)), ("'yesterday' is no timestamp", "'2024-01-01 00:00:00'"))


def test_a_category_that_is_not_represented_says_why(ws: Workspace) -> None:
    empty: Any = SimpleNamespace(select=lambda kind: [])
    text = _lacking(ws.contract, empty, "trips", "station", ws.snapshot())
    shows(text, ("No column 'station' of 'trips'", "no event before", "`basemodel train`", "`basemodel layout`"))
    assert "train" not in _lacking(ws.contract, empty, "trips", "fare", ws.snapshot())


def fares(rider: str, cutoff: datetime) -> float | None:
    """The mean fare in the window; null while it is open, and where there was no trip."""
    known = [row["fare"] for row in RIDES[rider, cutoff] if np.isfinite(row["fare"])]
    return float(np.mean(known)) if known and is_over(cutoff) else None


MEAN = {
    "type": TaskType.REGRESSION,
    "predicts": Target(source="trips", aggregate=Aggregate.MEAN, column="fare"),
}


def test_a_mean_is_a_target_where_it_is_known(ws: Workspace) -> None:
    requested, task = ask(ws, fares, pa.float64(), **MEAN)
    report = stages.task_model(requested, task.name)
    known = sum(fares(*key) is not None for key in RIDES if is_over(key[1]))
    assert known < sum(is_over(cutoff) for _, cutoff in RIDES)
    numbers = stages.task_evaluation(requested, task.name).metrics
    assert np.isfinite(float(numbers["shipped_value"]))
    assert report.metrics["shipped"]


def test_a_mean_without_labels_is_the_sum_over_the_count(ws: Workspace) -> None:
    _, task = ask(ws, fares, pa.float64(), **MEAN)
    checkpoint = Checkpoint(ws.store)
    activity = np.random.default_rng(0).normal(1.5, 0.3, (5, len(checkpoint.blocks))).astype(np.float32)

    def requested_values(aggregate: Aggregate, column: str) -> np.ndarray:
        target = Target(source="trips", aggregate=aggregate, column=column)
        result = zero_shot_prediction(checkpoint, activity, task.model_copy(update={"predicts": target}))
        assert result is not None
        return signed_expm1(result)

    quotient = requested_values(Aggregate.SUM, "fare") / requested_values(Aggregate.COUNT, "")
    np.testing.assert_allclose(requested_values(Aggregate.MEAN, "fare"), quotient, rtol=1e-5)


def test_a_mean_is_counted_again(ws: Workspace) -> None:
    sound, task = ask(ws, fares, pa.float64(), **MEAN)
    wrong, other = ask(ws, lambda *key: None if (mean := fares(*key)) is None else mean + 1, pa.float64(), **MEAN)
    infinite = {row["rider"] for row in trips().to_pylist() if not np.isfinite(row["fare"])}
    result = check_labels(sound, task.name), check_labels(wrong, other.name)
    assert infinite  # their means are no numbers, and differ
    assert int(result[0].metrics["differing"]) <= 20 < int(result[1].metrics["differing"])


def zero_shot(ws: Workspace, rate: float) -> Report:
    """Answers without labels, to a task whose labels are positive at this rate, whatever happens."""
    numbers = iter(np.random.default_rng(0).random(len(RIDES)) < rate)
    requested, task = ask(
        ws, lambda rider, cutoff: int(next(numbers)) if is_over(cutoff) else None, pa.int64(),
        predicts=Target(source="trips", aggregate=Aggregate.ANY),
    )  # fmt: skip
    return zero_shot_scores(requested, task.name, CUTOFFS[-1], "run")


def test_answers_far_from_the_labels_there_are_say_so(ws: Workspace) -> None:
    typical = np.mean([bool(trip) for (_, cutoff), trip in RIDES.items() if is_over(cutoff)])
    near, far = zero_shot(ws, float(typical)).metrics, zero_shot(ws, 0.1).metrics
    assert "warning" not in near
    assert float(near["mean_label"]) == pytest.approx(typical, abs=0.1)
    assert float(far["mean_label"]) == pytest.approx(0.1, abs=0.1)
    for word in ("mean answer", "4 complete cutoffs", "asks about others", "basemodel run --task"):
        assert word in str(far["warning"])
