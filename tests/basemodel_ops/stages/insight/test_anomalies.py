"""How odd the last weeks of riders were: p-values, what is odd in words, and what is there where nothing is known."""

import shutil
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kstest

from basemodel_ops import stages
from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Relation
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.insight.conformal import combined, p_values
from basemodel_ops.report import Report
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.insight import check_anomalies, check_calibrated
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.insight import past
from basemodel_ops.stages.insight.anomalies import (
    ANOMALIES,
    EXPLAINED_BELOW,
    NOBODY,
    NOTHING_EXPECTED,
    days_of,
    published,
)
from basemodel_ops.stages.insight.odd import OTHER
from basemodel_ops.stages.insight.past import SAMPLED, contemporaries, entity_halves, typical_before, windows_at
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, timestamp_of

from ..riding import CUTOFFS
from ..trips import RIDERS, TASK_TABLE, trips

NEWEST = CUTOFFS[-3]
"""A week later some riders go to a station that nobody knew."""


def read(ws: Workspace, as_of: datetime) -> list[dict]:
    with ws.warehouse() as warehouse:
        names = [
            name for name in warehouse.columns(ws.answer_relation(ANOMALIES)) if name not in ("run_id", "scored_at")
        ]
        query = rows_query(ws.answer_relation(ANOMALIES), names)
        return warehouse.read(query.where(column_of("as_of").eq(timestamp_of(as_of)))).to_pylist()


def changed(ws: Workspace, tables: dict[str, pa.Table]) -> None:
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        for name, table in tables.items():
            warehouse.load(Relation(schema_name="behavior", name=name), table)


