"""What every warehouse must do, asked of each."""

import hashlib
import threading
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError, WarehouseError
from basemodel_ops.warehouse import publication
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of, timestamp_of
from basemodel_ops.warehouse.session import Session
from basemodel_ops.warehouse.sql import SqlWarehouse
from basemodel_ops.warehouse.staging import new_stage

from .conftest import fakesnow_gap, gaps

SCORES = Relation(schema_name="answers", name="scores")
ITEMS = Relation(schema_name="raw", name="things")
MONDAY, TUESDAY = datetime(2024, 1, 1), datetime(2024, 1, 2)
ODD = 'say "hi", größe 表'
NAMES = ("table_name", "partition", "input_hash", "code_version", "row_count", "run_id", "committed_at")


def scores(day: datetime, *values: float) -> pa.Table:
    return pa.table({"as_of": [day] * len(values), "client": list(range(len(values))), "score": list(values)})


def put(backend: SqlWarehouse, table: pa.Table, day: datetime, inputs: str = "one", code: str = "code") -> bool:
    return backend.publish(SCORES, table, {"as_of": day}, inputs, code, "run")


def rows(backend: SqlWarehouse, relation: Relation = SCORES, *columns: str) -> list[tuple[Any, ...]]:
    table = backend.read(rows_query(relation, list(columns or ("as_of", "client", "score"))))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def ledger(backend: SqlWarehouse) -> list[tuple[Any, ...]]:
    return rows(backend, LEDGER, *NAMES)


def tables(backend: SqlWarehouse) -> set[str]:
    with backend._session() as session:
        return {str(entry).lower() for entry in session.relations()}


# --- writing


def test_publish_replaces_exactly_one_partition(backend: SqlWarehouse) -> None:
    assert put(backend, scores(MONDAY, 1.0, 2.0), MONDAY)
    assert put(backend, scores(TUESDAY, 3.0), TUESDAY)
    assert put(backend, scores(MONDAY, 9.0), MONDAY, "two")
    assert rows(backend) == [(MONDAY, 0, 9.0), (TUESDAY, 0, 3.0)]
    assert [row[:6] for row in ledger(backend)] == [
        ("answers.scores", '{"as_of": "2024-01-01 00:00:00"}', "two", "code", 1, "run"),
        ("answers.scores", '{"as_of": "2024-01-02 00:00:00"}', "one", "code", 1, "run"),
    ]
    assert tables(backend) == {"answers.scores", "basemodel.ledger"}


def test_same_inputs_write_nothing_and_other_inputs_or_code_rewrite(backend: SqlWarehouse) -> None:
    assert put(backend, scores(MONDAY, 1.0), MONDAY)
    before = ledger(backend)
    assert not put(backend, scores(MONDAY, 2.0), MONDAY)
    assert rows(backend) == [(MONDAY, 0, 1.0)]
    assert ledger(backend) == before
    assert put(backend, scores(MONDAY, 3.0), MONDAY, "two")
    assert put(backend, scores(MONDAY, 4.0), MONDAY, "two", "newer code")
    assert rows(backend) == [(MONDAY, 0, 4.0)]


def test_rows_that_went_behind_the_ledgers_back_are_written_again(backend: SqlWarehouse) -> None:
    put(backend, scores(MONDAY, 1.0, 2.0), MONDAY)
    with backend._session() as session:
        session.rows(exp.delete(table_of(SCORES)).where(column_of("client").eq(1)))
    assert put(backend, scores(MONDAY, 1.0, 2.0), MONDAY)
    assert rows(backend) == [(MONDAY, 0, 1.0), (MONDAY, 1, 2.0)]


def test_an_empty_partition_takes_the_old_rows_away(backend: SqlWarehouse) -> None:
    put(backend, scores(MONDAY, 1.0), MONDAY)
    assert put(backend, scores(MONDAY, 5.0).slice(0, 0), MONDAY, "none")
    assert rows(backend) == []


