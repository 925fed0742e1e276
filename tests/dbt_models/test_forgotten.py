"""Every behavior and task model leaves out households that were forgotten, and nobody else."""

import hashlib
import shutil
from pathlib import Path

import duckdb

from .conftest import Project

FORGOTTEN = (1, 2)


def rows(project: Project) -> dict[str, list[tuple]]:
    """All rows of each behavior and task model that has the household."""
    with duckdb.connect(str(project.warehouse), read_only=True) as connection:
        names = connection.execute("""
            select table_schema || '.' || table_name from information_schema.columns
            where column_name = 'household_id' and table_schema in ('behavior', 'tasks') order by 1""").fetchall()
        return {name: connection.execute(f"select * from {name} order by all").fetchall() for (name,) in names}


def household(project: Project, name: str) -> int:
    with duckdb.connect(str(project.warehouse), read_only=True) as connection:
        columns = [column for column, *_ in connection.execute(f"describe {name}").fetchall()]
    return columns.index("household_id")


def test_models_leave_out_the_forgotten_and_nobody_else(built: Project, tmp_path: Path) -> None:
    project = Project(tmp_path)
    shutil.copyfile(built.warehouse, project.warehouse)
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in FORGOTTEN]
    with duckdb.connect(str(project.warehouse)) as connection:
        connection.execute("create schema basemodel; create table basemodel.forgotten (digest varchar)")
        connection.executemany("insert into basemodel.forgotten values (?)", [[digest] for digest in digests])
    tests = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    project.build("--exclude", "source:basemodel+", *tests)
    before, after = rows(built), rows(project)
    assert set(before) == set(after)
    assert len(before) == 10
    for name in before:
        row_index = household(project, name)
        assert {row[row_index] for row in before[name]} & set(FORGOTTEN), f"{name} shows nothing"
        kept = [row for row in before[name] if row[row_index] not in FORGOTTEN]
        if name != "tasks.category_14d":  # its list of categories is drawn from everybody
            assert after[name] == kept, name
        assert not {row[row_index] for row in after[name]} & set(FORGOTTEN), name
