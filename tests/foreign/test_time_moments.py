"""Moments that rows name, as the end of a contract: what they tell is learnt, what lies ahead only if planned."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.types import AttributeSource, Cadence, ColumnType, Contract, EventSource, Relation
from basemodel_ops.encoders import Vocabulary, track_names
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.point_in_time import check_point_in_time
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.reading import event_reader
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact

from .clinics import PATIENTS, PEOPLE, clinic, column, represented

CLINIC = clinic(Cadence.WEEK, datetime(2023, 1, 2), 40, 14)
CLINICS = Relation(schema_name="main", name="clinics")
PLANS = (20, 90)
"""Days for which a plan is made, at least and at most."""


def plans() -> list[tuple[str, datetime, datetime]]:
    """Who begins which plan when, and when it ends: one after the other."""
    generator, rows = np.random.default_rng(3), []
    for entry in range(PATIENTS):
        begins = CLINIC.cutoffs[0] - timedelta(days=int(generator.integers(100, 200)), hours=5)
        while begins < CLINIC.end:
            ends = begins + timedelta(days=int(generator.integers(*PLANS)))
            rows.append((f"patient {entry}", begins, ends))
            begins = ends
    return rows


def labels() -> pa.Table:
    """Whether the plan of each ends within two weeks and nothing follows, as after one of five; null while not over."""
    rows, generator = [], np.random.default_rng(4)
    for name, begins, ends in plans():
        is_last = generator.random() < 0.8
        for cutoff in CLINIC.cutoffs:
            over = cutoff + timedelta(days=CLINIC.horizon)
            if begins < cutoff <= ends:
                rows.append((name, cutoff, int(is_last and ends < over) if over <= CLINIC.end else None))
    patient, cutoff, ended = zip(*rows, strict=True)
    moment = pa.timestamp("us")
    return pa.table({"patient": list(patient), "cutoff": pa.array(cutoff, moment), "returned": pa.array(ended)})


def contract(of_events: bool, planned: bool) -> Contract:
    """Plans are events, or facts that are known from their beginning on."""
    declared = CLINIC.contract()
    task = declared.tasks[0].model_copy(update={"predicts": None})
    ends = column("ends", ColumnType.TIME).model_copy(update={"planned": planned})
    visits = declared.events[0]
    if of_events:
        plan = EventSource(
            name="people", relation=PEOPLE, entity="patient", time="begins", session=None, columns=(ends,)
        )
        return declared.model_copy(update={"events": (visits, plan), "tasks": (task,)})
    attributes = AttributeSource(name="people", relation=PEOPLE, key="patient", valid_from="begins", columns=(ends,))
    return declared.model_copy(update={"attributes": (attributes,), "tasks": (task,)})


def fitted(home: Path, of_events: bool, planned: bool) -> Workspace:
    patient, begins, ends = zip(*plans(), strict=True)
    moment = pa.timestamp("us")
    table = pa.table({"patient": list(patient), "begins": pa.array(begins, moment), "ends": pa.array(ends, moment)})
    workspace = CLINIC.workspace(home, contract(of_events, planned), people=table, returns=labels())
    represented(workspace)
    stages.foundation_model(workspace)
    stages.task_model(workspace, "returns")
    return workspace


@pytest.mark.parametrize(("of_events", "planned"), [(True, True), (True, False), (False, True)])
def test_a_planned_end_tells_that_it_is_near_and_another_does_not(
    tmp_path: Path, of_events: bool, planned: bool
) -> None:
    """How long ago a plan began tells a little; a column that is filled in later must not tell more."""
    workspace = fitted(tmp_path, of_events, planned)
    assert check_point_in_time(workspace).passed
    metrics = SingleModelArtifact.current(workspace.store, "returns").metrics
    auroc = metrics.test[metrics.shipped]["auroc"]
    assert auroc > 0.9 if planned else auroc < 0.8


@pytest.mark.parametrize("planned", [True, False])
def test_a_visit_is_told_when_its_clinic_closed_only_once_it_did(tmp_path: Path, planned: bool) -> None:
    declared = CLINIC.contract()
    where, duration = declared.events[0].columns
    visits = declared.events[0].model_copy(
        update={"columns": (where.model_copy(update={"references": "clinics"}), duration)}
    )
    closes = column("closes", ColumnType.TIME).model_copy(update={"planned": planned})
    clinics = AttributeSource(name="clinics", relation=CLINICS, key="clinic", valid_from=None, columns=(closes,))
    declared = declared.model_copy(update={"events": (visits,), "attributes": (clinics,)})
    names, closed = [f"clinic {entry}" for entry in range(10)], CLINIC.cutoffs[20]
    hours = [None, *(closed + timedelta(days=10 * entry, hours=entry) for entry in range(9))]
    table = pa.table({"clinic": names, "closes": pa.array(hours, pa.timestamp("us"))})
    workspace = CLINIC.workspace(tmp_path, declared, clinics=table)
    for source in ("clinics", "visits"):
        stages.encoders(workspace, source)
    rows = CLINIC.visits().sort_by("visited_at").to_pylist()
    entities = Vocabulary(pa.array(CLINIC.names), np.ones(len(CLINIC.names), np.int64))
    reader = event_reader(declared, visits, EncoderArtifact.current(workspace.store, "visits"), entities)
    (events,) = reader.read(pa.Table.from_pylist(rows).to_batches())
    expected = []
    for row in rows:
        moment = hours[names.index(row["clinic"])]
        is_known = moment is not None and (planned or moment <= row["visited_at"])
        expected.append(moment.hour if moment is not None and is_known else -1)
    assert {-1, 1, 2}.issubset(expected)
    np.testing.assert_array_equal(events.item_ids[track_names("clinic.closes", 3)[0]], expected)
