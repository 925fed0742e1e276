"""What the last `dbt build` saw and left, so that one which would do the same again is skipped.

A record says what was built from which state: the project's files, the environment it reads, and the content of every
relation that was read or written. It is made only where compiled SQL says the same again of the same tables
(`soundness`), and is removed before anything is built. Whatever is not told by the record is built.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from basemodel_ops.contract.types import Relation
from basemodel_ops.erasures import ERASED
from basemodel_ops.errors import BaseModelError
from basemodel_ops.warehouse import open_warehouse
from dagster_project.lib.project import Project, project_fingerprint
from dagster_project.lib.soundness import unsound

FORM = 1
"""Of the record; another is not read."""

Name = tuple[str, str]


@dataclass(frozen=True)
class Check:
    """What a dbt test found."""

    asset: list[str]
    name: str
    passed: bool
    severity: str
    rows: int


@dataclass(frozen=True)
class Record:
    """One build: what was built, what its tests found, and the state it saw and left."""

    state: str
    relations: list[list[str]]
    assets: list[list[str]]
    tests: list[list[Any]]
    """Asset and name of every dbt test that was asked for; unit tests are, and are not run."""
    checks: list[Check] = field(default_factory=list)
    form: int = FORM


@dataclass(frozen=True)
class Before:
    """Content of what a build reads, as it begins; None for what is not there."""

    inputs: dict[Name, str | None]
    project: str


class Builds:
    """The record of one dbt step."""

    def __init__(self, project: Project, step: str) -> None:
        self._project, self._folder = project, project.settings.manifest_path.parent / step
        self.path = self._folder.with_suffix(".json")
        self._seen: dict[Name, str | None] = {}

    def same(self, assets: Iterable[list[str]], tests: Iterable[tuple[list[str], str]]) -> tuple[Record | None, str]:
        """The record if a build of these assets and tests would do nothing new; and why, or why not."""
        try:
            result = json.loads(self.path.read_text())
            record = Record(**{**result, "checks": [Check(**entry) for entry in result["checks"]]})
        except (OSError, ValueError, TypeError, KeyError):
            return None, "no finished build is known that would say the same again"
        if record.form != FORM:
            return None, "the last build was noted by another version of this package"
        if more := [asset for asset in assets if asset not in record.assets]:
            return None, f"{'/'.join(more[0])} was not part of the last build"
        if more := [name for asset, name in tests if [asset, name] not in record.tests]:
            return None, f"the test {more[0]} was not part of the last build"
        self._seen = contents = self.contents({(schema, name) for schema, name in record.relations})
        if missing := [name for name, content in contents.items() if content is None and name != _name(ERASED)]:
            return None, f"{'.'.join(missing[0])} is gone"
        if _state(self._project_state(), contents) != record.state:
            return None, "files, environment or tables are not what the last build saw and left"
        return record, f"files, environment and all {len(contents)} tables are what the last build saw and left"

    def begin(self) -> Before:
        """Forget the last build, and look at what the next one will read and `same` has not just looked at."""
        self.path.unlink(missing_ok=True)
        nodes = [*self._project.manifest["sources"].values(), *_models(self._project.manifest)]
        rest = {_relation(node) for node in nodes} | {_name(ERASED)}
        return Before({**self._seen, **self.contents(rest - self._seen.keys())}, self._project_state())

    def finish(
        self, before: Before, assets: list[list[str]], tests: Iterable[tuple[list[str], str]], checks: list[Check]
    ) -> str:
        """Note what was built, if it says the same again; a sentence on what was noted, or why nothing was."""
        manifest = json.loads((self._folder / "manifest.json").read_text())
        results = json.loads((self._folder / "run_results.json").read_text())["results"]
        built = {result["unique_id"] for result in results}
        nodes = [*manifest["sources"].values(), *_models(manifest)]
        databases = {node["database"] for node in nodes}
        if len(databases) > 1:
            return f"Every build runs: models and sources are in several databases, {sorted(map(str, databases))}."
        declared = {_relation(node) for node in nodes} | {_name(ERASED)}
        if why := unsound(manifest, built, {(schema.lower(), name.lower()) for schema, name in declared}, self.target):
            return f"Every build runs: {why}."
        written = {_relation(node) for node in _models(manifest) if node["unique_id"] in built}
        read = {_relation(manifest[kind][key]) for kind, key in _parents(manifest, built)}
        contents = self.contents(written | read | {_name(ERASED)})
        if self._project_state() != before.project or any(
            content != before.inputs.get(name) for name, content in contents.items() if name not in written
        ):
            return "The next build runs: files or tables changed while this one did."
        state = _state(before.project, contents)
        record = Record(
            state, [list(name) for name in sorted(contents)], assets, [list(test) for test in tests], checks
        )
        temporary = self.path.with_suffix(".next")
        temporary.write_text(json.dumps(asdict(record)))
        temporary.replace(self.path)
        return "A build of the same will be skipped."

    @property
    def target(self) -> str:
        """The kind of warehouse, by the name that sqlglot has for its dialect."""
        return self._project.settings.kind

    def _project_state(self) -> str:
        settings = self._project.settings
        path = str(settings.warehouse_path.resolve()) if settings.kind == "duckdb" else ""
        names = sorted(name for name in os.environ if name.startswith(("DBT_", "TZ")) and "SECRET" not in name)
        variables = [(name, os.environ[name]) for name in names if name not in IGNORED]
        return _hash(project_fingerprint(settings), path, variables)

    def contents(self, names: Iterable[Name]) -> dict[Name, str | None]:
        """A hash of columns and rows of each relation; None where there is none.

        What cannot be hashed is another thing each time.
        """
        results: dict[Name, str | None] = {}
        with open_warehouse(self._project.settings) as warehouse:
            for schema, name in sorted(names):
                results[schema, name] = None
                try:
                    relation = Relation(schema_name=schema, name=name)
                    if warehouse.exists(relation):
                        columns = warehouse.columns(relation)
                        content = warehouse.fingerprint(relation, list(columns))
                        results[schema, name] = _hash(sorted(columns.items()), content)
                except (BaseModelError, *_driver_errors(warehouse)):
                    results[schema, name] = uuid.uuid4().hex
        return results


IGNORED = ("DBT_TARGET_PATH", "DBT_LOG_PATH", "DBT_PROFILES_DIR", "DBT_SEND_ANONYMOUS_USAGE_STATS")
"""Set by this package while dbt is started."""


def _driver_errors(warehouse: Any) -> tuple[type[Exception], ...]:
    return tuple(getattr(warehouse, "errors", ()))


def _models(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Nodes that are tables or views in the warehouse."""
    kinds = ("model", "seed", "snapshot")
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in kinds]
    return [node for node in nodes if node["config"].get("materialized") != "ephemeral"]


def _parents(manifest: Mapping[str, Any], built: Iterable[str]) -> set[tuple[str, str]]:
    """Section and id of all tables and views that nodes depend on; ephemeral models are looked through."""
    results: set[tuple[str, str]] = set()
    kept = {node["unique_id"] for node in _models(manifest)}
    waiting = [key for key in built if key in manifest["nodes"]]
    while waiting:
        for parent in manifest["nodes"][waiting.pop()].get("depends_on", {}).get("nodes", []):
            if parent in manifest["sources"]:
                results.add(("sources", parent))
            elif parent in kept:
                results.add(("nodes", parent))
            elif parent in manifest["nodes"]:
                waiting.append(parent)
    return results


def _relation(node: Mapping[str, Any]) -> Name:
    return node["schema"], node.get("identifier") or node.get("alias") or node["name"]


def _name(relation: Relation) -> Name:
    return relation.schema_name, relation.name


def _state(project: str, contents: Mapping[Name, str | None]) -> str:
    return _hash(project, sorted(contents.items()))


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