@pytest.fixture(scope="module")
def ws(riders: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Riders in a home of their own, in whose last two weeks there is a burst, silence and a station nobody knew."""
    home = tmp_path_factory.mktemp("anomalies") / "home"
    shutil.copytree(riders.settings.home, home)
    current = Workspace.open(riders.settings.model_copy(update={"home": home}), riders.contract, lambda _: None)
    table = trips().select(["rider", "started_at", "booking", "station", "fare"])
    rows = table.to_pylist()
    typical = [row for row in rows if row["started_at"] < NEWEST - timedelta(days=14) or row["rider"] != "rider 3"]
    chosen = [row for row in rows if row["rider"] == "rider 5"][:20]
    burst = [
        {**row, "booking": None, "started_at": NEWEST - timedelta(days=14) + timedelta(hours=15 * number + 1)}
        for number, row in enumerate(chosen)
    ]
    strange = [
        {
            **row,
            "booking": None,
            "rider": "rider 8",
            "station": 999,
            "started_at": row["started_at"] + timedelta(hours=3),
        }
        for row in burst[:6]
    ]
    late = [{**chosen[0], "rider": "rider new", "started_at": NEWEST - timedelta(days=1)}]
    changed(current, {"trips": pa.Table.from_pylist([*typical, *burst, *strange, *late], table.schema)})
    with DuckDBWarehouse(current.settings.warehouse_path) as warehouse:
        requested = warehouse.read(
            rows_query(Relation(schema_name="behavior", name="rides_14d"), ["rider", "cutoff", "rides"])
        )
        more = pa.table({"rider": ["rider new"], "cutoff": pa.array([NEWEST], pa.timestamp("us")), "rides": [None]})
        both = pa.concat_tables([requested, more.cast(requested.schema)])
        warehouse.load(TASK_TABLE, both)
    return current


@pytest.fixture(scope="module")
def report(ws: Workspace) -> Report:
    stages.entity_representation(ws, NEWEST)
    return stages.anomalies(ws, NEWEST, "r")


def test_everyone_has_a_p_value_and_a_rank(ws: Workspace, report: Report) -> None:
    first = [row for row in read(ws, NEWEST) if row["reason"] == 1]
    known = [row for row in first if row["p_value"] is not None]
    assert len({row["rider"] for row in first}) == len(first) == report.metrics["entities"] == RIDERS + 1
    assert sorted(row["rank"] for row in known) == list(range(1, RIDERS + 1))
    p = [row["p_value"] for row in sorted(known, key=lambda row: row["rank"])]
    assert p == sorted(p)
    assert 0 < min(p) <= max(p) <= 1
    assert {row["words"] is None for row in known if row["p_value"] > EXPLAINED_BELOW} == {True}
    assert (check_anomalies(ws, NEWEST).passed, check_calibrated(ws, NEWEST).passed) == (True, True)


@pytest.mark.usefixtures("report")
def test_a_burst_is_among_the_oddest_and_its_events_are_named(ws: Workspace) -> None:
    rows = [row for row in read(ws, NEWEST) if row["rider"] == "rider 5"]
    assert rows[0]["rank"] <= 3
    described = next(row for row in rows if row["words"].split()[1] in ("trips", "days"))
    assert "expected" in described["words"]
    assert described["events"] >= 20
    assert NEWEST - timedelta(days=14) <= described["first_at"] <= described["main_at"] <= described["last_at"] < NEWEST


@pytest.mark.usefixtures("report")
def test_silence_is_odd_where_events_were_expected(ws: Workspace) -> None:
    (row, *_) = sorted((row for row in read(ws, NEWEST) if row["rider"] == "rider 3"), key=lambda row: row["reason"])
    assert row["rank"] <= 4
    assert row["reason_p_value"] < 0.1


@pytest.mark.usefixtures("report")
def test_items_that_nobody_knew_are_odd_and_their_events_are_named(ws: Workspace) -> None:
    rows = [row for row in read(ws, NEWEST) if row["rider"] == "rider 8"]
    assert rows[0]["rank"] <= 5
    (described,) = [row for row in rows if row["column_name"] == "station"]
    assert OTHER in described["words"]
    assert (described["column_value"], described["source_table"]) == (OTHER, "behavior.trips")
    assert described["events"] >= 6
    first = NEWEST - timedelta(days=14) + timedelta(hours=4)
    assert first == described["first_at"] <= described["main_at"] <= described["last_at"]


@pytest.mark.usefixtures("report")
def test_of_whom_nothing_was_known_nothing_was_expected(ws: Workspace) -> None:
    (row,) = [row for row in read(ws, NEWEST) if row["rider"] == "rider new"]
    assert (row["p_value"], row["rank"], row["words"]) == (None, None, NOTHING_EXPECTED)


def test_what_is_there_is_not_written_again(ws: Workspace, report: Report) -> None:
    before = read(ws, NEWEST)
    again = stages.anomalies(ws, NEWEST, "r")
    assert (again.reused, again.version) == (True, report.version)
    assert read(ws, NEWEST) == before


@pytest.mark.usefixtures("report")
def test_rows_are_read_again_as_they_were_published(ws: Workspace) -> None:
    assert [row["rank"] for row in published(ws, NEWEST, None, 3) if row["reason"] == 1] == [1, 2, 3]
    assert {row["rider"] for row in published(ws, NEWEST, "rider 5", 1)} == {"rider 5"}
    with pytest.raises(DataError, match="No rider nobody"):
        published(ws, NEWEST, "nobody", 1)
    with pytest.raises(DataError, match="too few past windows"):
        published(ws, NEWEST - timedelta(weeks=100), None, 1)


@pytest.mark.usefixtures("report")
def test_p_values_of_usual_weeks_are_uniform(ws: Workspace) -> None:
    checkpoint, result = Checkpoint(ws.store), []
    days = days_of(checkpoint)
    with ws.warehouse() as warehouse:
        for week in CUTOFFS[-9:-4:2]:
            cutoff = to_microseconds(week)
            typical = typical_before(ws, warehouse, cutoff, days, checkpoint)
            assert not isinstance(typical, str)
            others = contemporaries(typical, windows_at(ws, warehouse, cutoff, days, checkpoint, SAMPLED))
            for windows in windows_at(ws, warehouse, cutoff, days, checkpoint):
                score = combined(typical.judge(windows, others, entity_halves(windows))[1])
                result.append(p_values(typical.past, score, np.random.default_rng(0).random(len(score))))
    p = np.concatenate(result)
    assert len(p) == 3 * RIDERS
    assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.usefixtures("report")
def test_a_week_without_anybody_is_empty_and_says_why(ws: Workspace) -> None:
    empty, similar = NEWEST + timedelta(weeks=40), RepresentationArtifact.current(ws.store, NEWEST)

    def fill(writer: ArtifactWriter) -> tuple[dict, dict]:
        nobody = Vocabulary(similar.entities.values[:0], similar.entities.counts[:0])
        RepresentationArtifact.write_entities(writer, nobody, similar.layout, similar.cutoff)
        return {"rows": 0}, {}

    about = RepresentationArtifact.inputs_of(Checkpoint(ws.store).version)
    ws.write(RepresentationArtifact.key(empty), "0" * 16, fill, about)
    result = stages.anomalies(ws, empty, "r")
    assert result.metrics["why_none"] == NOBODY
    assert read(ws, empty) == []


@pytest.mark.usefixtures("report")
def test_without_past_windows_the_table_is_empty_and_says_why(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = CUTOFFS[0]
    stages.entity_representation(ws, first)
    result = stages.anomalies(ws, first, "r")
    assert "no cutoff lies 14 days or more before" in str(result.metrics["why_none"])
    second = CUTOFFS[3]
    stages.entity_representation(ws, second)
    monkeypatch.setattr(past, "LEAST", 10_000)
    result = stages.anomalies(ws, second, "r")
    assert "10000 are needed to say what is usual" in str(result.metrics["why_none"])
    for week in (first, second):
        assert read(ws, week) == []
        assert check_anomalies(ws, week).passed
        assert check_calibrated(ws, week).passed
