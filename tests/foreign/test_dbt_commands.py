"""Commands at a home: before anything was built, several at once, and after one that was killed."""

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from basemodel_ops.errors import BaseModelError
from basemodel_ops.scratch import scratch_folder, sweep
from basemodel_ops.settings import Settings
from dagster_project.cli.app import app
from dagster_project.lib import project as project_module
from dagster_project.lib.locking import turn
from dagster_project.lib.project import load_project

from ..basemodel_ops.manifests import hospital, write

SLOW_DBT = """#!{python}
import os, sys, time
from pathlib import Path
folder = Path(os.environ["DBT_TARGET_PATH"])
with (folder.parent / "parsed").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + chr(10))
text = Path({manifest!r}).read_text()
folder.mkdir(parents=True, exist_ok=True)
with (folder / "manifest.json").open("w") as file:
    file.write(text[:500]); file.flush(); time.sleep(0.4); file.write(text[500:])
"""


@pytest.fixture
def hospital_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project whose dbt writes the manifest in two halves with a pause between them, and counts its parses."""
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    (folder / "dbt_project.yml").write_text("name: hospital\nprofile: hospital\n")
    (folder / "profiles.yml").write_text(
        "hospital: {outputs: {duckdb: {type: duckdb, path: \"{{ env_var('BASEMODEL_WAREHOUSE_PATH') }}\"}}}"
    )
    dbt = tmp_path / "dbt"
    dbt.write_text(SLOW_DBT.format(python=sys.executable, manifest=str(write(tmp_path, hospital()))))
    dbt.chmod(dbt.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(project_module, "dbt_executable", lambda: str(dbt))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(folder))
    monkeypatch.setenv("BASEMODEL_HOME", str(home))
    monkeypatch.setenv("BASEMODEL_TARGET", "duckdb")
    return Settings()


def test_commands_at_once_wait_for_one_parse(hospital_home: Settings) -> None:
    result: list[object] = []

    def read() -> None:
        try:
            result.append(load_project(hospital_home).contract.entity)
        except (BaseModelError, ValueError) as error:
            result.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert result == ["patient_id"] * 3
    assert len((hospital_home.home / "dbt" / "parsed").read_text().splitlines()) == 1


def test_a_parse_that_was_cut_off_is_done_again(hospital_home: Settings) -> None:
    load_project(hospital_home)
    stamp = hospital_home.manifest_path.with_name("fingerprint")
    held, complete = stamp.read_text(), hospital_home.manifest_path.read_text()
    stamp.unlink()  # as a parse does, before it writes
    hospital_home.manifest_path.write_text(complete[:500])
    load_project(hospital_home)
    assert (stamp.read_text(), hospital_home.manifest_path.read_text()) == (held, complete)


def test_variables_reach_dbt(hospital_home: Settings) -> None:
    load_project(hospital_home.model_copy(update={"dbt_vars": "{shop: 1}"}))
    described = (hospital_home.home / "dbt" / "parsed").read_text()
    assert "--target duckdb --vars {shop: 1}" in described


def test_values_are_not_looked_at_before_they_are_there(hospital_home: Settings) -> None:
    result = CliRunner().invoke(app, ["contract", "--profile"])
    message = result.output.replace("\n", " ")
    assert result.exit_code == 1
    for words in ("main.visits, main.clinics are not built yet", "basemodel run", "dbt build --target duckdb"):
        assert words in message
    assert "Traceback" not in message
    assert not hospital_home.warehouse_path.exists()
    assert not (hospital_home.home / "inference_report.md").exists()


def test_a_turn_waits_for_the_one_before_it(tmp_path: Path) -> None:
    order: list[str] = []
    started, waits = threading.Event(), threading.Event()

    def first() -> None:
        with turn(tmp_path / "lock"):
            started.set()
            waits.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    started.wait(10)
    with turn(tmp_path / "lock", waits.set):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert waits.is_set()


KILLED = """
import os, sys
from pathlib import Path
from basemodel_ops.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "sorting") as folder:
    (folder / "events").write_text("held")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    (left,) = tmp_path.glob("sorting-*")
    with scratch_folder(tmp_path, "incidences") as current:
        assert not left.exists()
        assert sweep(tmp_path, age=0) == []  # those of the living stay
        assert current.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_an_older_version_is_removed_when_it_is_old(tmp_path: Path) -> None:
    old, young = tmp_path / "sorting-old", tmp_path / "sorting-young"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    assert sweep(tmp_path) == [old]
    assert young.exists()
