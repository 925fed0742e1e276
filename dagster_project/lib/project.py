"""The dbt project: its manifest, kept fresh, and the contract read from it. Dagster is loaded only for asset keys."""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basemodel_ops.contract.manifest import read_contract
from basemodel_ops.contract.types import Contract, Relation
from basemodel_ops.errors import ContractError
from basemodel_ops.settings import Settings
from dagster_project.lib.locking import turn
from dagster_project.lib.surroundings import check_project
from dagster_project.lib.targets import database_of, profiles_directory

if TYPE_CHECKING:
    import dagster as dg

RELATIONS = ("model", "seed", "snapshot")
"""Kinds of dbt's nodes that are tables or views."""

NAMEABLE = re.compile(r"[A-Za-z0-9_.-]+")

SCORES_SOURCE = "basemodel"
"""The dbt source that holds score tables; models below it are built after scoring."""


@dataclass(frozen=True)
class Project:
    """Settings and contract of one dbt project; its manifest is read when something asks for it."""

    settings: Settings
    contract: Contract

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """dbt's manifest."""
        return json.loads(self.settings.manifest_path.read_text())

    @cached_property
    def keys(self) -> "dict[tuple[str, str, str], dg.AssetKey]":
        """Asset keys of dbt's relations, by database (empty for the one that is read), schema and name."""
        current, results = (database_of(self.settings) or "").lower(), {}
        for name, key in self.node_keys.items():
            node = self.manifest["nodes"][name]
            database = (node.get("database") or current).lower()
            path = (node["schema"].lower(), (node.get("alias") or node["name"]).lower())
            results["" if database == current or not current else database, *path] = key
        return results

    @cached_property
    def node_keys(self) -> "dict[str, dg.AssetKey]":
        """Asset keys of dbt's nodes, by id."""
        from dagster_project.lib.keys import node_keys

        return node_keys(self.manifest, self.contract)

    def key(self, relation: Relation) -> "dg.AssetKey":
        """The asset that dbt materialises as this relation."""
        return self.keys[(relation.database or "").lower(), relation.schema_name.lower(), relation.name.lower()]

    def source_tables(self, source: str) -> set[str]:
        """Names of the tables of a dbt source; empty when there is no such source."""
        return {node["name"] for node in self.manifest["sources"].values() if node["source_name"] == source}


def load_project(settings: Settings) -> Project:
    """Parse the dbt project if it changed and read its contract.

    Raises:
        SettingsError: no dbt project there, no home to write to, or variables of the target or secrets are missing.
        ContractError: with every mistake in the contract.
    """
    settings = check_project(settings)
    # Two parses at once would write into one file.
    with turn(settings.manifest_path.with_name("lock")):
        ensure_manifest(settings)
        project = Project(settings, read_contract(settings.manifest_path, database_of(settings), settings.kind))
        _ = project.manifest  # read while it is the one that the contract was read from
    nodes = [node for node in project.manifest["nodes"].values() if node["resource_type"] in RELATIONS]
    if odd := [node["name"] for node in nodes if not NAMEABLE.fullmatch(node["name"])]:
        raise ContractError(
            [
                f"Model {name!r} has other characters than letters without accents, digits, `_`, `-` and `.`, and "
                "Dagster names steps after models. Rename its file; `alias` keeps the name of its table."
                for name in odd
            ]
        )
    return project


def dbt_executable() -> str:
    """The dbt of this Python environment, which need not be on PATH."""
    return str(Path(sys.executable).parent / "dbt")


@contextlib.contextmanager
def dbt_environment(settings: Settings) -> Iterator[None]:
    """Environment variables that dbt needs, set for as long as a dbt process is being started."""
    values = {
        "BASEMODEL_TARGET": settings.target,
        "BASEMODEL_WAREHOUSE_PATH": str(settings.warehouse_path.resolve()),
        "BASEMODEL_ANSWERS_SCHEMA": settings.answers_schema,
        "BASEMODEL_EXPLAINED": str(settings.explained),
        # dagster-dbt copies dbt's partial parse from here into the target path of each invocation.
        "DBT_TARGET_PATH": str(settings.manifest_path.parent.resolve()),
        "DBT_LOG_PATH": str(settings.manifest_path.parent.resolve()),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # The zone of DuckDB's and PostgreSQL's sessions, in which dbt casts moments; it would be the host's.
        "TZ": "UTC",
        "PGTZ": "UTC",
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def ensure_manifest(settings: Settings) -> None:
    """Run `dbt parse` unless the manifest was made from the same files, target and dbt."""
    directory = settings.dbt_project_dir
    stamp = settings.manifest_path.with_name("fingerprint")
    fingerprint = project_fingerprint(settings)
    if settings.manifest_path.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)  # a parse that is cut off leaves a manifest that nothing vouches for
    with dbt_environment(settings):
        parsed = subprocess.run(
            [dbt_executable(), "--no-use-colors", "--quiet", "parse", *dbt_options(settings)],
            cwd=directory,
            env={**os.environ, "DBT_PROFILES_DIR": str(profiles_directory(settings))},
            capture_output=True,
            text=True,
        )
    if parsed.returncode:
        output = (parsed.stdout + parsed.stderr).strip()[-2000:]
        hint = " Give variables as BASEMODEL_DBT_VARS='{name: value}'." if "Required var " in output else ""
        raise ContractError([f"dbt parse of {directory} failed: {output}{hint}"])
    stamp.write_text(fingerprint)


