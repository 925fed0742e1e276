"""What every stage is given: settings, contract, artifacts and the way to the warehouse."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.artifacts import Artifact, ArtifactStore, Draft, version_of
from basemodel_ops.audit import AuditLog
from basemodel_ops.code import code_version
from basemodel_ops.contract.types import Contract
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.settings import Settings
from basemodel_ops.tasks.split import Split, split_cutoffs
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.audited import Audited
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

Fill = Callable[[Draft], tuple[dict[str, float | int | str], dict[str, bytes]]]


def microseconds(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Timestamps or dates as microseconds since 1970, int64."""
    return pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64()).to_numpy(zero_copy_only=False)


def to_microseconds(moment: datetime) -> int:
    """A naive moment (UTC) as microseconds since 1970."""
    return int(moment.replace(tzinfo=UTC).timestamp() * 1_000_000)


def to_datetime(moment: int) -> datetime:
    """The inverse of `to_microseconds`."""
    return datetime.fromtimestamp(moment / 1_000_000, UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Times:
    """The grid and what follows from it, in microseconds."""

    cutoffs: np.ndarray
    data_end: int
    training_end: int
    """No encoder, embedding or pretraining target sees anything from here on: the tasks' validation begins here."""
    validations: int = 2
    tests: int = 4

    def split(self, horizon: int, task: str) -> Split:
        """Parts of the cutoffs for a horizon in days."""
        return split_cutoffs(self.cutoffs, self.data_end, horizon, task, self.validations, self.tests)


class Workspace:
    """One project: its contract, its artifacts, its warehouse (opened per stage, never held)."""

    def __init__(self, settings: Settings, contract: Contract, log: Callable[[str], None], run: str = "") -> None:
        self.settings, self.contract, self.log, self.run = settings, contract, log, run
        self.store = ArtifactStore(settings.artifact_root)

    @classmethod
    def open(cls, settings: Settings, contract: Contract, log: Callable[[str], None], run: str = "") -> "Workspace":
        """The workspace of a project, and the run that the audit log names; opens nothing yet."""
        return cls(settings, contract, log, run)

    def warehouse(self) -> AbstractContextManager[Warehouse]:
        """A fresh connection, audited; close it before dbt runs."""
        return Audited(open_warehouse(self.settings), AuditLog(self.settings.home), self.contract, self.run)

    def times(self, warehouse: Warehouse) -> Times:
        """The grid's cutoffs, the end of the data and of training.

        Raises:
            DataError: the grid is empty.
        """
        grid = self.contract.grid
        rows = warehouse.read(rows_query(grid.relation, [grid.cutoff, grid.data_end]))
        if rows.num_rows == 0:
            raise DataError(f"Model {grid.relation} has no cutoffs. Start its grid before the end of the data.")
        cutoffs = np.sort(microseconds(rows.column(0)))
        data_end = int(microseconds(rows.column(1)).max())
        times = Times(cutoffs, data_end, int(cutoffs[-1]), self.settings.validation_cutoffs, self.settings.test_cutoffs)
        starts = [
            int(times.split(task.horizon, task.name).validation[0])
            for task in self.contract.tasks
            if task.horizon is not None
        ]
        return replace(times, training_end=min(starts, default=times.training_end))

    def made(self, key: str, inputs: list[object], fill: Fill) -> Report:
        """Make the artifact `key` with `fill` unless the same inputs made it before."""
        version = version_of(key, code_version(), inputs)
        found = self.store.find(key, version)
        if found is not None:
            self.store.point(key, version)
            self.log(f"{key} is up to date ({version})")
            return Report(version, True, found.json("report"))
        began = time.perf_counter()
        plots: dict[str, bytes] = {}

        def write(draft: Draft) -> None:
            numbers, pictures = fill(draft)
            plots.update(pictures)
            for name, picture in pictures.items():
                draft.picture(name, picture)
            draft.json("report", {**numbers, "seconds": round(time.perf_counter() - began, 3)})

        about = {
            "inputs": inputs, "contract": self.contract.fingerprint, "code": code_version(),
            # The root of artifacts may be a URL with a password in it.
            "settings": self.settings.model_dump(mode="json", exclude={"artifacts"}),
        }  # fmt: skip
        artifact = self.store.write(key, version, write, about)
        report = Report(version, False, artifact.json("report"), plots)
        self.log(f"{key} is made in {report.numbers['seconds']} s ({version})")
        return report

    def current(self, key: str) -> Artifact:
        """The newest artifact of `key`."""
        return self.store.current(key)
