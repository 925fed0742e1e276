"""Of a whole run: every file of every artifact is guarded, and every read stands in the log."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.audit import AuditLog
from basemodel_ops.errors import ArtifactError
from dagster_project.cli.app import app
from dagster_project.lib.project import load_project

from .conftest import VISITS, Run


def verify(store: ArtifactStore, key: str, version: str) -> None:
    artifact = store.find(key, version)
    assert artifact is not None
    assert artifact.verify() == len(artifact.names) > 0


def test_a_flipped_byte_in_any_file_of_any_artifact_is_refused_by_name(visits: Run) -> None:
    store, root = ArtifactStore(visits.settings.artifact_root), visits.settings.home / "artifacts"
    generator = np.random.default_rng(0)
    tried = 0
    for key, version in store.versions():
        verify(store, key, version)
        for path in sorted((root / key / version).iterdir()):
            data = path.read_bytes()
            broken = bytearray(data)
            broken[generator.integers(len(data))] ^= 1 << int(generator.integers(8))
            path.write_bytes(bytes(broken))
            with pytest.raises(ArtifactError) as refused:
                verify(store, key, version)
            assert path.name in str(refused.value)
            assert key in str(refused.value)
            path.write_bytes(data)
            tried += 1
    assert tried > 30


def test_every_read_of_a_run_is_logged_and_none_goes_past_the_contract(visits: Run) -> None:
    project = load_project(visits.settings)
    log = AuditLog(visits.settings.home)
    end = log.verify()
    entries = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert len(entries) == end.entries
    readable = project.contract.readable
    read: dict[str, set[str]] = {}
    for entry in entries:
        for access in entry.get("reads", []):
            read.setdefault(access["relation"], set()).update(access["columns"])
    assert {name: columns for name, columns in read.items() if name in readable} == readable
    # What it answered itself is read again: to compare, to explain, to number segments as they were.
    neighbour = set(read) - set(readable)
    assert neighbour
    assert all(name.startswith("basemodel.") for name in neighbour)
    assert not neighbour & set(readable)
    runs = {run for (run,) in visits.rows("select run_id from basemodel.ledger where partition like '%2024-09-30%'")}
    assert runs
    assert runs <= {entry["run"] for entry in entries}
    assert all(entry["run"] for entry in entries)
    text = log.path.read_text()
    for value in ("patient 7", "clinic 1"):
        assert value not in text
    ((first,),) = visits.rows("select min(visited_at)::varchar from behavior.visits")
    assert first[:10] not in text


def test_the_command_line_verifies_the_log_and_names_what_broke(visits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    log = AuditLog(visits.settings.home)
    head = log.verify()
    sound = CliRunner().invoke(app, ["audit", "verify"])
    assert sound.exit_code == 0
    assert f"All {head.entries} entries" in sound.stdout
    assert head.hash in sound.stdout
    assert CliRunner().invoke(app, ["audit", "verify", "--head", head.hash]).exit_code == 0
    complete = log.path.read_bytes()
    log.path.write_bytes(complete.replace(b'"rows":', b'"rows": ', 1))
    broken = CliRunner().invoke(app, ["audit", "verify"])
    log.path.write_bytes(complete)
    assert broken.exit_code == 1
    assert "was changed" in broken.stderr
    assert CliRunner().invoke(app, ["audit", "verify", "--head", "0" * 63 + "1"]).exit_code == 1
