"""Aggregates in words and in their unit, against counts of the raw events; how scores move along them."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import Personal, TaskType
from basemodel_ops.encoders.number import NumberEncoder
from basemodel_ops.representation.layout import Block
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.explanations.aggregates import MEMBERS, AggregateContributions, Aggregates
from basemodel_ops.stages.explanations.explaining import groups, open_question
from basemodel_ops.stages.explanations.published import REST
from basemodel_ops.stages.explanations.wording import Aggregate, Wording
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.scoring.answering import SingleQuestion
from basemodel_ops.stages.tasks.difference_features import DifferenceFeature
from basemodel_ops.tasks.boosted_head import BoostedHead
from basemodel_ops.tasks.single import Mixture, fit_heads

from ..riding import CUTOFFS, RIDES, ask, is_over
from ..trips import RIDERS, trips

NEWEST = CUTOFFS[-1]
NAMES = [f"rider {number}" for number in range(RIDERS)]


@pytest.fixture(scope="module")
def contributions(riders: Workspace) -> tuple[Workspace, list[str], AggregateContributions, np.ndarray]:
    """Riders at the newest cutoff, whose amount is answered by forests of every kind; and what is answered."""

    def rides(rider: str, cutoff: datetime) -> Any:
        return float(len(RIDES[rider, cutoff])) if is_over(cutoff) else None

    ws, task = ask(riders, rides, pa.float64(), type=TaskType.REGRESSION)
    stages.task_model(ws, task.name)
    question = open_question(ws, task, NEWEST)
    assert isinstance(question, SingleQuestion)
    with ws.warehouse() as warehouse:
        (group,) = groups(Builder.of(ws, warehouse, NEWEST, NAMES), question)
    everyone = np.arange(len(group.entities))
    rows = group.scored._masker.rows(everyone, [np.ones(count, bool) for count in group.scored.events])
    feature_sets = question.feature_sets_of(rows, everyone)
    target = np.array([sum(row["rider"] == rider for row in trips().to_pylist()) for rider in group.entities], float)
    names = ["linear", "baseline", "boosted items"]
    heads = fit_heads(TaskType.REGRESSION, feature_sets, target, 0, names)
    for name, view in (("baseline", "aggregates"), ("boosted items", "all")):
        head = heads[name]
        assert isinstance(head, BoostedHead)
        head.least = 3  # so few rows make no leaf by themselves
        head.fit(feature_sets.columns_of(view), np.log1p(target))
    question.heads = Mixture(TaskType.REGRESSION, dict(zip(names, (0.2, 0.4, 0.4), strict=True)), heads)
    result = Aggregates(Wording(ws.contract, ws.store), question, rows).contributions(
        rows, np.zeros(len(everyone), int)
    )
    assert result is not None
    return ws, [str(entry) for entry in group.entities], result, question.modelled(rows, everyone)


def test_aggregates_sum_to_the_score_less_the_usual_one(
    contributions: tuple[Workspace, list[str], AggregateContributions, np.ndarray],
) -> None:
    _, _, result, answer = contributions
    np.testing.assert_allclose(result.score, answer)
    np.testing.assert_allclose(result.contribution.sum(axis=1), result.score - result.expected_score, atol=1e-6)
    assert np.abs(result.contribution).sum(axis=1).min() > 0
    typical = result.typical
    for entity in range(len(answer)):
        rows = list(result.rows(entity, typical))
        assert sum(float(str(row["contribution"])) for row in rows) == pytest.approx(
            result.score[entity] - result.expected_score[entity], abs=1e-6
        )
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        assert {row["aggregate"] for row in rows[5:]} <= {REST}


def test_values_in_words_are_those_of_the_raw_events(
    contributions: tuple[Workspace, list[str], AggregateContributions, np.ndarray],
) -> None:
    _, riders, result, _ = contributions
    words = [entry.words for entry in result.aggregates]
    assert len(set(words)) == len(words)
    times = {rider: [row["started_at"] for row in trips().to_pylist() if row["rider"] == rider] for rider in riders}
    for days in (7, 28):
        current = result.value[:, words.index(f"trips in {days} days")]
        window = NEWEST - timedelta(days=days)
        counts = [sum(window <= time < NEWEST for time in times[rider]) for rider in riders]
        np.testing.assert_allclose(current, counts, atol=0.05, rtol=0.005)
    since = result.value[:, words.index("days since the last of trips")]
    last = [max(time for time in times[rider] if time < NEWEST) for rider in riders]
    days = [(NEWEST - datetime(entry.year, entry.month, entry.day)) / timedelta(days=1) for entry in last]
    np.testing.assert_allclose(since, days, atol=0.05, rtol=0.005)
    newest = result.value[:, words.index("station of the last of trips")]
    rows = {rider: max((row["started_at"], row["station"]) for row in trips().to_pylist()
            if row["rider"] == rider and row["started_at"] < NEWEST) for rider in riders}  # fmt: skip
    entry = result.aggregates[words.index("station of the last of trips")]
    formatted = [entry.formatted(value) for value in newest]
    known = [(name, str(rows[rider][1])) for name, rider in zip(formatted, riders, strict=True) if name != "none"]
    assert known
    assert all(name == station for name, station in known)
    for aggregate in result.aggregates:
        assert aggregate.table in ("", "behavior.trips", "behavior.riders")


def test_bins_hold_enough_entities_and_follow_the_values(
    contributions: tuple[Workspace, list[str], AggregateContributions, np.ndarray],
) -> None:
    _, riders, result, _ = contributions
    bins = list(result.effects())
    assert bins
    for rank in {row["rank"] for row in bins}:
        current = [row for row in bins if row["rank"] == rank]
        assert all(int(str(row["entities"])) >= MEMBERS for row in current)
        assert sum(int(str(row["entities"])) for row in current) <= len(riders)
        at = [entry.words for entry in result.aggregates].index(str(current[0]["aggregate"]))
        if not result.aggregates[at].names:
            highs = [float(str(row["high"])) for row in current if row["high"] is not None]
            assert highs == sorted(highs)
    strength = np.abs(result.contribution).mean(axis=0)
    first = next(row for row in bins if row["rank"] == 1)
    known = [at for at in range(len(strength)) if (~np.isnan(result.value[:, at])).sum() >= MEMBERS]
    assert first["aggregate"] == result.aggregates[max(known, key=lambda at: strength[at])].words


@pytest.mark.parametrize(
    ("kind", "column", "detail", "number", "words", "formatted"),
    [
        ("scalar", "", "events_28d", np.log1p(6), "trips in 28 days", "6"),
        ("scalar", "", "sum_fare_7d", np.log1p(12.5), "fare of trips in 7 days", "12.5"),
        ("scalar", "", "active_days_all", np.log1p(1234), "days with trips a year", "1,234"),
        ("scalar", "", "recency_1", np.log1p(3650), "days since the last of trips", "never"),
        ("recency", "station", "", 2 ** (-14 / 28), None, "14"),
        ("recency", "station", "", 0, None, "never"),
        ("item_sum", "station", "fare/28", -np.log1p(40), None, "-40"),
        ("item_mean", "station", "fare/28", np.log1p(4), None, "4"),
        ("item_last", "station", "fare/", np.log1p(3), None, "3"),
        ("elapsed", "back_by", "days", -np.log1p(30), "days since back_by of trips", "-30"),
        ("elapsed", "back_by", "known", 1, "back_by of trips is known", "yes"),
        ("elapsed", "back_by", "lead", np.log1p(2), "days to back_by from its trips", "2"),
        ("recent_same", "station", "2", 1, "station of number 2 from the last of trips is that of the last", "yes"),
    ],
)
def test_blocks_are_read_as_people_say_them(
    riders: Workspace, kind: str, column: str, detail: str, number: float, words: str | None, formatted: str
) -> None:
    (entry,) = Wording(riders.contract, riders.store).of(Block(kind, "trips", column, detail, 0, 1))
    assert entry.read is not None
    assert words in (None, entry.words)
    assert entry.formatted(float(entry.read(np.array([number]))[0])) == formatted


@pytest.mark.parametrize("column", ["station", "fare"])
@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        ("item_sum", "fare/28", "sum of fare of trips with station {}, halved every 28 days"),
        ("item_mean", "fare/28", "mean of fare of trips with station {}, halved every 28 days"),
        ("item_last", "fare/", "last fare of trips with station {}"),
    ],
)
def test_numbers_by_item_are_told_of_public_numbers_and_items_alone(
    riders: Workspace, column: str, kind: str, detail: str, words: str
) -> None:
    block = Block(kind, "trips", "station", detail, 0, 1)
    (entry,) = Wording(riders.contract, riders.store).of(block)
    station = EncoderArtifact.current(riders.store, "trips").vocabulary("station").values[0].as_py()
    assert entry.words == words.format(station)
    marked = with_personal(riders, column)
    (entry,) = Wording(marked.contract, marked.store).of(block)
    assert entry.read is None


@pytest.mark.parametrize("column", [None, "fare"])
def test_a_rate_is_ratio_of_public_numbers_alone(riders: Workspace, column: str | None) -> None:
    rate = DifferenceFeature("trips fare for each toll, halved every 28 days", 0, 1, "trips", ("fare", "toll"))
    ws = riders if column is None else with_personal(riders, column)
    result = Wording(ws.contract, ws.store).of_difference(rate)
    assert result.words == "trips fare for each toll, halved every 28 days, ratio"
    assert (result.read is None) == (column is not None)


@pytest.mark.parametrize(("lowest", "is_ratio"), [(-71.2, False), (0.0, True), (3.5, True)])
def test_a_number_that_falls_below_zero_makes_no_ratio(
    riders: Workspace, monkeypatch: pytest.MonkeyPatch, lowest: float, is_ratio: bool
) -> None:
    """Of a positive and a negative number the difference of signed logarithms is that of their product."""
    toll = NumberEncoder.fit([pa.array(np.linspace(lowest, 9.0, 100))])
    monkeypatch.setattr(EncoderArtifact, "encoders", lambda *_: {"toll": toll})
    rate = DifferenceFeature("trips fare for each toll", 0, 1, "trips", ("fare", "toll"))
    result = Wording(riders.contract, riders.store).of_difference(rate)
    assert (result.read is not None, result.words.endswith(", ratio")) == (is_ratio, is_ratio)


def with_personal(riders: Workspace, column: str) -> Workspace:
    (event,) = riders.contract.events
    personal = Personal(relation=event.relation, column=column, purpose="forecasts")
    return Workspace.open(riders.settings, riders.contract.model_copy(update={"personal": (personal,)}), lambda _: None)


def test_values_of_personal_columns_are_told_nowhere(riders: Workspace) -> None:
    marked = with_personal(riders, "station")
    for kind in ("recency", "recent_item", "count"):
        result = Wording(marked.contract, marked.store).of(Block(kind, "trips", "station", "1", 0, 3))
        assert all(entry.read is None and not entry.names for entry in result)
        assert len({entry.words for entry in result}) == 1


def test_infinite_days_are_never() -> None:
    assert Aggregate("days").formatted(np.inf) == "never"


def test_many_minutes_are_days_too() -> None:
    since = Aggregate("minutes since the last of trips")
    assert [since.formatted(value) for value in (12.0, 1440.0, 5_264_845.0)] == [
        "12",
        "1,440",
        "5,264,845 (3,656 days)",
    ]
    assert Aggregate("trips in 28 days").formatted(5_264_845.0) == "5,264,845"
