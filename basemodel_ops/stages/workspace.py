"""What every stage is given: settings, contract, artifacts, the pins of training and the way to the warehouse."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import copy
from functools import cached_property
from typing import Any

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter, version_of
from basemodel_ops.assets import AROUND, SNAPSHOT, TRAINING_EXAMPLES, Asset, assets
from basemodel_ops.audit import AuditLog
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Contract, Relation
from basemodel_ops.errors import UndeclaredError
from basemodel_ops.memory import release, reset_peak
from basemodel_ops.report import Report
from basemodel_ops.settings import Settings
from basemodel_ops.stages.snapshot import snapshot as pinning
from basemodel_ops.stages.snapshot.pins import Pins
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.times import Times, microseconds, read_times, to_datetime, to_microseconds
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.audited import Audited, Published
from basemodel_ops.warehouse.base import Warehouse

__all__ = ["Times", "Workspace", "WriteArtifact", "microseconds", "to_datetime", "to_microseconds"]

ReportMetrics = dict[str, float | int | str]
WriteArtifact = Callable[["Workspace", ArtifactWriter], tuple[ReportMetrics, dict[str, bytes]]]
"""Fills an artifact in a workspace that hands out only what the asset declares; numbers and pictures to report."""


BULKY = (TRAINING_EXAMPLES, "examples")
"""Artifacts of which only the newest version is kept: rows, which are most of a home and can be made again."""


class Workspace:
    """One project: its contract, its artifacts, its warehouse (opened per stage, never held)."""

    def __init__(self, settings: Settings, contract: Contract, log: Callable[[str], None], run: str = "") -> None:
        self.settings, self.contract, self.log, self.run = settings, contract, log, run
        self.store = ArtifactStore(settings.artifact_root)
        self.published: dict[str, Published] = {}
        """Tables that stages of this workspace published or found up to date, by name."""
        self.held: dict[str, Any] = {}
        """What stages of this workspace read or made and others of it can use, by a name or a version."""
        self._asset: Asset | None = None

    @classmethod
    def open(cls, settings: Settings, contract: Contract, log: Callable[[str], None], run: str = "") -> "Workspace":
        """The workspace of a project, and the run that the audit log names; opens nothing yet."""
        return cls(settings, contract, log, run)

    @cached_property
    def assets(self) -> dict[str, Asset]:
        """Everything that training makes, by key."""
        return assets(self.contract)

    def warehouse(self) -> AbstractContextManager[Warehouse]:
        """A fresh connection, audited; close it before dbt runs."""
        log, asset = AuditLog(self.settings.home), self._asset
        only = None if asset is None else [str(relation) for relation in (*asset.relations, *asset.aside)]
        return Audited(open_warehouse(self.settings), log, self.contract, self.run, only, self.published)

    def answer_relation(self, table: str) -> Relation:
        """A table of answers, in the schema of this target."""
        return Relation(schema_name=self.settings.answers_schema, name=table)

    def times(self, warehouse: Warehouse) -> Times:
        """The grid as the warehouse has it now; what is learnt from stands in `snapshot`."""
        return read_times(self.contract, self.settings, warehouse)

    def snapshot(self) -> Snapshot:
        """What training saw, or is to see; taken where there is none, and what is new in the contract is added."""
        current = self.store.newest(SNAPSHOT)
        if current is None or pinning.is_incomplete(self.contract, current):
            self.pin(renew=False)
            current = self.store.current(SNAPSHOT)
        return Snapshot.load(current)

    def pin(self, renew: bool | None = None) -> Report:
        """Take a new snapshot where one is due, always or never (`renew`), and add what is new in the contract."""
        started, current = time.perf_counter(), self.store.newest(SNAPSHOT)
        pins = self.due_pins(renew)
        if pins is not None:
            self.log(f"A new snapshot: {pins.content['reason']}")
            self.store.write(SNAPSHOT, pins.version, pins.write, {"reason": pins.content["reason"]})
        snapshot = Snapshot.load(self.store.current(SNAPSHOT))
        report_metrics: ReportMetrics = {
            "cutoffs": len(snapshot.times.cutoffs),
            "entities": snapshot.entities,
            "events": sum(snapshot.events.values()),
            "training_end": key_of(to_datetime(snapshot.times.training_end)),
            "reason": snapshot.reason,
            "seconds": round(time.perf_counter() - started, 3),
        }
        return Report(snapshot.version, current is not None and snapshot.version == current.version, report_metrics)

    def due_pins(self, renew: bool | None = None) -> Pins | None:
        """The snapshot that `pin` would write; None where the one that is there stays."""
        current = self.store.newest(SNAPSHOT)
        with self.warehouse() as warehouse:
            live = self.times(warehouse)
            reason = pinning.due(self.contract, self.settings, current, live, bool(self.store.current_due()))
            if current is None or (reason and renew is not False) or renew:
                pins = pinning.take(self.contract, self.settings, warehouse, live, reason or "it was asked for")
            else:
                pins = pinning.extend(self.contract, self.settings, warehouse, current)
        return None if pins is None or (current is not None and pins.version == current.version) else pins

    def inputs(self, asset: Asset, snapshot: Snapshot, versions: dict[str, str] | None = None) -> dict[str, Any]:
        """What an artifact is made from, by kind and name; `versions` of artifacts, the current ones if not given."""
        artifacts = {key: versions[key] if versions else self.store.current(key).version for key in asset.artifacts}
        return {
            "code": asset.code,
            "artifacts": artifacts,
            "tables": {
                str(relation): snapshot.fingerprints[pinning.fingerprint_name(self.contract, relation)]
                for relation in asset.relations
            },
            "settings": {name: getattr(self.settings, name) for name in asset.settings},
            "pins": {name: version_of(snapshot.pin(name)) for name in asset.pins},
            "declared": version_of(asset.declared),
        }

    def materialize(self, key: str, write_files: WriteArtifact) -> Report:
        """Make the artifact `key` with `write_files` unless the same inputs made it before."""
        asset = self.assets[key]
        inputs = self.inputs(asset, self.snapshot())
        version = version_of(key, inputs)
        artifact = self.store.find(key, version)
        if artifact is not None:
            self.store.point(key, version)
            self.log(f"{key} is up to date ({version})")
            return Report(version, True, artifact.report)
        return self.write(key, version, lambda writer: write_files(self.within(asset), writer), inputs)

    def write(
        self,
        key: str,
        version: str,
        write_files: Callable[[ArtifactWriter], tuple[ReportMetrics, dict[str, bytes]]],
        inputs: dict[str, Any],
    ) -> Report:
        """Write an artifact with its report and its pictures; what earlier stages held is given back first."""
        release()
        reset_peak()
        started = time.perf_counter()
        plots: dict[str, bytes] = {}

        def write(writer: ArtifactWriter) -> None:
            report_metrics, new_plots = write_files(writer)
            plots.update(new_plots)
            for name, plot in new_plots.items():
                writer.plot(name, plot)
            writer.report({**report_metrics, "seconds": round(time.perf_counter() - started, 3)})

        # The root of artifacts may be a URL with a password in it.
        settings = self.settings.model_dump(mode="json", exclude={"artifacts"})
        artifact = self.store.write(key, version, write, {"inputs": inputs, "settings": settings})
        if key.split("/")[-1] in BULKY:
            for other, old in list(self.store.versions()):
                if other == key and old != version:
                    self.store.remove(key, old)
        report = Report(version, False, artifact.report, plots)
        self.log(f"{key} is made in {report.metrics['seconds']} s ({version})")
        return report

    def within(self, asset: Asset) -> "Workspace":
        """The same workspace for the stage of one asset, which may read what it declares and nothing else."""
        inside = copy(self)
        inside._asset = asset
        inside.store = DeclaredArtifacts(self.settings.artifact_root, asset)
        inside.settings = Declared(self.settings, asset)  # pyright: ignore[reportAttributeAccessIssue]
        return inside


class DeclaredArtifacts(ArtifactStore):
    """Artifacts of which a stage is handed out what its asset declares and what it made itself, by their keys.

    The snapshot is there for all: an asset declares which of its pins it reads.
    """

    def __init__(self, root: str, asset: Asset) -> None:
        super().__init__(root)
        self._asset, self._handed_out = asset, {SNAPSHOT, *asset.artifacts}

    def point(self, key: str, version: str) -> None:
        """Make `version` the current one, of something beside the asset that the stage makes."""
        super().point(key, version)
        self._handed_out.add(key)

    def newest(self, key: str) -> Artifact | None:
        """The newest artifact of `key`, if there is one and the stage at work declares that it reads it."""
        self._check(key)
        return super().newest(key)

    def current(self, key: str) -> Artifact:
        """The newest artifact of `key`, if the stage at work declares that it reads it."""
        self._check(key)
        return super().current(key)

    def _check(self, key: str) -> None:
        if key not in self._handed_out:
            raise UndeclaredError(
                f"{self._asset.key} reads the artifact {key}, which its declaration in assets.py lacks. It "
                f"has: {list(self._asset.artifacts)}. Declare it, or do not read it."
            )


class Declared:
    """Settings of which only those are handed out that an asset declares."""

    def __init__(self, settings: Settings, asset: Asset) -> None:
        self._settings, self._asset = settings, asset

    def __getattr__(self, name: str) -> Any:
        is_setting = name in Settings.model_fields or isinstance(getattr(Settings, name, None), property)
        if is_setting and name not in AROUND and name not in self._asset.settings:
            raise UndeclaredError(
                f"{self._asset.key} reads the setting {name}, which its declaration in assets.py lacks. It "
                f"has: {list(self._asset.settings)}. Declare it, or do not read it."
            )
        return getattr(self._settings, name)
