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
THINGS = Relation(schema_name="raw", name="things")
MONDAY, TUESDAY = datetime(2024, 1, 1), datetime(2024, 1, 2)
ODD = 'say "hi", größe 表'
NAMES = ("table_name", "partition", "input_hash", "code_version", "row_count", "run_id", "committed_at")


def scores(day: datetime, *values: float) -> pa.Table:
    return pa.table({"as_of": [day] * len(values), "client": list(range(len(values))), "score": list(values)})


def put(each: SqlWarehouse, table: pa.Table, day: datetime, inputs: str = "one", code: str = "code") -> bool:
    return each.publish(SCORES, table, {"as_of": day}, inputs, code, "run")


def rows(each: SqlWarehouse, relation: Relation = SCORES, *columns: str) -> list[tuple[Any, ...]]:
    table = each.read(rows_query(relation, list(columns or ("as_of", "client", "score"))))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def ledger(each: SqlWarehouse) -> list[tuple[Any, ...]]:
    return rows(each, LEDGER, *NAMES)


def tables(each: SqlWarehouse) -> set[str]:
    with each._session() as session:
        return {str(one).lower() for one in session.relations()}


# --- writing


def test_publish_replaces_exactly_one_partition(each: SqlWarehouse) -> None:
    assert put(each, scores(MONDAY, 1.0, 2.0), MONDAY)
    assert put(each, scores(TUESDAY, 3.0), TUESDAY)
    assert put(each, scores(MONDAY, 9.0), MONDAY, "two")
    assert rows(each) == [(MONDAY, 0, 9.0), (TUESDAY, 0, 3.0)]
    assert [row[:6] for row in ledger(each)] == [
        ("answers.scores", '{"as_of": "2024-01-01 00:00:00"}', "two", "code", 1, "run"),
        ("answers.scores", '{"as_of": "2024-01-02 00:00:00"}', "one", "code", 1, "run"),
    ]
    assert tables(each) == {"answers.scores", "basemodel.ledger"}


def test_same_inputs_write_nothing_and_other_inputs_or_code_rewrite(each: SqlWarehouse) -> None:
    assert put(each, scores(MONDAY, 1.0), MONDAY)
    before = ledger(each)
    assert not put(each, scores(MONDAY, 2.0), MONDAY)
    assert rows(each) == [(MONDAY, 0, 1.0)]
    assert ledger(each) == before
    assert put(each, scores(MONDAY, 3.0), MONDAY, "two")
    assert put(each, scores(MONDAY, 4.0), MONDAY, "two", "newer code")
    assert rows(each) == [(MONDAY, 0, 4.0)]


def test_rows_that_went_behind_the_ledgers_back_are_written_again(each: SqlWarehouse) -> None:
    put(each, scores(MONDAY, 1.0, 2.0), MONDAY)
    with each._session() as session:
        session.rows(exp.delete(table_of(SCORES)).where(column_of("client").eq(1)))
    assert put(each, scores(MONDAY, 1.0, 2.0), MONDAY)
    assert rows(each) == [(MONDAY, 0, 1.0), (MONDAY, 1, 2.0)]


def test_an_empty_partition_takes_the_old_rows_away(each: SqlWarehouse) -> None:
    put(each, scores(MONDAY, 1.0), MONDAY)
    assert put(each, scores(MONDAY, 5.0).slice(0, 0), MONDAY, "none")
    assert rows(each) == []


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
def test_rows_that_are_not_the_partitions_are_refused_by_name(each: SqlWarehouse, case: str) -> None:
    put(each, scores(MONDAY, 1.0, 2.0), MONDAY)
    before = rows(each), ledger(each), tables(each)
    table, words = REFUSED[case]
    with pytest.raises(WarehouseError, match="as it was") as caught:
        put(each, table, MONDAY, "two")
    for word in ("answers.scores", *words):
        assert word in str(caught.value)
    assert (rows(each), ledger(each), tables(each)) == before


