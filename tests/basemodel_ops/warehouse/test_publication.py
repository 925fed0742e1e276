"""Rows that come batch by batch, asked of every warehouse: all of them at once, or none and no trace."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse import publication as module
from basemodel_ops.warehouse import snowflake
from basemodel_ops.warehouse.arrow import added
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.postgres import URI, PostgresWarehouse
from basemodel_ops.warehouse.publication import Publication
from basemodel_ops.warehouse.queries import rows_query, table_of
from basemodel_ops.warehouse.session import Session
from basemodel_ops.warehouse.sql import SqlWarehouse

from ... import servers
from .conftest import RETRY_POLICY, snowflake_warehouse

EVENTS = Relation(schema_name="raw", name="events")
MONDAY, TUESDAY = datetime(2024, 1, 1), datetime(2024, 1, 2)
SCHEMA = pa.schema([("as_of", pa.timestamp("us")), ("client", pa.int64()), ("score", pa.float64())])


def scores_of(name: str = "scores") -> Relation:
    return Relation(schema_name="answers", name=name)


def batch(first: int, count: int, day: datetime = MONDAY) -> pa.RecordBatch:
    clients = np.arange(first, first + count)
    return pa.record_batch([np.full(count, day, "datetime64[us]"), clients, clients / 7], schema=SCHEMA)


def expected(*clients: int, day: datetime = MONDAY) -> list[tuple[Any, ...]]:
    return [(day, client, client / 7) for client in clients]


def rows(backend: SqlWarehouse, relation: Relation) -> list[tuple[Any, ...]]:
    table = backend.read(rows_query(relation, SCHEMA.names))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def opened(backend: SqlWarehouse, inputs: str = "one", name: str = "scores", day: datetime = MONDAY) -> Any:
    return backend.publication(scores_of(name), SCHEMA, {"as_of": day}, inputs, "code", "run")


def send(backend: SqlWarehouse, *parts: pa.RecordBatch, error: BaseException | None = None) -> None:
    """Another content of the partition, which ends in an error."""
    with opened(backend, "two") as out:
        for part in parts:
            out.append(part)
        if error is not None:
            raise error


def state(backend: SqlWarehouse) -> tuple[Any, ...]:
    """All tables, and what the ledger and the scores hold."""
    with backend._session() as session:
        tables = {str(entry).lower() for entry in session.relations()}
    return tables, rows(backend, scores_of()), backend.read(rows_query(LEDGER, ["partition", "input_hash"])).to_pylist()


def test_batches_become_one_partition_when_the_block_ends(backend: SqlWarehouse) -> None:
    with opened(backend, day=TUESDAY) as out:
        out.append(batch(0, 2, TUESDAY))
    with opened(backend, "old") as out:
        out.append(batch(90, 4))
    with opened(backend) as out:
        assert out.is_needed
        for first in (0, 3, 6):
            out.append(batch(first, 3))
            # Readers see the old partition until the end.
            assert rows(backend, scores_of())[:4] == expected(90, 91, 92, 93)
            assert not out.is_written
    assert out.is_written
    assert (out.rows, out.table_rows) == (9, 11)
    with opened(backend) as again:
        assert not again.is_needed
    assert (again.rows, again.table_rows) == (9, 11)
    assert rows(backend, scores_of()) == [*expected(*range(9)), *expected(0, 1, day=TUESDAY)]
    result, _, ledger = state(backend)
    assert result == {"answers.scores", "basemodel.ledger"}
    assert [row["input_hash"] for row in ledger] == ["one", "one"]


def test_a_reader_is_published_batch_by_batch_and_not_touched_when_known(backend: SqlWarehouse) -> None:
    taken: list[int] = []

    def reader() -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            for first in range(0, 50, 10):
                taken.append(first)
                yield batch(first, 10)

        return pa.RecordBatchReader.from_batches(SCHEMA, batches())

    def publish(inputs: str) -> bool:
        return backend.publish(scores_of(), reader(), {"as_of": MONDAY}, inputs, "code", "run")

    assert publish("one")
    assert rows(backend, scores_of()) == expected(*range(50))
    assert taken == [0, 10, 20, 30, 40]
    assert not publish("one")
    assert len(taken) == 5
    assert publish("two")
    assert len(taken) == 10


def test_what_is_known_takes_no_rows_and_holds_no_connection(
    backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)
    closed: list[Session] = []
    close = backend.session.close
    monkeypatch.setattr(backend.session, "close", lambda session: closed.append(session) or close(session))
    with opened(backend) as out:
        assert not out.is_needed
        assert len(closed) == 1
        with pytest.raises(ValueError, match="is_needed"):
            out.append(batch(0, 1))
    assert not out.is_written
    assert state(backend) == before


def test_a_stage_that_cannot_be_read_back_is_told_and_leaves_no_trace(
    backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(backend, batch(0, 3))
    before = state(backend)
    stream = backend.session.stream

    def cut(session: Session, query: exp.Query, rows: int) -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            yield from stream(session, query, rows)
            raise OSError("the line is cut")

        return pa.RecordBatchReader.from_batches(SCHEMA, batches())

    with monkeypatch.context() as patch:
        patch.setattr(backend.session, "stream", cut)
        with pytest.raises(WarehouseError, match="as it was"), opened(backend, "other") as out:
            out.append(batch(5, 2))
    assert state(backend) == before


def test_no_rows_take_the_old_ones_away(backend: SqlWarehouse) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    with opened(backend, "two") as out:
        out.append(batch(0, 0))
    assert out.is_written
    assert rows(backend, scores_of()) == []


class ProducerError(Exception):
    pass


@pytest.mark.parametrize("error", [ProducerError, KeyboardInterrupt, TimeoutError, OSError])
@pytest.mark.parametrize("is_flushed", [False, True])
def test_an_error_of_the_producer_is_told_as_it_is_and_leaves_no_trace(
    backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], is_flushed: bool
) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)
    monkeypatch.setattr(module, "APPEND_ROWS", 4 if is_flushed else 1000)
    with pytest.raises(error, match="no more"):
        send(backend, batch(0, 50), error=error("no more"))
    assert state(backend) == before

    def batches() -> Iterator[pa.RecordBatch]:
        yield batch(0, 50)
        raise error("no more")

    reader = pa.RecordBatchReader.from_batches(SCHEMA, batches())
    with pytest.raises(error, match="no more"):
        backend.publish(scores_of(), reader, {"as_of": MONDAY}, "two", "code", "run")
    assert state(backend) == before


def test_every_batch_is_held_to_the_schema_and_the_partition(backend: SqlWarehouse) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)
    wrong = {
        "1 of 4 rows": pa.concat_batches([batch(3, 3), batch(0, 1, TUESDAY)]),
        r"client: int64.*not": batch(3, 3).select(["client", "as_of", "score"]),
        r"score: string.*not": batch(3, 3).set_column(2, "score", pa.array(["1", "2", "3"])),
    }
    for words, bad in wrong.items():
        with pytest.raises(WarehouseError, match=words) as caught:
            send(backend, batch(0, 3), bad)
        assert "as it was" in str(caught.value)
        assert state(backend) == before


def test_a_batch_that_was_refused_is_not_left_out_in_silence(backend: SqlWarehouse) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)

    def careless() -> None:
        with opened(backend, "two") as out:
            out.append(batch(0, 3))
            with pytest.raises(WarehouseError, match="1 of 1 rows"):
                out.append(batch(3, 1, TUESDAY))

    with pytest.raises(WarehouseError, match="could not be appended"):
        careless()
    assert state(backend) == before


def test_columns_that_are_not_the_targets_are_refused_before_any_row_is_made(backend: SqlWarehouse) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)
    partition: dict[str, datetime | str] = {"as_of": MONDAY}
    for schema, words in (
        (SCHEMA.append(pa.field("more", pa.string())), "surplus"),
        (SCHEMA.set(2, pa.field("score", pa.string())), "'score'"),
        (SCHEMA.remove(0), "no column 'as_of'"),
        (SCHEMA.append(pa.field("tags", pa.list_(pa.string()))), "'tags' is list"),
    ):
        is_begun = False
        block = backend.publication(scores_of(), schema, partition, "two", "code", "run")
        with pytest.raises(WarehouseError, match=words), block:
            is_begun = True
        assert not is_begun
        assert state(backend) == before


def test_a_column_that_older_rows_lack_is_added_and_null_in_them(backend: SqlWarehouse) -> None:
    with opened(backend, day=TUESDAY) as out:
        out.append(batch(0, 2, TUESDAY))
    wider = SCHEMA.append(added(pa.field("bound", pa.float64())))
    for inputs in ("two", "three"):  # once it is there, it is a column as any other
        part = batch(0, 1).append_column("bound", pa.array([0.5]))
        with backend.publication(scores_of(), wider, {"as_of": MONDAY}, inputs, "code", "run") as out:
            out.append(pa.RecordBatch.from_arrays(part.columns, schema=wider))
    result = backend.read(rows_query(scores_of(), ["as_of", "bound"])).to_pylist()
    assert sorted(result, key=lambda row: row["as_of"]) == [
        {"as_of": MONDAY, "bound": 0.5}, {"as_of": TUESDAY, "bound": None}, {"as_of": TUESDAY, "bound": None},
    ]  # fmt: skip
    narrow = backend.publication(scores_of(), SCHEMA, {"as_of": MONDAY}, "four", "code", "run")
    with pytest.raises(WarehouseError, match=r"missing \['bound'\]"), narrow:
        pass


def test_nothing_can_be_appended_behind_the_end(backend: SqlWarehouse) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    with pytest.raises(ValueError, match="inside of the `with` block"):
        out.append(batch(3, 3))
    assert rows(backend, scores_of()) == expected(0, 1, 2)


def test_several_are_open_at_once_and_known_ones_stay_out(backend: SqlWarehouse) -> None:
    names = ["first", "second", "third"]
    with opened(backend, name="second") as out:
        out.append(batch(70, 2))
    with ExitStack() as stack:
        outs = [stack.enter_context(opened(backend, name=name)) for name in names]
        assert [out.is_needed for out in outs] == [True, False, True]
        for first in range(0, 40, 10):
            for out in outs:
                if out.is_needed:
                    out.append(batch(first, 10))
    assert [out.is_written for out in outs] == [True, False, True]
    assert rows(backend, scores_of("first")) == rows(backend, scores_of("third")) == expected(*range(40))
    assert rows(backend, scores_of("second")) == expected(70, 71)


def test_an_error_takes_all_open_ones_back(backend: SqlWarehouse) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)

    def both() -> None:
        with opened(backend, "two", day=TUESDAY) as out:
            out.append(batch(0, 5, TUESDAY))
            send(backend, batch(0, 9), error=ProducerError())

    with pytest.raises(ProducerError):
        both()
    assert state(backend) == before


def test_other_writers_leave_an_open_one_its_stage(backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPEND_ROWS", 1)
    with opened(backend) as out:
        out.append(batch(0, 3))
        with opened(backend, day=TUESDAY) as other:
            other.append(batch(5, 1, TUESDAY))
        backend.load(scores_of("loaded"), pa.table({"value": [1]}))
        thread = threading.Thread(target=lambda: backend.load(scores_of("loaded"), pa.table({"value": [2]})))
        thread.start()
        thread.join(60)
        out.append(batch(3, 3))
    assert rows(backend, scores_of()) == [*expected(*range(6)), *expected(5, day=TUESDAY)]
    assert state(backend)[0] == {"answers.scores", "answers.loaded", "basemodel.ledger"}


def test_two_open_ones_of_one_partition_leave_one_of_the_two(backend: SqlWarehouse) -> None:
    with opened(backend, "first") as first:
        first.append(batch(0, 3))
        with opened(backend, "second") as second:
            second.append(batch(50, 5))
    assert second.is_written
    assert first.is_written
    assert rows(backend, scores_of()) == expected(0, 1, 2)
    with opened(backend, "third") as first:
        first.append(batch(0, 4))
        with opened(backend, "third") as second:
            second.append(batch(0, 4))
    # The ledger is read again inside of the transaction.
    assert (second.is_written, first.is_written) == (True, False)
    assert rows(backend, scores_of()) == expected(*range(4))


def test_rows_are_made_of_events_that_are_read_meanwhile(
    backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.load(EVENTS, pa.table({"client": list(range(2_000))}))
    monkeypatch.setattr(module, "APPEND_ROWS", 300)
    with opened(backend) as out, opened(backend, name="others") as other:
        for events in backend.batches(rows_query(EVENTS, ["client"]), 100):
            out.append(batch(events.column("client")[0].as_py(), events.num_rows))
            other.append(batch(events.column("client")[0].as_py(), events.num_rows // 2))
    assert rows(backend, scores_of()) == expected(*range(2_000))
    assert len(rows(backend, scores_of("others"))) == 1_000


def test_a_stage_that_lost_a_batch_is_refused(backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)
    append = backend.session.append

    def careless(session: Session, stage: Relation, table: pa.Table) -> None:
        append(session, stage, table.slice(0, table.num_rows - 1))

    monkeypatch.setattr(backend.session, "append", careless)
    monkeypatch.setattr(module, "APPEND_ROWS", 10)
    with pytest.raises(WarehouseError, match=r"27 rows with the hash .* and 30 with"):
        send(backend, batch(0, 10), batch(10, 10), batch(20, 10))
    assert state(backend) == before


def test_a_write_that_fails_between_batches_is_told_with_its_partition(
    backend: SqlWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(backend) as out:
        out.append(batch(0, 3))
    before = state(backend)
    monkeypatch.setattr(module, "APPEND_ROWS", 1)
    append = backend.session.append

    def last(session: Session, stage: Relation, table: pa.Table) -> None:
        append(session, stage, table)
        session.rows(exp.Drop(tables=[table_of(stage)], kind="TABLE"))

    monkeypatch.setattr(backend.session, "append", last)
    with pytest.raises(WarehouseError, match=r"2024-01-01.*answers\.scores was not written and is as it was"):
        send(backend, batch(0, 3), batch(3, 3))
    assert state(backend) == before


CHUNKS = st.lists(st.integers(0, 30), max_size=5)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=CHUNKS, bound=st.integers(5, 40), volume=st.integers(100, 1_000))
def test_however_rows_are_cut_they_all_arrive_once(
    warehouse: DuckDBWarehouse, sizes: list[int], bound: int, volume: int
) -> None:
    sent: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "APPEND_ROWS", bound)
        patch.setattr(module, "APPEND_BYTES", volume)
        with opened(warehouse, f"{sizes} {bound} {volume}") as out:
            append = warehouse.session.append

            def counted(session: Session, stage: Relation, table: pa.Table) -> None:
                sent.append(table.num_rows)
                append(session, stage, table)

            patch.setattr(warehouse.session, "append", counted)
            start = 0
            for turn, size in enumerate(sizes):
                part = batch(start, size)
                if out.is_needed:
                    out.append(pa.Table.from_batches([part]) if turn % 2 else part)
                start += size
    assert rows(warehouse, scores_of()) == expected(*range(sum(sizes)))
    assert not sent or (sum(sent) == sum(sizes) and max(sent) < 2 * bound)


def test_rows_of_other_types_become_plain(backend: SqlWarehouse) -> None:
    schema = pa.schema([
        ("part", pa.dictionary(pa.int32(), pa.string())), ("small", pa.uint8()), ("at", pa.timestamp("ms")),
        ("text", pa.large_string()), ("none", pa.null()),
    ])  # fmt: skip
    values = {"part": ["x", "x"], "small": [1, 255], "at": [MONDAY, TUESDAY], "text": ["a", None], "none": [None, None]}
    relation = Relation(schema_name="answers", name="kinds")
    with backend.publication(relation, schema, {"part": "x"}, "one", "code", "run") as out:
        for start in (0, 1):
            out.append(pa.table(values, schema=schema).slice(start, 1))
    result = backend.read(rows_query(relation, ["small", "part", "at", "text", "none"]))
    assert result.to_pydict() == values


# --- memory

ROWS, PIECE = 300_000, 5_000


def test_memory_does_not_grow_with_the_rows(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPEND_ROWS", 10_000)
    schema = SCHEMA.append(pa.field("text", pa.string()))
    generator = np.random.default_rng(0)
    taken: list[int] = []
    start = pa.total_allocated_bytes()

    def measured() -> None:
        taken.append(pa.total_allocated_bytes() - start)

    append = warehouse.session.append

    def watched(session: Session, stage: Relation, table: pa.Table) -> None:
        measured()
        append(session, stage, table)
        measured()

    cast = module._cast

    def watched_cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        measured()
        return cast(batch, schema)

    monkeypatch.setattr(warehouse.session, "append", watched)
    monkeypatch.setattr(module, "_cast", watched_cast)
    sizes: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for first in range(0, ROWS, PIECE):
            columns = batch(first, PIECE).columns
            digits = generator.integers(48, 58, (PIECE, 60)).astype("uint8")
            texts = pa.array(digits.view("S60")[:, 0]).cast(pa.string())
            created = pa.record_batch([*columns, texts], schema=schema)
            sizes.append(created.nbytes)
            measured()
            yield created
            del created

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    assert warehouse.publish(scores_of(), reader, {"as_of": MONDAY}, "one", "code", "run")
    assert warehouse.read(exp.select(exp.Count(this=exp.Star())).from_(table_of(scores_of())))[0].to_pylist() == [ROWS]
    assert sum(sizes) > 25 * 2**20
    assert max(taken) < sum(sizes) / 4, f"{max(taken)} of {sum(sizes)} bytes"


# --- what is one warehouse's alone


def test_no_log_is_written_before_the_end_and_none_is_left(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = warehouse._path.with_name(warehouse._path.name + ".wal")
    with opened(warehouse, "old") as out:
        out.append(batch(0, 10))
    with opened(warehouse) as out:
        before = log.stat().st_size if log.exists() else 0
        for first in range(0, 400_000, 50_000):
            out.append(batch(first, 50_000))
        assert (log.stat().st_size if log.exists() else 0) - before < 10_000
    assert not log.exists() or log.stat().st_size == 0


def test_a_killed_publication_leaves_nothing_in_the_file(warehouse: DuckDBWarehouse) -> None:
    with opened(warehouse, "old") as out:
        out.append(batch(0, 10))
    session = warehouse._connect()
    partition = module.Partition(scores_of(), {"as_of": MONDAY}, "new", "code", "run")
    left = Publication(partition, SCHEMA, warehouse.errors)
    left.begin(session)
    left.append(batch(0, 200_000))
    session.close()  # as the end of a process does
    assert state(warehouse)[0] == {"answers.scores", "basemodel.ledger"}
    assert rows(warehouse, scores_of()) == expected(*range(10))


def test_an_idle_connection_of_postgres_outlives_the_servers_patience(postgres_server: dict[str, str]) -> None:
    with servers.database(postgres_server, "idle") as variables:
        row_index = f"{variables['PGUSER']}@{variables['PGHOST']}:{variables['PGPORT']}/{variables['PGDATABASE']}"
        warehouse = PostgresWarehouse(URI.replace("postgresql://", f"postgresql://{row_index}"), RETRY_POLICY)
        with warehouse._session() as session:
            session.execute(f"alter database {variables['PGDATABASE']} set idle_session_timeout = '100ms'")
        with opened(warehouse) as out:
            out.append(batch(0, 3))
            threading.Event().wait(0.5)
            out.append(batch(3, 3))
        assert rows(warehouse, scores_of()) == expected(*range(6))


def test_the_rows_of_snowflake_go_in_several_files_and_none_is_left(
    snowflake_server: dict[str, str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    message: list[str] = []
    execute = snowflake.SnowflakeSession.execute
    monkeypatch.setattr(
        snowflake.SnowflakeSession, "execute", lambda session, sql: message.append(sql) or execute(session, sql)
    )
    monkeypatch.setattr(snowflake, "FILE_BYTES", 1)
    monkeypatch.setattr(module, "APPEND_ROWS", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    warehouse = snowflake_warehouse(snowflake_server, "FILES")
    with opened(warehouse) as out:
        for first in (0, 10, 20):
            out.append(batch(first, 10))
            assert list(tmp_path.iterdir()) == []
        out.append(batch(30, 5))
    assert rows(warehouse, scores_of()) == expected(*range(35))
    puts = [re.sub(r".*/(\w+\.parquet).*", r"\1", sql) for sql in message if sql.startswith("put")]
    assert len(puts) == len(set(puts)) == 4
    (copy,) = [sql for sql in message if sql.startswith("copy into")]
    assert "purge = true" in copy
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(snowflake, "FILE_BYTES", 10**9)
    with pytest.raises(ProducerError):
        send(warehouse, batch(0, 30), error=ProducerError())
    assert list(tmp_path.iterdir()) == []
