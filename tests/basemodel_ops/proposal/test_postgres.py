"""Tables in PostgreSQL are taken for what the same rows in files are, by a sample where they are large."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from basemodel_ops.errors import DataError
from basemodel_ops.proposal.postgres import PAGES, PostgresDatabase
from basemodel_ops.proposal.project import files_of
from basemodel_ops.proposal.roles import annotation, propose
from basemodel_ops.proposal.sampled import ROWS, look_into
from basemodel_ops.proposal.seen import SeenTable
from basemodel_ops.proposal.tables import look
from basemodel_ops.warehouse.postgres import URI, PostgresWarehouse

from ... import servers
from .shop import Running, declared, load_shop, write_shop

DAYS, USERS, LARGE = 400, 5_000, 300_000


class Watched(Running, PostgresWarehouse):
    """A database that keeps what it was asked."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.queries: list[exp.Query] = []

    def read(self, query: exp.Query) -> pa.Table:
        self.queries.append(query.copy())
        return super().read(query)


@pytest.fixture
def database(postgres_server: dict[str, str]) -> Iterator[Watched]:
    with servers.database(postgres_server, "proposal") as variables:
        host, port = variables["PGHOST"], variables["PGPORT"]
        yield Watched(f"{URI}&host={host}&port={port}&user={variables['PGUSER']}&dbname=proposal")


def look_in(database: Watched, row_indices: list[str]) -> list[SeenTable]:
    return look_into(PostgresDatabase(database), row_indices)


def test_a_shop_is_taken_for_what_it_is_as_files(tmp_path: Path, database: Watched) -> None:
    folder = write_shop(tmp_path / "data")
    load_shop(database, folder)
    tables = look_in(database, ["shop"])
    assert declared(propose(tables)) == declared(propose(look([folder])))
    assert not any(table.is_sampled for table in tables)
    only = look_in(database, ["shop.Orders", "shop.customers"])
    assert [table.name for table in only] == ["customers", "orders"]


def test_of_a_large_table_a_sample_is_read(database: Watched) -> None:
    """Each user has 60 events on random days; the names of events stand once, of kinds there are seven."""
    database.run(
        f"""create table public.events as select
            i as event_id, i * 7919::bigint % {USERS} as user_id, 'kind ' || i % 7 as kind,
            repeat('x', 40) || i as note,
            case when i % 4 > 0 then i end as quarter_missing,
            timestamp '2023-01-01' + i * 104729::bigint % {DAYS * 86_400} * interval '1 second' as at
        from generate_series(1, {LARGE}) as i"""
    )
    (table,) = look_in(database, ["public.events"])
    assert table.is_sampled
    reads = [query for query in database.queries if "events" in {table.name for table in query.find_all(exp.Table)}]
    assert [bool(query.find(exp.TableSample)) for query in reads] == [True]
    looked_at = database.read(reads[0]).num_rows
    assert looked_at < LARGE / 4
    assert table.rows == pytest.approx(LARGE, rel=0.15)
    columns = {column.name: column for column in table.columns}
    assert columns["event_id"].distinct == columns["note"].distinct == table.rows
    assert columns["user_id"].distinct == pytest.approx(USERS, rel=0.1)
    assert columns["kind"].distinct == 7
    assert columns["quarter_missing"].nulls == pytest.approx(table.rows / 4, rel=0.1)
    assert columns["quarter_missing"].distinct == table.rows - columns["quarter_missing"].nulls
    (events,) = propose([table]).events
    assert (events.time, propose([table]).entity) == ("at", "user_id")
    first, last = columns["at"].first, columns["at"].last
    assert first is not None
    assert last is not None
    assert first - datetime(2023, 1, 1) < timedelta(days=1)
    assert datetime(2023, 1, 1) + timedelta(days=DAYS) - last < timedelta(days=1)
    # What no row of a sample lacks, others may.
    model = files_of(propose([table]), Path("/shop"), datetime(2026, 1, 1))["models/behavior/events.sql"]
    assert parse_one(model.split("WHERE")[1].split("AND {{")[0], dialect="postgres").sql() == (
        'NOT "user_id" IS NULL AND NOT "at" IS NULL'
    )


