"""Directories, disks and users that will not do are named before any work, and disks that fill up on the way."""

import errno
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from basemodel_ops.errors import SettingsError
from basemodel_ops.settings import Settings
from dagster_project.cli.app import app
from dagster_project.lib import surroundings
from dagster_project.lib.home import GIVEN, ensure_dagster_home
from dagster_project.lib.surroundings import anticipated, check_surroundings

Usage = namedtuple("Usage", "total used free")


def test_a_home_that_is_there_or_can_be_made_will_do(tmp_path: Path) -> None:
    check_surroundings(Settings(home=tmp_path))
    check_surroundings(Settings(home=tmp_path / "a" / "b"))
    assert not (tmp_path / "a").exists()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(SettingsError, match=r"home .*/home is no directory.*BASEMODEL_HOME"):
        check_surroundings(Settings(home=tmp_path / "home"))
    with pytest.raises(SettingsError, match=r"does not exist and cannot be made.*BASEMODEL_HOME"):
        check_surroundings(Settings(home=tmp_path / "home" / "inside"))


def test_a_full_disk_is_named_with_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100 * 2**20, 97 * 2**20, 3 * 2**20))
    with pytest.raises(SettingsError, match=r"The home .* is full: 3 of 100 MiB are free.*BASEMODEL_HOME"):
        check_surroundings(Settings(home=tmp_path))


def test_a_part_of_the_home_that_another_user_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "warehouse.duckdb").write_text("")
    writable = surroundings.os.access
    monkeypatch.setattr(
        surroundings.os, "access", lambda path, mode: "warehouse" not in str(path) and writable(path, mode)
    )
    with pytest.raises(SettingsError, match=r"No write access to .*warehouse\.duckdb: .* belongs to uid \d+.*chown"):
        check_surroundings(Settings(home=tmp_path))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError('IO Error: Could not write file "x": No space left on device'),
    ],
)
def test_a_disk_that_fills_up_on_the_way_is_told_as_such(tmp_path: Path, error: Exception) -> None:
    wrapped = RuntimeError("something else")
    wrapped.__cause__ = error
    result = anticipated(wrapped, Settings(home=tmp_path))
    assert result is not None
    assert f"MiB are free in {tmp_path}" in str(result)
    assert "temporary files" in str(result)


def test_a_file_that_is_closed_to_this_user_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "closed"
    path.write_text("")
    result = anticipated(PermissionError(errno.EACCES, "Permission denied", str(path)), Settings(home=tmp_path))
    assert result is not None
    for word in (f"No access to {path}", "belongs to uid", "this process is uid"):
        assert word in str(result)


def test_other_errors_keep_their_traceback(tmp_path: Path) -> None:
    assert anticipated(OSError(errno.ENOENT, "No such file"), Settings(home=tmp_path)) is None


def test_the_command_line_ends_with_one_message_when_a_disk_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("BASEMODEL_HOME", str(tmp_path))
    monkeypatch.setattr("dagster_project.cli.execution.run_main_job", full)
    result = CliRunner().invoke(app, ["run"])
    assert result.exit_code == 1
    assert "A disk is full" in result.output
    assert "Traceback" not in result.output


def test_a_given_configuration_replaces_dagsters_own_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "set by the function")
    settings, given = Settings(home=tmp_path / "home"), tmp_path / "dagster.yaml"
    ensure_dagster_home(settings)
    monkeypatch.setenv(GIVEN, str(given))
    with pytest.raises(SettingsError, match=rf"{GIVEN} names .*dagster\.yaml, and there is no such file"):
        ensure_dagster_home(settings)
    given.write_text("telemetry: {enabled: false}\n")
    assert (ensure_dagster_home(settings) / "dagster.yaml").read_text() == given.read_text()
