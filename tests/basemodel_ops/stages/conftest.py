"""Stages run once on trips for all tests that only look at what they made."""

from datetime import datetime

import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features import builder
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.scoring import querying

from ...sharing import copy_of
from .riding import RIDES, SMALL, ask, is_over, plain, trained
from .trips import opened, workspace


def encode(ws: Workspace) -> None:
    """Encoders, vectors and codes of every source."""
    for source in ("trips", *(attributes.name for attributes in ws.contract.attributes)):
        stages.encoders(ws, source)
    stages.embeddings(ws, "trips", "station")
    stages.codes(ws, "trips", "station")


def represent(ws: Workspace, as_of: datetime) -> RowsInMemory:
    """The rows of all riders at `as_of`; stations are few, but sketched here."""
    with pytest.MonkeyPatch.context() as patch, ws.warehouse() as warehouse:
        patch.setattr(builder, "SKETCHED_ABOVE", 10)
        return querying.represent(builder.Builder.of(ws, warehouse, as_of), as_of)


@pytest.fixture(scope="session")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return opened(copy_of(tmp_path_factory, "trips", lambda home: encode(workspace(home))))


@pytest.fixture(scope="session")
def riders(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Rows to learn from and a checkpoint; tests ask tasks of their own."""
    return opened(copy_of(tmp_path_factory, "riders", trained), plain(), **SMALL)


@pytest.fixture(scope="module")
def fitted(riders: Workspace) -> tuple[Workspace, str]:
    """Who rides more than three times, with its model: the workspace, and the name of the task."""

    def answer(rider: str, cutoff: datetime) -> int | None:
        return int(len(RIDES[rider, cutoff]) > 3) if is_over(cutoff) else None

    ws, task = ask(riders, answer, pa.int64())
    stages.task_model(ws, task.name)
    return ws, task.name
