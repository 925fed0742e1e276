"""What is Databricks' own: a partition without a transaction over tables, files in a volume, names, moments."""

from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.inference import infer_type
from basemodel_ops.contract.types import ColumnType, Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse import databricks, spool
from basemodel_ops.warehouse.arrow import defined
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.databricks import DatabricksSession, DatabricksWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, timestamp_of

from .conftest import StandInDatabricks

SCORES = Relation(schema_name="answers", name="scores")
MONDAY = datetime(2024, 1, 1)


@pytest.fixture
def catalog() -> StandInDatabricks:
    return StandInDatabricks()


def put(catalog: StandInDatabricks, inputs: str, *values: float) -> bool:
    table = pa.table({"score": list(values), "as_of": pa.array([MONDAY] * len(values), pa.timestamp("us"))})
    return catalog.publish(SCORES, table, {"as_of": MONDAY}, inputs, "code", "run")


def state(catalog: StandInDatabricks) -> tuple[list[float], list[str]]:
    """The scores, and the inputs that the ledger says they are made from."""
    rows = catalog.read(rows_query(SCORES, ["score"])).column(0).to_pylist()
    return rows, catalog.read(rows_query(LEDGER, ["input_hash"])).column(0).to_pylist()


BREAKS = {"DELETE FROM": [1.0], "REPLACE WHERE": [1.0], "INSERT INTO `basemodel`": [2.0]}


@pytest.mark.parametrize(("at", "rows"), BREAKS.items())
def test_a_commit_that_breaks_leaves_rows_of_one_run_and_no_entry_of_another(
    catalog: StandInDatabricks, monkeypatch: pytest.MonkeyPatch, at: str, rows: list[float]
) -> None:
    put(catalog, "old", 1.0)
    execute = DatabricksSession.execute

    def broken(session: DatabricksSession, sql: str) -> list[tuple[object, ...]]:
        if at in sql:
            raise databricks.exc.RequestError("the line is cut")
        return execute(session, sql)

    with monkeypatch.context() as patch:
        patch.setattr(DatabricksSession, "execute", broken)
        with pytest.raises(WarehouseError, match="wholly old or wholly new"):
            put(catalog, "new", 2.0)
    assert state(catalog) == (rows, ["old"] if at == "DELETE FROM" else [])
    assert put(catalog, "new", 2.0)
    assert state(catalog) == ([2.0], ["new"])