REFUSED = {
    "a column more": (scores(MONDAY, 7.0).append_column("surprise", pa.array(["?"])), ("surplus ['surprise']",)),
    "a column less": (scores(MONDAY, 7.0).drop_columns(["score"]), ("missing ['score']", "client")),
    "another type": (scores(MONDAY, 7.0).set_column(2, "score", pa.array(["7"])), ("'score'",)),
    "another partition": (pa.concat_tables([scores(MONDAY, 7.0), scores(TUESDAY, 7.0)]), ("1 of 2 rows", "as_of")),
    "no partition": (scores(MONDAY, 7.0).drop_columns(["as_of"]), ("no column 'as_of'",)),
    "a null partition": (
        pa.table({"as_of": pa.array([None], pa.timestamp("us")), "client": [1], "score": [0.5]}),
        ("1 of 1 rows", "as_of"),
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_rows_that_are_not_the_partitions_are_refused_by_name(backend: SqlWarehouse, case: str) -> None:
    put(backend, scores(MONDAY, 1.0, 2.0), MONDAY)
    before = rows(backend), ledger(backend), tables(backend)
    table, words = REFUSED[case]
    with pytest.raises(WarehouseError, match="as it was") as caught:
        put(backend, table, MONDAY, "two")
    for word in ("answers.scores", *words):
        assert word in str(caught.value)
    assert (rows(backend), ledger(backend), tables(backend)) == before


def test_columns_in_another_order_are_the_same_columns(backend: SqlWarehouse) -> None:
    put(backend, scores(MONDAY, 1.0), MONDAY)
    assert put(backend, scores(MONDAY, 2.0, 3.0).select(["score", "as_of", "client"]), MONDAY, "two")
    assert rows(backend) == [(MONDAY, 0, 2.0), (MONDAY, 1, 3.0)]


@gaps(AssertionError, databricks="no transaction over tables: the rows are new, and have no entry")
def test_a_failing_ledger_takes_the_rows_back(backend: SqlWarehouse) -> None:
    put(backend, scores(MONDAY, 1.0), MONDAY)
    text = pa.array([], pa.string())
    backend.load(LEDGER, pa.table({name: text for name in (*NAMES[:4], "row_count")}))
    with pytest.raises(WarehouseError, match="as it was"):
        put(backend, scores(MONDAY, 7.0), MONDAY, "two")
    assert rows(backend) == [(MONDAY, 0, 1.0)]
    assert tables(backend) == {"answers.scores", "basemodel.ledger"}
    assert ledger_names(backend) == [*NAMES[:4], "row_count"]


def ledger_names(backend: SqlWarehouse) -> list[str]:
    return list(backend.columns(LEDGER))


def test_a_partition_may_be_named_by_text(backend: SqlWarehouse) -> None:
    relation = Relation(schema_name="answers", name="by_text")
    for name in ("o'clock", 'a "b"', "back\\slash", "%s ? $1"):
        table = pa.table({"part": [name], "value": [len(name)]})
        assert backend.publish(relation, table, {"part": name}, "one", "code", "run")
        assert backend.publish(relation, table, {"part": name}, "two", "code", "run")
    result = sorted(rows(backend, relation, "part", "value"))
    assert result == [("%s ? $1", 7), ('a "b"', 5), ("back\\slash", 10), ("o'clock", 7)]


@fakesnow_gap(
    WarehouseError, "COPY INTO writes names into DESCRIBE without quotes: Parser Error: syntax error",
    bigquery="BigQuery has no quotes in names: they are refused by name",
    databricks="Unity Catalog has no blanks in names of schemas: they are refused by name",
)  # fmt: skip
def test_odd_names_are_quoted(backend: SqlWarehouse) -> None:
    relation = Relation(schema_name=f"s {ODD}", name=f"t {ODD}")
    table = pa.table({"as_of": [MONDAY], f"c {ODD}": [1]})
    assert backend.publish(relation, table, {"as_of": MONDAY}, "one", "code", "run")
    assert backend.exists(relation)
    assert rows(backend, relation, f"c {ODD}") == [(1,)]
    backend.load(relation, pa.table({f"d {ODD}": [2]}))
    assert rows(backend, relation, f"d {ODD}") == [(2,)]


def test_leftover_stages_of_killed_runs_are_dropped(backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put(backend, scores(MONDAY, 1.0), MONDAY)
    session = backend._connect()
    session.fill(Relation(schema_name="answers", name="basemodel_stage_20200101000000_0badcafe"), scores(MONDAY, 1.0))
    session.close()
    put(backend, scores(TUESDAY, 1.0), TUESDAY)
    assert tables(backend) == {"answers.scores", "basemodel.ledger"}


def test_the_stage_of_a_living_writer_and_other_tables_stay(backend: SqlWarehouse) -> None:
    put(backend, scores(MONDAY, 1.0), MONDAY)
    chosen = Relation(schema_name="answers", name="basemodel_stage_notes")
    backend.load(chosen, pa.table({"value": [1]}))
    session, stage = backend._connect(), new_stage("answers")
    session.fill(stage, scores(MONDAY, 1.0))
    put(backend, scores(TUESDAY, 1.0), TUESDAY)
    # DuckDB's file has one writing process, which holds a lock: no other writer can be alive there.
    living = set() if isinstance(backend, DuckDBWarehouse) else {str(stage)}
    assert tables(backend) == {"answers.scores", "basemodel.ledger", str(chosen), *living}
    session.close()


def test_a_stage_that_does_not_hold_what_was_sent_is_refused(
    backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(backend, scores(MONDAY, 1.0, 2.0), MONDAY)
    before = rows(backend), ledger(backend), tables(backend)
    close = backend.session.close_stage

    def careless(session: Session, stage: Relation) -> None:
        close(session, stage)
        score = exp.EQ(this=column_of("score"), expression=exp.Literal.number(0.5))
        first = exp.Where(this=column_of("client").eq(1))
        session.rows(exp.Update(this=table_of(stage), expressions=[score], where=first))

    monkeypatch.setattr(backend.session, "close_stage", careless)
    with pytest.raises(WarehouseError, match="2 rows with the hash"):
        put(backend, scores(MONDAY, 3.0, 4.0), MONDAY, "two")
    assert (rows(backend), ledger(backend), tables(backend)) == before


def test_three_reruns_give_one_content(backend: SqlWarehouse) -> None:
    result = set()
    for turn in range(3):
        put(backend, scores(MONDAY, *(value / 7 for value in range(500))), MONDAY, f"turn {turn}")
        result.add(hashlib.sha256(repr(rows(backend)).encode()).hexdigest())
        result.add(backend.fingerprint(SCORES, ["as_of", "client", "score"]))
    assert len(result) == 2


def test_two_writers_of_one_partition_leave_one_of_the_two(backend: SqlWarehouse) -> None:
    put(backend, scores(MONDAY, 0.0), MONDAY, "none")
    barrier, errors = threading.Barrier(2), []

    def write(value: float, count: int) -> None:
        barrier.wait(30)
        try:
            put(backend, scores(MONDAY, *[value] * count), MONDAY, f"of {value}")
        except WarehouseError as error:
            errors.append(error)

    for _ in range(5):
        threads = [threading.Thread(target=write, args=args) for args in ((1.0, 30), (2.0, 40))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        values = {score for _, _, score in rows(backend)}
        assert len(values) == 1
        assert [(row[2], row[4]) for row in ledger(backend)] == [(f"of {values.pop()}", len(rows(backend)))]
        barrier.reset()
    assert len(errors) <= (0 if backend.session.dialect in ("duckdb", "postgres") else 5)


def test_load_replaces_a_table_whole(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, pa.table({"value": [1, 2]}))
    backend.load(ITEMS, pa.table({"value": [3]}))
    assert rows(backend, ITEMS, "value") == [(3,)]
    backend.load(ITEMS, pa.table({"other": ["a"]}))
    assert rows(backend, ITEMS, "other") == [("a",)]
    assert tables(backend) == {"raw.things"}


def test_what_no_warehouse_can_hold_is_named(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, pa.table({"value": [1]}))
    if backend.session.dialect != "duckdb":  # DuckDB has lists
        with pytest.raises(WarehouseError, match="'tags' is list"):
            backend.load(ITEMS, pa.table({"tags": [["a"]]}))
    with pytest.raises(WarehouseError, match=r"nanoseconds|lose data"):
        backend.load(ITEMS, pa.table({"at": pa.array([1], pa.timestamp("ns"))}))
    assert rows(backend, ITEMS, "value") == [(1,)]


# --- reading

VALUES = pa.table({
    "whole": pa.array([1, -(2**62), None]), "small": pa.array([1, 2, None], pa.int32()),
    "real": [0.1, 1e300, None], "text": ["a", 'ż "\' \\ %', None], "flag": [True, False, None],
    "day": [date(2024, 2, 29), date(1970, 1, 1), None],
    "at": pa.array([datetime(2024, 1, 1, 1, 2, 3, 456789), datetime(1970, 1, 1), MONDAY], pa.timestamp("us")),
    "bytes": [b"\x00\xff", b"", None],
})  # fmt: skip


def test_values_and_nulls_come_back_as_they_went(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, VALUES)
    query = exp.select(*map(column_of, VALUES.column_names)).from_(table_of(ITEMS)).order_by(column_of("real"))
    result = backend.read(query)
    assert result.column_names == VALUES.column_names
    assert sorted(result.to_pylist(), key=str) == sorted(VALUES.to_pylist(), key=str)
    has_one_width = backend.session.dialect in ("snowflake", "bigquery")
    kinds = [pa.int64() if kind == pa.int32() and has_one_width else kind for kind in VALUES.schema.types]
    assert result.schema.types == kinds


@fakesnow_gap(AssertionError, "a null timestamp is answered as 1970-01-01 00:00:00")
def test_a_moment_that_is_not_known_stays_so(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, pa.table({"at": pa.array([None, MONDAY], pa.timestamp("us"))}))
    assert sorted(rows(backend, ITEMS, "at"), key=str) == [(None,), (MONDAY,)]


def test_decimals_are_exact(backend: SqlWarehouse) -> None:
    values = [Decimal("1.25"), Decimal("12345678901234.01"), None]
    backend.load(ITEMS, pa.table({"price": pa.array(values, pa.decimal128(18, 2))}))
    assert [value for (value,) in rows(backend, ITEMS, "price")] == values


def test_a_stream_comes_in_order_in_bounded_batches_and_two_may_be_open(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, pa.table({"value": list(reversed(range(10_000)))}))
    query = rows_query(ITEMS, ["value"])
    sizes, values = [], []
    for batch, neighbour in zip(backend.batches(query, 2048), backend.batches(query, 2048), strict=True):
        sizes.append(batch.num_rows)
        values += batch.column(0).to_pylist()
        assert batch.equals(neighbour)
        assert backend.exists(ITEMS)
    assert sizes == [2048] * 4 + [1808]
    assert values == list(range(10_000))


def test_an_empty_result_has_its_columns(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, VALUES)
    query = rows_query(ITEMS, VALUES.column_names).where(column_of("whole").eq(5))
    assert backend.read(query).column_names == VALUES.column_names
    assert list(backend.batches(query, 10)) == []


CHANGES = {
    "a row more": exp.insert(exp.values([(7,)]), table_of(ITEMS), columns=[exp.to_identifier("value", quoted=True)]),
    "a row less": exp.delete(table_of(ITEMS)).where(column_of("value").eq(9_999)),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_table_that_changes_while_it_is_read_is_named(backend: SqlWarehouse, change: str) -> None:
    backend.load(ITEMS, pa.table({"value": list(range(10_000))}))
    batches = backend.batches(rows_query(ITEMS, ["value"]), 1000)
    next(batches)
    with backend._session() as session:
        session.rows(CHANGES[change])
    with pytest.raises(DataError, match=r"raw\.things changed while they were read"):
        list(batches)


def ranked(column: str, order: str) -> exp.Select:
    window = exp.Window(this=exp.Rank(), order=exp.Order(expressions=[exp.Ordered(this=column_of(order))]))
    return rows_query(ITEMS, [column]).select(exp.alias_(window, "place", quoted=True)).order_by(column_of(column))


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_table_that_changes_while_it_is_read_with_ranks_is_named(backend: SqlWarehouse, change: str) -> None:
    backend.load(ITEMS, pa.table({"value": list(range(10_000))}))
    batches = backend.batches(ranked("value", "value"), 1000)
    assert next(batches).column("place").to_pylist() == list(range(1, 1001))
    with backend._session() as session:
        session.rows(CHANGES[change])
    with pytest.raises(DataError, match=r"raw\.things changed while they were read"):
        list(batches)


def test_ranks_are_watched_themselves_where_what_they_follow_from_is_not_read(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, pa.table({"value": list(range(2_000)), "other": list(range(2_000))}))
    batches = backend.batches(ranked("value", "other"), 500)
    next(batches)
    with backend._session() as session:
        session.rows(exp.update(table_of(ITEMS), {"other": -1}, column_of("value").eq(1_999)))
    with pytest.raises(DataError, match=r"raw\.things changed while they were read"):
        list(batches)


def test_rows_beyond_the_bound_of_a_read_may_come_while_it_goes_on(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, pa.table({"value": list(range(2_000)), "at": pa.array([MONDAY] * 2_000, pa.timestamp("us"))}))
    bound = exp.LT(this=column_of("at"), expression=timestamp_of(TUESDAY))
    batches = backend.batches(rows_query(ITEMS, ["value", "at"]).where(bound), 500)
    next(batches)
    with backend._session() as session:
        later = exp.select(exp.Literal.number(5), timestamp_of(TUESDAY))
        names = [exp.to_identifier(name, quoted=True) for name in ("value", "at")]
        session.rows(exp.insert(later, table_of(ITEMS), columns=names))
    assert sum(batch.num_rows for batch in batches) == 1_500


@pytest.mark.parametrize("kind", ["number", "text"])
def test_shards_are_disjoint_and_together_everything(backend: SqlWarehouse, kind: str) -> None:
    clients = [value if kind == "number" else f"client {value}" for value in range(300)]
    backend.load(ITEMS, pa.table({"client": clients * 2, "turn": [0] * 300 + [1] * 300}))
    query = rows_query(ITEMS, ["client", "turn"])
    shards = [backend.read(backend.shard(query, "client", index, 4)).to_pylist() for index in range(4)]
    assert all(50 < len(shard) < 250 for shard in shards)
    owners = [{row["client"] for row in shard} for shard in shards]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 300
    together = sorted((row["client"], row["turn"]) for shard in shards for row in shard)
    assert together == sorted((client, turn) for client in clients for turn in (0, 1))
    with pytest.raises(ValueError, match="no shard 4 of 4"):
        backend.shard(query, "client", 4, 4)


def test_the_fingerprint_follows_content_and_not_order(backend: SqlWarehouse) -> None:
    def mark(names: list[str | None], numbers: list[int | None], columns: tuple[str, ...] = ("name", "number")) -> str:
        backend.load(ITEMS, pa.table({"name": names, "number": pa.array(numbers, pa.int64()), "more": names}))
        return backend.fingerprint(ITEMS, list(columns))

    first = mark(["a", "b", "c"], [1, 2, 3])
    assert mark(["c", "a", "b"], [3, 1, 2]) == first
    others = [
        mark(["a", "b", "c"], [1, 2, 4]),
        mark(["a", "b", "c"], [1, 2, None]),
        mark(["a", "b", None], [1, 2, 3]),
        mark(["a", "b", ""], [1, 2, 3]),
        mark(["a", "b", "c"], [2, 1, 3]),
        mark(["a", "b"], [1, 2]),
        mark(["a", "b", "c", "c"], [1, 2, 3, 3]),
        mark(["a", "b", "c", "c", "c"], [1, 2, 3, 3, 3]),
        mark(["a", "b", "c", "b", "b"], [1, 2, 3, 2, 2]),
        mark(["a", "b", "c"], [1, 2, 3], ("name",)),
    ]
    assert len({first, *others}) == len(others) + 1


# --- errors


def test_what_is_not_there_is_named_beside_what_is(backend: SqlWarehouse) -> None:
    backend.load(ITEMS, pa.table({"value": [1]}))
    missing = Relation(schema_name="raw", name="thigns")
    assert not backend.exists(missing)
    for ask in (lambda: backend.columns(missing), lambda: backend.fingerprint(missing, ["value"])):
        with pytest.raises(WarehouseError, match="Build the dbt models") as caught:
            ask()
        assert "raw.thigns" in str(caught.value)
        assert "raw.things" in str(caught.value).lower()


@pytest.mark.parametrize(("name", "column"), [("thigns", "value"), ("things", "vlaue")])
def test_reading_what_is_not_there_says_so(backend: SqlWarehouse, name: str, column: str) -> None:
    backend.load(ITEMS, pa.table({"value": [1]}))
    relation = Relation(schema_name="raw", name=name)
    query = exp.select(column_of(column)).from_(table_of(relation))
    wrong = name if name == "thigns" else column
    for ask in (lambda: backend.read(query), lambda: list(backend.batches(query, 10))):
        with pytest.raises(WarehouseError, match="Build the dbt models") as caught:
            ask()
        assert wrong in str(caught.value).lower()


def test_no_connection_is_held_between_calls(backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Session] = []
    closed: list[Session] = []
    connect, close = backend._connect, backend.session.close
    monkeypatch.setattr(backend, "_connect", lambda: opened.append(session := connect()) or session)
    monkeypatch.setattr(backend.session, "close", lambda session: closed.append(session) or close(session))
    put(backend, scores(MONDAY, 1.0), MONDAY)
    rows(backend)
    stream = backend.batches(rows_query(SCORES, ["client"]), 10)
    next(stream)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(opened) == len(closed) > 3


def test_the_ledger_is_the_publications(backend: SqlWarehouse) -> None:
    put(backend, scores(MONDAY, 1.0), MONDAY)
    assert set(backend.columns(LEDGER)) == set(publication.LEDGER_COLUMNS) == set(NAMES)
