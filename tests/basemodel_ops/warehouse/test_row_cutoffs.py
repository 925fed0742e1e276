"""Rows with moments of their own, counted and found alike on every warehouse."""

from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Grid, Moments, Relation, Task, TaskType
from basemodel_ops.stages.scoring.population import population_at
from basemodel_ops.stages.snapshot.row_cutoffs import counts_query, read_counts
from basemodel_ops.stages.snapshot.times import Times, to_microseconds
from basemodel_ops.warehouse.sql import SqlWarehouse

MONDAY, HOUR = datetime(2024, 1, 1), timedelta(hours=1)
CUTOFFS = [MONDAY + timedelta(weeks=week) for week in range(8)]
END = CUTOFFS[-1] + timedelta(days=3)
TIMES = Times(np.array([to_microseconds(week) for week in CUTOFFS]), to_microseconds(END), 0, validations=1, tests=2)
GRID = Grid(
    relation=Relation(schema_name="tasks", name="weeks"), cutoff="cutoff", data_end="data_end", start=None, now=None
)  # fmt: skip
ROWS = [(client, MONDAY + HOUR * (client * 7 + 19 * step)) for client in range(4) for step in range(60)]
ROWS.append((5, CUTOFFS[3]))
"""The last is at a cutoff itself."""


def task(known: str | None) -> Task:
    return Task(
        name="claims", relation=Relation(schema_name="tasks", name="claims"), type=TaskType.BINARY, entity="client",
        cutoff="at", target="yes", horizon=0 if known else 5, population=None, predicts=None, reads=(),
        moments=Moments.OWN, known=known,
    )  # fmt: skip


def known_at(client: int, moment: datetime, known: str | None) -> datetime | None:
    if known is None:
        return moment + timedelta(days=5)
    return None if client == 3 else moment + HOUR * (10 * client + 1)


@pytest.mark.parametrize("known", [None, "known"])
def test_rows_are_counted_by_part_and_belong_to_the_cutoff_after_their_moment(
    backend: SqlWarehouse, known: str | None
) -> None:
    moments = pa.array([moment for _, moment in ROWS], pa.timestamp("us"))
    table = pa.table(
        {
            "client": pa.array([client for client, _ in ROWS], pa.int64()), "at": moments,
            "yes": pa.array([client % 2 for client, _ in ROWS], pa.int64()),
            "known": pa.array([known_at(*row, known) for row in ROWS], pa.timestamp("us")),
        }
    )  # fmt: skip
    backend.load(task(known).relation, table)
    weeks = pa.array(CUTOFFS, pa.timestamp("us"))
    ends = pa.array([END] * len(CUTOFFS), pa.timestamp("us"))
    backend.load(GRID.relation, pa.table({"cutoff": weeks, "data_end": ends}))
    over = [cutoff for cutoff in CUTOFFS if cutoff + timedelta(days=0 if known else 5) <= END]
    test_from = over[-2]
    validation_from = [cutoff for cutoff in CUTOFFS if cutoff + timedelta(days=0 if known else 5) <= test_from][-2]
    wanted: dict[str, list[int]] = defaultdict(list)
    for client, moment in ROWS:
        at = known_at(client, moment, known)
        is_late = at is None or at > END
        part = "unlabelled" if is_late else "test" if moment >= test_from else "embargo"
        part = "validation" if at is not None and moment >= validation_from and at < test_from else part
        wanted["train" if at is not None and at < validation_from else part].append(client)
    result = read_counts(backend.read(counts_query(task(known), TIMES, yes=exp.Literal.number(1))))
    assert {part: (counts.rows, counts.entities, counts.positives) for part, counts in result.items()} == {
        part: (len(current), len(set(current)), sum(client % 2 for client in current))
        for part, current in wanted.items()
    }
    assert {"train", "validation", "test", "unlabelled"} <= result.keys()
    for before, cutoff in zip([None, *CUTOFFS[:-1]], CUTOFFS, strict=True):
        requested = population_at(backend, GRID, task(known), cutoff)
        assert requested.cutoff is not None
        pairs = sorted(zip(requested.entities.to_pylist(), requested.cutoff.tolist(), strict=True))
        assert pairs == sorted(
            (client, to_microseconds(moment) + 1)
            for client, moment in ROWS
            if before is not None and before <= moment < cutoff
        )