def test_partitions_and_views_are_read_in_part(database: Watched) -> None:
    database.run(
        f"""create table public.log (user_id bigint, at timestamp) partition by range (at);
        create table public.log_2023 partition of public.log for values from ('2023-01-01') to ('2024-01-01');
        insert into public.log select i % 999, timestamp '2023-01-01' + i * interval '1 minute'
        from generate_series(1, {LARGE}) as i;
        create view public.seen as select * from public.log"""
    )
    log, view = (look_in(database, [f"public.{name}"])[0] for name in ("log", "seen"))
    assert log.is_sampled
    assert log.rows == pytest.approx(LARGE, rel=0.15)
    assert view.is_sampled
    assert view.rows == ROWS
    assert PAGES * 8192 < 8_000_000


def test_types_are_those_that_values_can_be_cast_to(database: Watched) -> None:
    database.run(
        """create type public.mood as enum ('sad', 'glad');
        create table public.odd as select
            'glad'::mood as mood, 'a'::char(5) as padded, 1::numeric / 3 as third, 2::numeric(9, 2) as cents,
            now() as zoned, '{}'::jsonb as bag, array[1] as several, '10.0.0.1'::inet as address, 3 as "user",
            '\\x00ff'::bytea as bytes, time '12:00' as noon, true as yes"""
    )
    (table,) = look_in(database, ["public"])
    assert {column.name: column.data_type for column in table.columns} == {
        "mood": "text", "padded": "text", "third": "double precision", "cents": "numeric",
        "zoned": "timestamp with time zone", "user_value": "integer", "bytes": "bytea",
        "noon": "time without time zone", "yes": "boolean",
    }  # fmt: skip


def test_what_is_not_there_is_said(database: Watched) -> None:
    database.run(
        'create schema sales; create table sales.orders (a integer); create table sales."Orders" (a integer);'
        "create table sales.empty ()"
    )
    for row_index in ("shop", "sales.missing", "sales.empty", ""):
        with pytest.raises(DataError, match=r"There is no table in .* Schemas with tables: sales"):
            look_in(database, [row_index])
    with pytest.raises(DataError, match="would both be the table orders"):
        look_in(database, ["sales"])
    assert PostgresDatabase(database).schemas() == {"sales"}


def test_existing_schemas_are_never_built_into(tmp_path: Path, database: Watched) -> None:
    load_shop(database, write_shop(tmp_path / "data"))
    proposal = propose(look_in(database, ["shop"]))

    def built_into(taken: set[str]) -> list[str]:
        project = files_of(proposal, tmp_path / "my shop", datetime(2026, 1, 1), taken)["dbt_project.yml"]
        return [line.split()[1] for line in project.splitlines() if "+schema" in line]

    assert built_into({"shop"}) == ["raw", "behavior", "tasks"]
    assert built_into({"raw", "behavior", "my_shop_behavior"}) == ["my_shop_raw", "my_shop_behavior_2", "tasks"]


def test_attributes_are_found_by_values_where_names_differ_and_copies_are_not_read(database: Watched) -> None:
    database.run(
        f"""create schema fly; create schema stage;
        create table fly.airports as select 'A' || i as faa, i % 3 as hub from generate_series(1, 25) as i;
        create table fly.flights as select i % 40 as passenger_id, 'A' || 1 + i * 7 % 25 as dest, 'Q' || i % 25 as gate,
            timestamp '2024-01-01' + i * interval '10 minutes' as at
        from generate_series(1, {LARGE // 10}) as i;
        create table stage.some as select * from fly.flights limit 1000;
        create table stage.some_more as select * from stage.some order by at desc"""
    )
    airports, flights = look_in(database, ["fly"])
    result = {column.name: column.mentions for column in flights.columns}
    assert result == {"passenger_id": "", "dest": "airports", "gate": "", "at": ""}
    assert annotation(propose([airports, flights]), flights, flights.columns[1]) == {
        "type": "category", "references": "airports",
    }  # fmt: skip
    assert '"fly"."flights"' in flights.source.sql("postgres")
    assert [table.copy_of for table in look_in(database, ["stage"])] == ["", "some"]


def test_several_large_tables_are_sampled_one_after_another(database: Watched) -> None:
    for name in ("calls", "views"):
        database.run(
            f"""create table public.{name} as select i % 999 as user_id, repeat('x', 40) as note,
                timestamp '2023-01-01' + i * interval '1 minute' as at
            from generate_series(1, {LARGE // 2}) as i"""
        )
    calls, feature_sets = look_in(database, ["public"])
    assert calls.is_sampled
    assert feature_sets.is_sampled
    assert calls.rows == pytest.approx(LARGE // 2, rel=0.15)
