"""What the last run was asked, saw and left, so that the same asked again does nothing.

What a run makes follows from what it is asked, the date, code, settings, the files of dbt, tables and artifacts. A
record of them is made when a run ended well, and removed as soon as a step of any run works again; a run that finds all
of it as it was has nothing to do. Checks that warned would say the same of the same, so they stand too.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlglot import exp

from basemodel_ops.artifacts import ArtifactStore, version_of
from basemodel_ops.code import code_version
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.queries import column_of, table_of
from dagster_project.lib.built import Builds
from dagster_project.lib.check_results import definitions_code
from dagster_project.lib.project import Project


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    run: str
    """Its id."""
    key: str | None
    """The partition that was answered."""
    steps: int
    assets: int
    reused: int
    """Of the assets, those that were there already, made from the same."""
    builds: list[str]
    """Its steps that are a build of dbt."""
    warned: list[str]
    """Assets and names of the checks that did not pass, and stopped nothing."""
    scored: dict[str, Any]
    """Rows scored, by task."""
    held_back: dict[str, str] = field(default_factory=dict)
    """Why a task was not answered, by task."""


def last(project: Project, request: Sequence[object]) -> Outcome | None:
    """The outcome of the last run if it was asked the same and would do nothing new; else None."""
    try:
        record = json.loads(_path(project.settings).read_text())
        outcome, state = Outcome(**record["outcome"]), list(record["state"])
    except (OSError, ValueError, TypeError, KeyError):  # none, or not by this code
        return None
    builds = [Builds(project, step) for step in outcome.builds]
    # Tables are read last, and only while all else is as it was.
    same = all(was == now for was, now in zip(state, _state(project, request, builds), strict=True))
    return outcome if same and all(build.same([], [])[0] for build in builds) else None


def note(project: Project, request: Sequence[object], outcome: Outcome) -> None:
    """Note a run that ended well, where each build of dbt was noted as one that says the same again."""
    builds = [Builds(project, step) for step in outcome.builds]
    if all(build.path.exists() for build in builds):
        record = {"outcome": asdict(outcome), "state": list(_state(project, request, builds))}
        path = _path(project.settings)
        temporary = path.with_suffix(".next")
        temporary.write_text(json.dumps(record))
        temporary.replace(path)


def forget(settings: Settings) -> None:
    """Remove the record: something works, and may leave another state or find that a check does not pass."""
    _path(settings).unlink(missing_ok=True)


def _path(settings: Settings) -> Path:
    """Beside Dagster's log of runs: without that, no run is known."""
    return settings.home / "dagster" / "finished.json"


def _state(project: Project, request: Sequence[object], builds: Sequence[Builds]) -> Iterator[str]:
    """Hashes of what a run follows from and leaves, the cheap ones first.

    Tables that dbt reads and writes stand in the record of each build.
    """
    settings = project.settings
    yield version_of(*request)
    yield version_of(code_version(), definitions_code())
    yield version_of(settings.model_dump(mode="json", exclude={"artifacts"}))  # a URL with a password, perhaps
    yield version_of([build.path.read_text() if build.path.exists() else "" for build in builds])
    yield ArtifactStore(settings.artifact_root).fingerprint()
    yield version_of(sorted(_answers(project).items()))


def _answers(project: Project) -> dict[tuple[str, str], str | None]:
    """The content of the ledger and of every table in it; None for one that is gone."""
    with open_warehouse(project.settings) as warehouse:
        ledger, names = warehouse.ledger, set[str]()
        if warehouse.exists(ledger):
            query = exp.select(column_of("table_name")).distinct().from_(table_of(ledger))
            names = set(warehouse.read(query).column(0).to_pylist())
    schema = ledger.schema_name
    tables = [ledger.name, *(name.removeprefix(f"{schema}.") for name in names)]
    return Builds(project, "answers").contents((schema, name) for name in tables)
