"""Secrets out of files, and what is said of files that will not do."""

from pathlib import Path

import pytest

from basemodel_ops.errors import SettingsError
from basemodel_ops.secret_files import read_secret_files


def test_a_secret_is_the_text_of_its_file_without_the_line_break(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss word\n")
    environment = {"PGPASSWORD_FILE": str(tmp_path / "password")}
    read_secret_files(environment, "postgres")
    assert environment["PGPASSWORD"] == "p@ss word"


def test_only_secrets_of_the_target_are_read(tmp_path: Path) -> None:
    environment = {"PGPASSWORD_FILE": str(tmp_path / "nothing"), "SNOWFLAKE_PRIVATE_KEY_PATH": str(tmp_path / "key")}
    before = dict(environment)
    read_secret_files(environment, "duckdb")
    assert environment == before


@pytest.mark.parametrize(
    ("target", "variable"),
    [
        ("postgres", "PGPASSWORD_FILE"),
        ("postgres", "PGPASSFILE"),
        ("snowflake", "SNOWFLAKE_PASSWORD_FILE"),
        ("snowflake", "SNOWFLAKE_PRIVATE_KEY_PATH"),
        ("dagster", "DAGSTER_PG_PASSWORD_FILE"),
    ],
)
def test_a_missing_file_is_named_with_its_variable_and_what_is_there(
    tmp_path: Path, target: str, variable: str
) -> None:
    (tmp_path / "other").write_text("hidden")
    with pytest.raises(SettingsError) as caught:
        read_secret_files({variable: str(tmp_path / "missing")}, target)
    message = str(caught.value)
    for word in (variable, str(tmp_path / "missing"), "No such file", "there is other", "Mount the file"):
        assert word in message
    assert "hidden" not in message


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        read_secret_files({"PGPASSWORD_FILE": str(tmp_path / "password")}, "postgres")


def test_a_secret_that_is_given_twice_differently_is_refused_and_not_told(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("one")
    environment = {"PGPASSWORD": "two", "PGPASSWORD_FILE": str(tmp_path / "password")}
    with pytest.raises(SettingsError, match="Both PGPASSWORD and PGPASSWORD_FILE") as caught:
        read_secret_files(environment, "postgres")
    assert "two" not in str(caught.value)
    read_secret_files(environment | {"PGPASSWORD": "one"}, "postgres")


def test_a_key_in_binary_is_a_file_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "key.p8").write_bytes(bytes(range(256)))
    read_secret_files({"SNOWFLAKE_PRIVATE_KEY_PATH": str(tmp_path / "key.p8")}, "snowflake")