@pytest.mark.parametrize("at", BREAKS)
def test_of_writers_that_overlap_none_is_believed_that_did_not_write_the_rows(
    catalog: StandInDatabricks, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    put(catalog, "none", 0.0)
    monkeypatch.setattr(databricks, "WRITERS", nullcontext())  # as if the other were another process
    execute = DatabricksSession.execute

    def overtaken(session: DatabricksSession, sql: str) -> list[tuple[object, ...]]:
        if at in sql:
            with monkeypatch.context() as patch:
                patch.setattr(DatabricksSession, "execute", execute)
                put(catalog, "other", 2.0)
        return execute(session, sql)

    with monkeypatch.context() as patch:
        patch.setattr(DatabricksSession, "execute", overtaken)
        put(catalog, "mine", 1.0)
    rows, inputs = state(catalog)
    if len(inputs) == 1:
        assert (rows, inputs) == ([1.0], ["mine"])
    else:
        assert put(catalog, "other", 2.0)  # not taken for written
        assert state(catalog) == ([2.0], ["other"])


def test_files_leave_the_volume_and_rows_go_in_several(
    catalog: StandInDatabricks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "FILE_BYTES", 1)
    put(catalog, "one", *map(float, range(5)))
    assert state(catalog)[0] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert catalog.server.volumes == {"/Volumes/tests/answers/basemodel_files"}
    assert not catalog.server.files


def test_a_file_that_cannot_be_removed_is_named(
    catalog: StandInDatabricks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    execute = DatabricksSession.execute

    def kept(session: DatabricksSession, sql: str) -> list[tuple[object, ...]]:
        if sql.startswith("REMOVE"):
            raise databricks.exc.ServerOperationError("no right to")
        return execute(session, sql)

    monkeypatch.setattr(DatabricksSession, "execute", kept)
    assert put(catalog, "one", 1.0)
    (path,) = catalog.server.files
    assert path in caplog.text
    assert "no right to" in caplog.text


def test_columns_that_another_writer_added_meanwhile_are_not_added_again(
    catalog: StandInDatabricks, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, "one", 1.0)
    columns, looked = DatabricksSession.columns, []

    def late(session: DatabricksSession, relation: Relation) -> dict[str, str]:
        """At the first look nobody has added anything."""
        looked.append(relation)
        return {"score": "double"} if len(looked) == 1 else columns(session, relation)

    more = [defined(name, exp.DataType.build("double")) for name in ("bound", "reason")]
    with catalog._session() as session:
        session.add_columns(SCORES, more)
        monkeypatch.setattr(DatabricksSession, "columns", late)
        session.add_columns(SCORES, more)
        assert looked == [SCORES, SCORES]
        assert list(session.columns(SCORES)) == ["score", "as_of", "bound", "reason"]
        with pytest.raises(databricks.exc.Error):
            session.add_columns(Relation(schema_name="answers", name="none"), more)


def test_names_moments_and_order_are_those_of_databricks() -> None:
    session = DatabricksSession(None, "tests")
    query = rows_query(Relation(database="other", schema_name="s", name="größe"), ["my clinic"])
    query = query.where(exp.LT(this=column_of("at"), expression=timestamp_of(MONDAY)))
    assert session.render(query) == (
        "SELECT `my clinic` FROM `other`.`s`.`größe` WHERE `at` < CAST('2024-01-01 00:00:00' AS TIMESTAMP) "
        "ORDER BY `my clinic` NULLS LAST"
    )
    assert session.render(exp.DataType.build("timestamp_ntz", dialect="snowflake")) == "TIMESTAMP"
    with pytest.raises(WarehouseError, match="no schema or table 'a b'"):
        session.render(rows_query(Relation(schema_name="s", name="a b"), ["c"]))


def test_ids_of_38_digits_are_read_exactly(catalog: StandInDatabricks) -> None:
    identity = Decimal(10**38 - 1)
    catalog.load(SCORES, pa.table({"client_id": pa.array([identity, None], pa.decimal128(38, 0))}))
    catalog.load(LEDGER, pa.table({"client_id": pa.array([Decimal(10**37)], pa.decimal128(38, 0))}))
    assert catalog.read(rows_query(SCORES, ["client_id"])).column(0).to_pylist() == [identity, None]


READ = {
    "bigint": ColumnType.NUMBER, "double": ColumnType.NUMBER, "decimal(10,2)": ColumnType.NUMBER,
    "string": ColumnType.CATEGORY, "boolean": ColumnType.CATEGORY, "binary": ColumnType.IMAGE,
    "timestamp": ColumnType.TIME, "timestamp_ntz": ColumnType.TIME, "date": ColumnType.TIME,
    "array<string>": ColumnType.IGNORE, "struct<a:bigint>": ColumnType.IGNORE, "map<string,int>": ColumnType.IGNORE,
    "variant": ColumnType.IGNORE, "interval day": ColumnType.IGNORE, "void": ColumnType.IGNORE,
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_every_data_type_has_a_reading(kind: str) -> None:
    assert infer_type("value", kind) is READ[kind]


def test_a_host_may_be_given_with_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "https://x.cloud.example/", "HTTP_PATH": "/p", "CATALOG": "shop", "TOKEN": "t"}.items():
        monkeypatch.setenv(f"DATABRICKS_{name}", value)
    result = DatabricksWarehouse.from_environment()
    assert result._settings["server_hostname"] == "x.cloud.example"
    assert str(result) == "the Databricks catalog shop"