def test_columns_in_another_order_are_the_same_columns(each: SqlWarehouse) -> None:
    put(each, scores(MONDAY, 1.0), MONDAY)
    assert put(each, scores(MONDAY, 2.0, 3.0).select(["score", "as_of", "client"]), MONDAY, "two")
    assert rows(each) == [(MONDAY, 0, 2.0), (MONDAY, 1, 3.0)]


@gaps(AssertionError, databricks="no transaction over tables: the rows are new, and have no entry")
def test_a_failing_ledger_takes_the_rows_back(each: SqlWarehouse) -> None:
    put(each, scores(MONDAY, 1.0), MONDAY)
    text = pa.array([], pa.string())
    each.load(LEDGER, pa.table({name: text for name in (*NAMES[:4], "row_count")}))
    with pytest.raises(WarehouseError, match="as it was"):
        put(each, scores(MONDAY, 7.0), MONDAY, "two")
    assert rows(each) == [(MONDAY, 0, 1.0)]
    assert tables(each) == {"answers.scores", "basemodel.ledger"}
    assert ledger_names(each) == [*NAMES[:4], "row_count"]


def ledger_names(each: SqlWarehouse) -> list[str]:
    return list(each.columns(LEDGER))


def test_a_partition_may_be_named_by_text(each: SqlWarehouse) -> None:
    relation = Relation(schema_name="answers", name="by_text")
    for name in ("o'clock", 'a "b"', "back\\slash", "%s ? $1"):
        table = pa.table({"part": [name], "value": [len(name)]})
        assert each.publish(relation, table, {"part": name}, "one", "code", "run")
        assert each.publish(relation, table, {"part": name}, "two", "code", "run")
    found = sorted(rows(each, relation, "part", "value"))
    assert found == [("%s ? $1", 7), ('a "b"', 5), ("back\\slash", 10), ("o'clock", 7)]


@fakesnow_gap(
    WarehouseError, "COPY INTO writes names into DESCRIBE without quotes: Parser Error: syntax error",
    bigquery="BigQuery has no quotes in names: they are refused by name",
    databricks="Unity Catalog has no blanks in names of schemas: they are refused by name",
)  # fmt: skip
def test_odd_names_are_quoted(each: SqlWarehouse) -> None:
    relation = Relation(schema_name=f"s {ODD}", name=f"t {ODD}")
    table = pa.table({"as_of": [MONDAY], f"c {ODD}": [1]})
    assert each.publish(relation, table, {"as_of": MONDAY}, "one", "code", "run")
    assert each.exists(relation)
    assert rows(each, relation, f"c {ODD}") == [(1,)]
    each.load(relation, pa.table({f"d {ODD}": [2]}))
    assert rows(each, relation, f"d {ODD}") == [(2,)]