def dbt_options(settings: Settings) -> list[str]:
    """What every command of dbt is told: the target, and variables where they are given."""
    return ["--target", settings.target, *(["--vars", settings.dbt_vars] if settings.dbt_vars else [])]


def project_fingerprint(settings: Settings) -> str:
    """A hash of all that dbt's parser reads: files, profile, target, variables of the environment, and dbt itself."""
    adapter = f"dbt-{settings.kind}"
    made_by = [
        settings.target,
        settings.dbt_vars,
        settings.answers_schema,
        settings.explained > 0,
        sys.prefix,
        version("dbt-core"),
        version(adapter),
    ]
    profile = profiles_directory(settings) / "profiles.yml"
    contents = {str(path.relative_to(settings.dbt_project_dir)): _content(path) for path in _files(settings)}
    contents["profile"] = profile.read_bytes() if profile.is_file() else b""
    results = {
        name.decode()
        for file, content in contents.items()
        for name in VARIABLE.findall(content)
        if not (file in ("profile", "profiles.yml") and SECRET.search(name))
    }
    variables = [(name, os.environ.get(name)) for name in sorted(results - SET_HERE)]
    if any(NAMELESS.search(content) for content in contents.values()):
        # Which variables these are is known only to dbt: none of them may change unseen.
        variables += [(name, value) for name, value in sorted(os.environ.items()) if not SECRET.search(name.encode())]
    digest = hashlib.sha256(json.dumps([made_by, variables]).encode())
    for name, content in sorted(contents.items()):
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


VARIABLE = re.compile(rb"env_var\(\s*['\"](\w+)['\"]")

NAMELESS = re.compile(rb"env_var\((?!\s*['\"]\w+['\"]\s*[,)])\s*[^\s)]")
"""A variable whose name is made up by an expression."""

SET_HERE = {"BASEMODEL_TARGET", "BASEMODEL_WAREHOUSE_PATH", "BASEMODEL_ANSWERS_SCHEMA", "BASEMODEL_EXPLAINED"}
"""Variables that this package sets for dbt from its settings."""

SECRET = re.compile(b"PASS|SECRET|KEY|TOKEN")
"""Variables of a profile of which not even a hash may stand in a file; what is built does not depend on them."""

NO_PART = ("target", "logs", ".git", ".venv")
"""Directories of a dbt project that hold no part of it."""

PARSED = (".sql", ".py", ".js", ".csv", ".md", ".yml", ".yaml", ".dbtignore")
"""Endings of the files that dbt reads; others may lie beside them: data, a warehouse, pictures."""

LARGE = 2**20
"""Bytes of a file, a seed then, beyond which dbt does not read it either: it is known by its size and its time."""


def _content(path: Path) -> bytes:
    """What a file holds, or what tells that it was written again."""
    status = path.stat()
    return path.read_bytes() if status.st_size <= LARGE else f"{status.st_size} {status.st_mtime_ns}".encode()


def _files(settings: Settings) -> list[Path]:
    """Files of the dbt project that dbt reads; a package of a folder elsewhere is a link to it, which is followed.

    The home may lie among them, and is none of them: every run writes there.
    """
    root, results = settings.dbt_project_dir, []
    seen = {os.path.realpath(settings.home)} - {os.path.realpath(root)}
    for folder, inner, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to what is around it
            inner.clear()
            continue
        seen.add(real)
        if Path(folder) == root:
            inner[:] = [name for name in inner if name not in NO_PART]
        results += (path for name in names if name.endswith(PARSED) and (path := Path(folder, name)).is_file())
    return results
