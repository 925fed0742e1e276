"""A dbt that is loaded ahead is called as dbt is: the same words and codes, and it ends when it is told to."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project.lib import loaded_dbt
from dagster_project.lib.loaded_dbt import loaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere dbt is called as it is.")

DBT = str(Path(sys.executable).with_name("dbt"))


@pytest.fixture(scope="module")
def command() -> Iterator[str]:
    with loaded(DBT, "duckdb") as result:
        yield result


@pytest.mark.parametrize("arguments", [["parse", "--help"], ["nonsense"], ["parse", "--project-dir", "nowhere"]])
def test_words_and_codes_are_those_of_dbt(command: str, arguments: list[str]) -> None:
    current, plain = (subprocess.run([dbt, *arguments], capture_output=True, text=True) for dbt in (command, DBT))
    assert current.returncode == plain.returncode
    assert current.stderr == plain.stderr
    assert [line.split("  ")[-1] for line in current.stdout.splitlines()] == [
        line.split("  ")[-1] for line in plain.stdout.splitlines()
    ]


def test_each_call_has_its_own_environment_and_folder(command: str, tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: \"{{ env_var('DBT_KEPT') }}\"\nprofile: here\n")
    (tmp_path / "profiles.yml").write_text("here: {target: t, outputs: {t: {type: duckdb}}}\n")
    for kept in ({}, {"DBT_KEPT": "yes"}, {}):
        done = subprocess.run([command, "--quiet", "parse"], cwd=tmp_path, env=kept, capture_output=True, text=True)
        assert (done.returncode == 0) is bool(kept), done.stdout


def test_what_stops_the_command_stops_dbt(command: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: here\nprofile: here\n")
    (tmp_path / "profiles.yml").write_text("here: {target: t, outputs: {t: {type: duckdb, path: t.duckdb}}}\n")
    long = "select max(hash(range)) as most from range(100000000000)"  # minutes
    (models / "long.sql").write_text("{{ config(materialized='table') }} " + long)
    with subprocess.Popen([command, "run"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("START" in line for line in process.stdout)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.stdout.read()  # to its end: nothing is left that writes
        assert process.wait(30)


@pytest.mark.timeout(120)
def test_it_ends_where_being_told_to_is_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as some shells start what is in the background
    try:
        with loaded(DBT, "duckdb") as command:
            assert subprocess.run([command, "nonsense"], capture_output=True).returncode == 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not Path(command).exists()


@pytest.mark.timeout(120)
def test_its_folder_goes_with_a_killed_process() -> None:
    waiting = (
        "import sys, time\nfrom dagster_project.lib.loaded_dbt import loaded\n"
        f"with loaded({DBT!r}, 'duckdb') as command:\n    print(command, flush=True)\n    time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", waiting], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip()).parent
        assert folder.exists()
        process.kill()
    while folder.exists():
        time.sleep(0.2)


def test_one_that_cannot_be_loaded_is_called_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_dbt, "__name__", "no.such.module")
    with loaded(DBT, "duckdb") as command:
        done = subprocess.run([command, "nonsense"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_one_of_another_python_is_called_as_it_is() -> None:
    with loaded("/elsewhere/bin/dbt", "duckdb") as command:
        assert command == "/elsewhere/bin/dbt"