def test_leftover_stages_of_killed_runs_are_dropped(each: SqlWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put(each, scores(MONDAY, 1.0), MONDAY)
    session = each._connect()
    session.fill(Relation(schema_name="answers", name="basemodel_stage_20200101000000_0badcafe"), scores(MONDAY, 1.0))
    session.close()
    put(each, scores(TUESDAY, 1.0), TUESDAY)
    assert tables(each) == {"answers.scores", "basemodel.ledger"}


def test_the_stage_of_a_living_writer_and_other_tables_stay(each: SqlWarehouse) -> None:
    put(each, scores(MONDAY, 1.0), MONDAY)
    mine = Relation(schema_name="answers", name="basemodel_stage_notes")
    each.load(mine, pa.table({"value": [1]}))
    session, stage = each._connect(), new_stage("answers")
    session.fill(stage, scores(MONDAY, 1.0))
    put(each, scores(TUESDAY, 1.0), TUESDAY)
    # DuckDB's file has one writing process, which holds a lock: no other writer can be alive there.
    living = set() if isinstance(each, DuckDBWarehouse) else {str(stage)}
    assert tables(each) == {"answers.scores", "basemodel.ledger", str(mine), *living}
    session.close()


def test_a_stage_that_does_not_hold_what_was_sent_is_refused(
    each: SqlWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(each, scores(MONDAY, 1.0, 2.0), MONDAY)
    before = rows(each), ledger(each), tables(each)
    close = each.session.close_stage

    def careless(session: Session, stage: Relation) -> None:
        close(session, stage)
        score = exp.EQ(this=column_of("score"), expression=exp.Literal.number(0.5))
        first = exp.Where(this=column_of("client").eq(1))
        session.rows(exp.Update(this=table_of(stage), expressions=[score], where=first))

    monkeypatch.setattr(each.session, "close_stage", careless)
    with pytest.raises(WarehouseError, match="2 rows with the hash"):
        put(each, scores(MONDAY, 3.0, 4.0), MONDAY, "two")
    assert (rows(each), ledger(each), tables(each)) == before


def test_three_reruns_give_one_content(each: SqlWarehouse) -> None:
    found = set()
    for turn in range(3):
        put(each, scores(MONDAY, *(value / 7 for value in range(500))), MONDAY, f"turn {turn}")
        found.add(hashlib.sha256(repr(rows(each)).encode()).hexdigest())
        found.add(each.fingerprint(SCORES, ["as_of", "client", "score"]))
    assert len(found) == 2


def test_two_writers_of_one_partition_leave_one_of_the_two(each: SqlWarehouse) -> None:
    put(each, scores(MONDAY, 0.0), MONDAY, "none")
    barrier, errors = threading.Barrier(2), []

    def write(value: float, count: int) -> None:
        barrier.wait(30)
        try:
            put(each, scores(MONDAY, *[value] * count), MONDAY, f"of {value}")
        except WarehouseError as error:
            errors.append(error)

    for _ in range(5):
        threads = [threading.Thread(target=write, args=args) for args in ((1.0, 30), (2.0, 40))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        values = {score for _, _, score in rows(each)}
        assert len(values) == 1
        assert [(row[2], row[4]) for row in ledger(each)] == [(f"of {values.pop()}", len(rows(each)))]
        barrier.reset()
    assert len(errors) <= (0 if each.session.dialect in ("duckdb", "postgres") else 5)


def test_load_replaces_a_table_whole(each: SqlWarehouse) -> None:
    each.load(THINGS, pa.table({"value": [1, 2]}))
    each.load(THINGS, pa.table({"value": [3]}))
    assert rows(each, THINGS, "value") == [(3,)]
    each.load(THINGS, pa.table({"other": ["a"]}))
    assert rows(each, THINGS, "other") == [("a",)]
    assert tables(each) == {"raw.things"}


def test_what_no_warehouse_can_hold_is_named(each: SqlWarehouse) -> None:
    each.load(THINGS, pa.table({"value": [1]}))
    if each.session.dialect != "duckdb":  # DuckDB has lists
        with pytest.raises(WarehouseError, match="'tags' is list"):
            each.load(THINGS, pa.table({"tags": [["a"]]}))
    with pytest.raises(WarehouseError, match=r"nanoseconds|lose data"):
        each.load(THINGS, pa.table({"at": pa.array([1], pa.timestamp("ns"))}))
    assert rows(each, THINGS, "value") == [(1,)]


# --- reading

VALUES = pa.table({
    "whole": pa.array([1, -(2**62), None]), "small": pa.array([1, 2, None], pa.int32()),
    "real": [0.1, 1e300, None], "text": ["a", 'ż "\' \\ %', None], "flag": [True, False, None],
    "day": [date(2024, 2, 29), date(1970, 1, 1), None],
    "at": pa.array([datetime(2024, 1, 1, 1, 2, 3, 456789), datetime(1970, 1, 1), MONDAY], pa.timestamp("us")),
    "bytes": [b"\x00\xff", b"", None],
})  # fmt: skip


def test_values_and_nulls_come_back_as_they_went(each: SqlWarehouse) -> None:
    each.load(THINGS, VALUES)
    query = exp.select(*map(column_of, VALUES.column_names)).from_(table_of(THINGS)).order_by(column_of("real"))
    found = each.read(query)
    assert found.column_names == VALUES.column_names
    assert sorted(found.to_pylist(), key=str) == sorted(VALUES.to_pylist(), key=str)
    has_one_width = each.session.dialect in ("snowflake", "bigquery")
    kinds = [pa.int64() if kind == pa.int32() and has_one_width else kind for kind in VALUES.schema.types]
    assert found.schema.types == kinds


@fakesnow_gap(AssertionError, "a null timestamp is answered as 1970-01-01 00:00:00")
def test_a_moment_that_is_not_known_stays_so(each: SqlWarehouse) -> None:
    each.load(THINGS, pa.table({"at": pa.array([None, MONDAY], pa.timestamp("us"))}))
    assert sorted(rows(each, THINGS, "at"), key=str) == [(None,), (MONDAY,)]


def test_decimals_are_exact(each: SqlWarehouse) -> None:
    values = [Decimal("1.25"), Decimal("12345678901234.01"), None]
    each.load(THINGS, pa.table({"price": pa.array(values, pa.decimal128(18, 2))}))
    assert [value for (value,) in rows(each, THINGS, "price")] == values


def test_a_stream_comes_in_order_in_bounded_batches_and_two_may_be_open(each: SqlWarehouse) -> None:
    each.load(THINGS, pa.table({"value": list(reversed(range(10_000)))}))
    query = rows_query(THINGS, ["value"])
    sizes, values = [], []
    for batch, beside in zip(each.batches(query, 2048), each.batches(query, 2048), strict=True):
        sizes.append(batch.num_rows)
        values += batch.column(0).to_pylist()
        assert batch.equals(beside)
        assert each.exists(THINGS)
    assert sizes == [2048] * 4 + [1808]
    assert values == list(range(10_000))


def test_an_empty_result_has_its_columns(each: SqlWarehouse) -> None:
    each.load(THINGS, VALUES)
    query = rows_query(THINGS, VALUES.column_names).where(column_of("whole").eq(5))
    assert each.read(query).column_names == VALUES.column_names
    assert list(each.batches(query, 10)) == []


CHANGES = {
    "a row more": exp.insert(exp.values([(7,)]), table_of(THINGS), columns=[exp.to_identifier("value", quoted=True)]),
    "a row less": exp.delete(table_of(THINGS)).where(column_of("value").eq(9_999)),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_table_that_changes_while_it_is_read_is_named(each: SqlWarehouse, change: str) -> None:
    each.load(THINGS, pa.table({"value": list(range(10_000))}))
    batches = each.batches(rows_query(THINGS, ["value"]), 1000)
    next(batches)
    with each._session() as session:
        session.rows(CHANGES[change])
    with pytest.raises(DataError, match=r"raw\.things changed while they were read"):
        list(batches)


def ranked(column: str, order: str) -> exp.Select:
    window = exp.Window(this=exp.Rank(), order=exp.Order(expressions=[exp.Ordered(this=column_of(order))]))
    return rows_query(THINGS, [column]).select(exp.alias_(window, "place", quoted=True)).order_by(column_of(column))


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_table_that_changes_while_it_is_read_with_ranks_is_named(each: SqlWarehouse, change: str) -> None:
    each.load(THINGS, pa.table({"value": list(range(10_000))}))
    batches = each.batches(ranked("value", "value"), 1000)
    assert next(batches).column("place").to_pylist() == list(range(1, 1001))
    with each._session() as session:
        session.rows(CHANGES[change])
    with pytest.raises(DataError, match=r"raw\.things changed while they were read"):
        list(batches)


def test_ranks_are_watched_themselves_where_what_they_follow_from_is_not_read(each: SqlWarehouse) -> None:
    each.load(THINGS, pa.table({"value": list(range(2_000)), "other": list(range(2_000))}))
    batches = each.batches(ranked("value", "other"), 500)
    next(batches)
    with each._session() as session:
        session.rows(exp.update(table_of(THINGS), {"other": -1}, column_of("value").eq(1_999)))
    with pytest.raises(DataError, match=r"raw\.things changed while they were read"):
        list(batches)


def test_rows_beyond_the_bound_of_a_read_may_come_while_it_goes_on(each: SqlWarehouse) -> None:
    each.load(THINGS, pa.table({"value": list(range(2_000)), "at": pa.array([MONDAY] * 2_000, pa.timestamp("us"))}))
    bound = exp.LT(this=column_of("at"), expression=timestamp_of(TUESDAY))
    batches = each.batches(rows_query(THINGS, ["value", "at"]).where(bound), 500)
    next(batches)
    with each._session() as session:
        later = exp.select(exp.Literal.number(5), timestamp_of(TUESDAY))
        names = [exp.to_identifier(name, quoted=True) for name in ("value", "at")]
        session.rows(exp.insert(later, table_of(THINGS), columns=names))
    assert sum(batch.num_rows for batch in batches) == 1_500


@pytest.mark.parametrize("kind", ["number", "text"])
def test_shards_are_disjoint_and_together_everything(each: SqlWarehouse, kind: str) -> None:
    clients = [value if kind == "number" else f"client {value}" for value in range(300)]
    each.load(THINGS, pa.table({"client": clients * 2, "turn": [0] * 300 + [1] * 300}))
    query = rows_query(THINGS, ["client", "turn"])
    shards = [each.read(each.shard(query, "client", index, 4)).to_pylist() for index in range(4)]
    assert all(50 < len(shard) < 250 for shard in shards)
    owners = [{row["client"] for row in shard} for shard in shards]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 300
    together = sorted((row["client"], row["turn"]) for shard in shards for row in shard)
    assert together == sorted((client, turn) for client in clients for turn in (0, 1))
    with pytest.raises(ValueError, match="no shard 4 of 4"):
        each.shard(query, "client", 4, 4)


def test_the_fingerprint_follows_content_and_not_order(each: SqlWarehouse) -> None:
    def mark(names: list[str | None], numbers: list[int | None], columns: tuple[str, ...] = ("name", "number")) -> str:
        each.load(THINGS, pa.table({"name": names, "number": pa.array(numbers, pa.int64()), "more": names}))
        return each.fingerprint(THINGS, list(columns))

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


def test_what_is_not_there_is_named_beside_what_is(each: SqlWarehouse) -> None:
    each.load(THINGS, pa.table({"value": [1]}))
    missing = Relation(schema_name="raw", name="thigns")
    assert not each.exists(missing)
    for ask in (lambda: each.columns(missing), lambda: each.fingerprint(missing, ["value"])):
        with pytest.raises(WarehouseError, match="Build the dbt models") as caught:
            ask()
        assert "raw.thigns" in str(caught.value)
        assert "raw.things" in str(caught.value).lower()


@pytest.mark.parametrize(("name", "column"), [("thigns", "value"), ("things", "vlaue")])
def test_reading_what_is_not_there_says_so(each: SqlWarehouse, name: str, column: str) -> None:
    each.load(THINGS, pa.table({"value": [1]}))
    relation = Relation(schema_name="raw", name=name)
    query = exp.select(column_of(column)).from_(table_of(relation))
    wrong = name if name == "thigns" else column
    for ask in (lambda: each.read(query), lambda: list(each.batches(query, 10))):
        with pytest.raises(WarehouseError, match="Build the dbt models") as caught:
            ask()
        assert wrong in str(caught.value).lower()


def test_no_connection_is_held_between_calls(each: SqlWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Session] = []
    closed: list[Session] = []
    connect, close = each._connect, each.session.close
    monkeypatch.setattr(each, "_connect", lambda: opened.append(session := connect()) or session)
    monkeypatch.setattr(each.session, "close", lambda session: closed.append(session) or close(session))
    put(each, scores(MONDAY, 1.0), MONDAY)
    rows(each)
    stream = each.batches(rows_query(SCORES, ["client"]), 10)
    next(stream)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(opened) == len(closed) > 3


def test_the_ledger_is_the_publications(each: SqlWarehouse) -> None:
    put(each, scores(MONDAY, 1.0), MONDAY)
    assert set(each.columns(LEDGER)) == set(publication.LEDGER_COLUMNS) == set(NAMES)
