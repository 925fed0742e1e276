"""Aggregates in words and in their unit, against counts of the raw events; how scores move along them."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import Personal, TaskType
from basemodel_ops.representation.layout import Block
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.explanations.aggregates import MEMBERS, AggregateContributions, Aggregates
from basemodel_ops.stages.explanations.explaining import groups, open_question
from basemodel_ops.stages.explanations.published import REST
from basemodel_ops.stages.explanations.wording import Aggregate, Wording
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.scoring.answering import SingleQuestion
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
    views = question.feature_sets_of(rows, everyone)
    target = np.array([sum(row["rider"] == rider for row in trips().to_pylist()) for rider in group.entities], float)
    names = ["linear", "baseline", "boosted items"]
    heads = fit_heads(TaskType.REGRESSION, views, target, 0, names)
    for name, view in (("baseline", "aggregates"), ("boosted items", "all")):
        head = heads[name]
        assert isinstance(head, BoostedHead)
        head.least = 3  # so few rows make no leaf by themselves
        head.fit(views.columns_of(view), np.log1p(target))
    question.heads = Mixture(TaskType.REGRESSION, dict(zip(names, (0.2, 0.4, 0.4), strict=True)), heads)
    found = Aggregates(Wording(ws.contract, ws.store), question, rows).contributions(rows, np.zeros(len(everyone), int))
    assert found is not None
    return ws, [str(one) for one in group.entities], found, question.modelled(rows, everyone)


def test_aggregates_sum_to_the_score_less_the_usual_one(
    contributions: tuple[Workspace, list[str], AggregateContributions, np.ndarray],
) -> None:
    _, _, found, answer = contributions
    np.testing.assert_allclose(found.score, answer)
    np.testing.assert_allclose(found.contribution.sum(axis=1), found.score - found.expected_score, atol=1e-6)
    assert np.abs(found.contribution).sum(axis=1).min() > 0
    usual = found.typical
    for entity in range(len(answer)):
        rows = list(found.rows(entity, usual))
        assert sum(float(str(row["contribution"])) for row in rows) == pytest.approx(
            found.score[entity] - found.expected_score[entity], abs=1e-6
        )
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        assert {row["aggregate"] for row in rows[5:]} <= {REST}


def test_values_in_words_are_those_of_the_raw_events(
    contributions: tuple[Workspace, list[str], AggregateContributions, np.ndarray],
) -> None:
    _, riders, found, _ = contributions
    words = [one.words for one in found.aggregates]
    assert len(set(words)) == len(words)
    times = {rider: [row["started_at"] for row in trips().to_pylist() if row["rider"] == rider] for rider in riders}
    for days in (7, 28):
        own = found.value[:, words.index(f"trips in {days} days")]
        window = NEWEST - timedelta(days=days)
        counts = [sum(window <= time < NEWEST for time in times[rider]) for rider in riders]
        np.testing.assert_allclose(own, counts, atol=0.05, rtol=0.005)
    since = found.value[:, words.index("days since the last of trips")]
    last = [max(time for time in times[rider] if time < NEWEST) for rider in riders]
    days = [(NEWEST - datetime(one.year, one.month, one.day)) / timedelta(days=1) for one in last]
    np.testing.assert_allclose(since, days, atol=0.05, rtol=0.005)
    newest = found.value[:, words.index("station of the last of trips")]
    rows = {rider: max((row["started_at"], row["station"]) for row in trips().to_pylist()
            if row["rider"] == rider and row["started_at"] < NEWEST) for rider in riders}  # fmt: skip
    one = found.aggregates[words.index("station of the last of trips")]
    formatted = [one.formatted(value) for value in newest]
    known = [(name, str(rows[rider][1])) for name, rider in zip(formatted, riders, strict=True) if name != "none"]
    assert known
    assert all(name == station for name, station in known)
    for aggregate in found.aggregates:
        assert aggregate.table in ("", "behavior.trips", "behavior.riders")


def test_bins_hold_enough_entities_and_follow_the_values(
    contributions: tuple[Workspace, list[str], AggregateContributions, np.ndarray],
) -> None:
    _, riders, found, _ = contributions
    bins = list(found.effects())
    assert bins
    for rank in {row["rank"] for row in bins}:
        own = [row for row in bins if row["rank"] == rank]
        assert all(int(str(row["entities"])) >= MEMBERS for row in own)
        assert sum(int(str(row["entities"])) for row in own) <= len(riders)
        at = [one.words for one in found.aggregates].index(str(own[0]["aggregate"]))
        if not found.aggregates[at].names:
            highs = [float(str(row["high"])) for row in own if row["high"] is not None]
            assert highs == sorted(highs)
    strength = np.abs(found.contribution).mean(axis=0)
    first = next(row for row in bins if row["rank"] == 1)
    known = [at for at in range(len(strength)) if (~np.isnan(found.value[:, at])).sum() >= MEMBERS]
    assert first["aggregate"] == found.aggregates[max(known, key=lambda at: strength[at])].words


@pytest.mark.parametrize(
    ("kind", "column", "detail", "number", "words", "formatted"),
    [
        ("scalar", "", "events_28d", np.log1p(6), "trips in 28 days", "6"),
        ("scalar", "", "sum_fare_7d", np.log1p(12.5), "fare of trips in 7 days", "12.5"),
        ("scalar", "", "active_days_all", np.log1p(1234), "days with trips a year", "1,234"),
        ("scalar", "", "recency_1", np.log1p(3650), "days since the last of trips", "never"),
        ("recency", "station", "", 2 ** (-14 / 28), None, "14"),
        ("recency", "station", "", 0, None, "never"),
        ("recent_same", "station", "2", 1, "station of number 2 from the last of trips is that of the last", "yes"),
    ],
)
def test_blocks_are_read_as_people_say_them(
    riders: Workspace, kind: str, column: str, detail: str, number: float, words: str | None, formatted: str
) -> None:
    (one,) = Wording(riders.contract, riders.store).of(Block(kind, "trips", column, detail, 0, 1))
    assert one.read is not None
    assert words in (None, one.words)
    assert one.formatted(float(one.read(np.array([number]))[0])) == formatted


def test_values_of_personal_columns_are_told_nowhere(riders: Workspace) -> None:
    (event,) = riders.contract.events
    personal = Personal(relation=event.relation, column="station", purpose="forecasts")
    marked = Workspace.open(
        riders.settings, riders.contract.model_copy(update={"personal": (personal,)}), lambda _: None
    )
    for kind in ("recency", "recent_item", "count"):
        found = Wording(marked.contract, marked.store).of(Block(kind, "trips", "station", "1", 0, 3))
        assert all(one.read is None and not one.names for one in found)
        assert len({one.words for one in found}) == 1


def test_infinite_days_are_never() -> None:
    assert Aggregate("days").formatted(np.inf) == "never"
