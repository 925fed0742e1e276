"""A rewritten file holds the same tables and views, and no byte of what was deleted."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.compaction import compact

CANARY, NUMBER = "canary-7f3a-ü", 7_777_133_133_779_911
TABLE = '"odd ""x"" schema"."tab\'le"'
FORMS = [CANARY.encode(), str(NUMBER).encode(), NUMBER.to_bytes(8, "little")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file as dbt leaves it, from which rows with a canary were deleted."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            create schema "odd ""x"" schema"; create schema marts;
            create table "odd ""x"" schema"."tab'le" (id bigint not null, name varchar, moment timestamp, odd double[]);
            insert into "odd ""x"" schema"."tab'le"
                select range, 'name ' || range, timestamp '2024-01-01' + to_days(range::int), [range, null]
                from range(10000);
            insert into "odd ""x"" schema"."tab'le" select {NUMBER} + 0 * range, '{CANARY}' || range, null, null
                from range(3000);
            create table marts.empty (x integer);
            create view marts.named as select name, id from warehouse."odd ""x"" schema"."tab'le";
            create view marts.counted as select count(*) as n from warehouse.marts.named;
            checkpoint;
            delete from "odd ""x"" schema"."tab'le" where name like 'canary%';
            checkpoint""")
    return path


def content(path: Path) -> list[list[tuple]]:
    queries = (
        f"select * from {TABLE} order by id", "select * from marts.named order by id",
        "select * from marts.counted", "select * from marts.empty",
        "select table_schema, table_name, table_type from information_schema.tables order by all",
        "select column_name, data_type, is_nullable from information_schema.columns order by all",
    )  # fmt: skip
    with duckdb.connect(str(path), read_only=True) as connection:
        return [connection.execute(query).fetchall() for query in queries]


def test_deleted_values_are_in_no_byte_and_everything_else_is_there(path: Path) -> None:
    assert FORMS[0] in path.read_bytes(), "DuckDB forgets by itself: no need to rewrite"
    before = content(path)
    sizes = compact(path)
    assert content(path) == before
    assert not [form for form in FORMS if form in path.read_bytes()]
    assert sizes[1] == path.stat().st_size
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_a_rewritten_file_can_be_rewritten(path: Path) -> None:
    compact(path)
    first = content(path)
    compact(path)
    assert content(path) == first


def test_a_file_that_is_held_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("basemodel_ops.warehouse.duckdb.LOCK_TIMEOUT", 0.0)
    program = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "open"
        before = path.read_bytes()
        with pytest.raises(WarehouseError, match="open in another process"):
            compact(path)
        assert path.read_bytes() == before
        holder.communicate("\n")
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_a_copy_that_differs_is_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from basemodel_ops.warehouse import compaction

    def interfere(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
        connection.execute(f"update {new}.{TABLE} set name = 'other' where id = 7")
        real(connection, old, new)

    real = compaction._compare
    monkeypatch.setattr(compaction, "_compare", interfere)
    before = content(path)
    with pytest.raises(WarehouseError, match=r"copy of odd .x. schema\.tab'le differs"):
        compact(path)
    assert content(path) == before
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"no warehouse .*none\.duckdb"):
        compact(tmp_path / "none.duckdb")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    before = content(path)
    with pytest.raises(WarehouseError, match=r"not rewritten and is as it was: .*No space left"):
        compact(path)
    assert content(path) == before
    assert [other.name for other in path.parent.iterdir()] == [path.name]
