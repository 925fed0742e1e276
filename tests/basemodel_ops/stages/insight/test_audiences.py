"""The ranking of an audience of riders: who is in it, what is refused, and when it is made again."""

import re
import shutil
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import Audience, Relation
from basemodel_ops.errors import DataError
from basemodel_ops.insight.audiences import FEWEST
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.audiences import check_audience
from basemodel_ops.stages.insight.audiences import Known, audience_relation
from basemodel_ops.warehouse.queries import rows_query

from ..riding import CUTOFFS
from ..trips import RIDERS

NEWEST, EARLY = CUTOFFS[-1], datetime(2023, 12, 25)
"""The last week, and one before any event."""
SEEDS = Relation(schema_name="main", name="regulars")


@pytest.fixture(scope="module")
def ws(riders: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = tmp_path_factory.mktemp("audiences") / "home"
    shutil.copytree(riders.settings.home, home)
    declared = Audience(name="regulars", relation=SEEDS, entity="rider")
    contract = riders.contract.model_copy(update={"audiences": (declared,)})
    current = Workspace.open(riders.settings.model_copy(update={"home": home}), contract, lambda _: None)
    stages.entity_representation(current, NEWEST)
    return current


def ranked(ws: Workspace, seeds: list[str], as_of: datetime = NEWEST) -> tuple[dict, list[dict]]:
    """Publish the audience of these seeds: what is reported, and the rows by rank."""
    with ws.warehouse() as warehouse:
        warehouse.load(SEEDS, pa.table({"rider": pa.array(seeds, pa.string())}))
    report = stages.audience(ws, "regulars", as_of, "r")
    assert check_audience(ws, "regulars", as_of).passed
    with ws.warehouse() as warehouse:
        rows = warehouse.read(rows_query(audience_relation("regulars"), ["rider", "rank", "score", "as_of"]))
    result = sorted((row for row in rows.to_pylist() if row["as_of"] == as_of), key=lambda row: row["rank"])
    return {**report.metrics, "reused": report.reused}, result


def test_everyone_who_is_no_seed_is_ranked_once(ws: Workspace) -> None:
    seeds = [f"rider {number}" for number in range(0, RIDERS, 2)]
    report, rows = ranked(ws, [*seeds, "nobody", seeds[0]])
    assert {row["rider"] for row in rows} == {f"rider {number}" for number in range(1, RIDERS, 2)}
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert (report["seeds"], report["seeds_not_of_the_week"]) == (len(seeds), 1)
    assert 0 <= report["auroc_of_held_out_seeds"] <= 1


def test_the_same_seeds_write_nothing_again_and_others_do(ws: Workspace) -> None:
    seeds = [f"rider {number}" for number in range(0, RIDERS, 2)]
    _, before = ranked(ws, seeds)
    again, after = ranked(ws, seeds)
    assert (again["reused"], after) == (True, before)
    other, rows = ranked(ws, [f"rider {number}" for number in range(12)])
    assert not other["reused"]
    assert len(rows) == RIDERS - 12


@pytest.mark.parametrize(
    ("seeds", "why"),
    [
        ([], f"lists 0 of the {RIDERS} .* learnt from {FEWEST} at least"),
        (["rider 1"], f"lists 1 of the {RIDERS} .* `basemodel similar`"),
        (["nobody", "no one"], f"lists 0 of the {RIDERS} entities of the week and 2 others"),
        ([f"rider {number}" for number in range(RIDERS)], "lists everyone of the week"),
    ],
    ids=["none", "one", "unknown", "all"],
)
def test_an_audience_that_cannot_be_learnt_is_empty_and_says_why(ws: Workspace, seeds: list[str], why: str) -> None:
    report, rows = ranked(ws, seeds)
    assert rows == []
    assert re.search(why, report["why_none"])


def test_a_week_without_rows_is_an_empty_audience_that_says_why(ws: Workspace) -> None:
    with pytest.raises(DataError, match=r"Nothing is kept of 2023-12-25: `basemodel score --as-of 2023-12-25`"):
        stages.audience(ws, "regulars", EARLY, "r")
    stages.entity_representation(ws, EARLY)
    report, rows = ranked(ws, [f"rider {number}" for number in range(12)], EARLY)
    assert rows == []
    assert re.search("lists 0 of the 0 entities of the week and 12 others", report["why_none"])


def test_where_all_embeddings_are_equal_everyone_is_ranked_alike(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Known.__iter__
    monkeypatch.setattr(Known, "__iter__", lambda self: (np.ones_like(part) for part in parts(self)))
    seeds = [f"rider {number}" for number in range(0, RIDERS, 2)]
    _, rows = ranked(ws, ["nobody", *seeds[1:]])
    assert len(rows) == RIDERS - len(seeds) + 1
    scores = [row["score"] for row in rows]
    assert np.ptp(scores) < 0.1
    assert np.mean(scores) == pytest.approx(0.5, abs=0.1)
