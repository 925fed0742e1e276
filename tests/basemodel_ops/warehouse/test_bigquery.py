"""What is BigQuery's own: names, types and moments in its SQL, files on their way, sessions, credentials."""

from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.inference import infer_type
from basemodel_ops.contract.types import ColumnType, Relation
from basemodel_ops.errors import SettingsError, WarehouseError
from basemodel_ops.warehouse import bigquery, spool
from basemodel_ops.warehouse.bigquery import BigQuerySession, BigQueryWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of, timestamp_of

from .conftest import StandInBigQuery

ITEMS = Relation(schema_name="raw", name="things")
NOON, MIDNIGHT = datetime(2024, 1, 1, 12), datetime(2024, 1, 2)


@pytest.fixture
def project() -> StandInBigQuery:
    return StandInBigQuery()


def rendered(expression: exp.Expr) -> str:
    return BigQuerySession(None).render(expression)


def run_statements(project: StandInBigQuery, *statements: str) -> None:
    with project._session() as session:
        for statement in statements:
            session.execute(statement)


@pytest.mark.parametrize(
    ("schema", "name", "column"),
    [("my data", "t", "c"), ("größe", "t", "c"), ("s", "t.u", "c"), ("s", "t", 'a "b"'), ("s", "t", "a`b")],
)  # fmt: skip
def test_a_name_that_bigquery_does_not_allow_is_refused(schema: str, name: str, column: str) -> None:
    with pytest.raises(WarehouseError, match="Rename it"):
        rendered(rows_query(Relation(schema_name=schema, name=name), [column]))
    odd = Relation(database="other-project", schema_name="s", name="größe 表")
    assert "`other-project`.`s`.`größe 表`" in rendered(rows_query(odd, ["my clinic", "größe"]))


def test_a_query_is_ordered_with_nulls_last_and_goes_on_behind_rows() -> None:
    query = rows_query(ITEMS, ["a"]).offset(7)
    assert rendered(query) == f"SELECT `a` FROM `raw`.`things` ORDER BY `a` NULLS LAST LIMIT {2**63 - 1} OFFSET 7"
    assert query.args.get("limit") is None  # the query itself is as it was
    assert rendered(rows_query(ITEMS, ["a"]).limit(3).offset(7)).endswith("LIMIT 3 OFFSET 7")


def test_a_bound_is_compared_with_the_column_as_it_is() -> None:
    """Neither is cast: a cast of the column would read every partition, one of the bound fits one type of moments."""
    later = exp.LT(this=column_of("at"), expression=timestamp_of(NOON))
    assert rendered(later) == "`at` < '2024-01-01 12:00:00'"
    assert rendered(exp.select(timestamp_of(NOON))) == "SELECT CAST('2024-01-01 12:00:00' AS TIMESTAMP)"


@pytest.mark.parametrize("kind", ["timestamp", "datetime", "date"])
def test_moments_of_every_kind_are_utc_and_bounded(project: StandInBigQuery, kind: str) -> None:
    project.load(ITEMS, pa.table({"client": [1, 2]}))
    values = {"timestamp": ("2024-01-01 14:00:00+03", "2024-01-02"), "date": ("2024-01-01", "2024-01-02")}
    first, second = values.get(kind, ("2024-01-01 11:00:00", "2024-01-02"))
    run_statements(
        project, f"create or replace table raw.things (client INT64, `at` {kind})",
        f"insert into raw.things select 1, cast('{first}' as {kind})",
        f"insert into raw.things select 2, cast('{second}' as {kind})",
    )  # fmt: skip
    for bound in (MIDNIGHT,) if kind == "date" else (NOON, MIDNIGHT):
        query = rows_query(ITEMS, ["client", "at"]).where(exp.LT(this=column_of("at"), expression=timestamp_of(bound)))
        (row,) = project.read(query).to_pylist()
        assert row == {"client": 1, "at": date(2024, 1, 1) if kind == "date" else datetime(2024, 1, 1, 11)}
    assert infer_type("at", project.columns(ITEMS)["at"]) is ColumnType.TIME


DECIMALS = {(18, 2): "NUMERIC(18, 2)", (38, 9): "NUMERIC(38, 9)", (29, 0): "NUMERIC(29, 0)"}
DECIMALS |= {(30, 0): "BIGNUMERIC(30, 0)", (38, 0): "BIGNUMERIC(38, 0)", (38, 10): "BIGNUMERIC(38, 10)"}


@pytest.mark.parametrize("size", DECIMALS)
def test_a_decimal_has_the_type_that_holds_it(size: tuple[int, int]) -> None:
    """NUMERIC has 29 digits before the point and 9 behind it, whatever it is declared as."""
    assert rendered(exp.DataType.build(f"decimal({size[0]}, {size[1]})")) == DECIMALS[size]


def test_an_id_of_many_digits_is_read_exactly_or_refused_by_its_column(project: StandInBigQuery) -> None:
    for digits in (23, 29):
        identity = Decimal(10**digits - 1)
        project.load(ITEMS, pa.table({"client_id": pa.array([identity, None], pa.decimal128(38, 0))}))
        assert project.read(rows_query(ITEMS, ["client_id"])).column(0).to_pylist() == [identity, None]
    kind = project.columns(ITEMS)["client_id"]
    assert infer_type("client_id", kind) is ColumnType.CATEGORY
    project.load(ITEMS, pa.table({"client_id": pa.array([Decimal(10**30)], pa.decimal128(38, 0))}))
    with pytest.raises(WarehouseError, match=r"'client_id' holds .* an id to a text"):
        project.read(rows_query(ITEMS, ["client_id"]))


TYPES = {
    "INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "STRING": "STRING", "BYTES": "BINARY",
    "RECORD": "STRUCT", "BIGNUMERIC": "BIGDECIMAL", "INT64": "INT64",
}  # fmt: skip
READ = {
    "INT64": ColumnType.NUMBER, "FLOAT64": ColumnType.NUMBER, "BOOL": ColumnType.CATEGORY,
    "STRING": ColumnType.CATEGORY, "BINARY": ColumnType.IMAGE, "STRUCT": ColumnType.IGNORE,
    "BIGDECIMAL": ColumnType.NUMBER,
    "NUMERIC(10, 2)": ColumnType.NUMBER, "DATETIME": ColumnType.TIME, "ARRAY<STRING>": ColumnType.IGNORE,
    "JSON": ColumnType.IGNORE, "GEOGRAPHY": ColumnType.IGNORE, "INTERVAL": ColumnType.IGNORE,
    "RANGE<DATE>": ColumnType.IGNORE,
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_every_data_type_has_a_reading(kind: str) -> None:
    assert infer_type("value", kind) is READ[kind]


@pytest.mark.parametrize("given", TYPES)
def test_data_types_are_said_as_sql_says_them(given: str) -> None:
    created = SimpleNamespace(field_type=given, mode="NULLABLE", precision=None, scale=None)
    assert bigquery._data_type(created) == TYPES[given]
    created.mode = "REPEATED"
    assert bigquery._data_type(created) == f"ARRAY<{TYPES[given]}>"


def test_rows_go_in_files_and_none_is_left(project: StandInBigQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FILE_BYTES", 1)
    day = pa.array([MIDNIGHT] * 4, pa.timestamp("us"))
    table = pa.table({"as_of": day, "client": [1, 2, 3, 4]})
    with project.publication(ITEMS, table.schema, {"as_of": MIDNIGHT}, "one", "code", "run") as out:
        out.append(table.slice(0, 2))
        out._flush(out._open())
        out.append(table.slice(2))
    assert project.read(rows_query(ITEMS, ["client"])).column(0).to_pylist() == [1, 2, 3, 4]
    with project._session() as session:
        assert [str(entry) for entry in session.relations()] == ["basemodel.ledger", "raw.things"]


def test_a_transaction_has_a_session_that_ends_with_it(project: StandInBigQuery) -> None:
    table = pa.table({"as_of": pa.array([MIDNIGHT], pa.timestamp("us")), "client": [1]})
    project.publish(ITEMS, table, {"as_of": MIDNIGHT}, "one", "code", "run")
    assert not project.server.sessions
    assert next(project.server.numbers) > 1  # there was one


def test_what_was_committed_stays_so_when_the_session_cannot_be_ended(
    project: StandInBigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = BigQuerySession.execute

    def expired(session: BigQuerySession, sql: str) -> list[tuple[object, ...]]:
        if "ABORT_SESSION" in sql:
            raise bigquery.auth_exceptions.GoogleAuthError("the token is over")
        return execute(session, sql)

    monkeypatch.setattr(BigQuerySession, "execute", expired)
    table = pa.table({"as_of": pa.array([MIDNIGHT], pa.timestamp("us")), "client": [1]})
    assert project.publish(ITEMS, table, {"as_of": MIDNIGHT}, "one", "code", "run")
    assert not project.publish(ITEMS, table, {"as_of": MIDNIGHT}, "one", "code", "run")


def test_of_two_transactions_that_change_one_table_one_is_aborted_whole(project: StandInBigQuery) -> None:
    project.load(ITEMS, pa.table({"client": [1, 2]}))
    change = exp.delete(table_of(ITEMS)).where(column_of("client").eq(1))
    first, second = project._connect(), project._connect()
    for session in (first, second):
        session.begin()
    first.rows(change)
    with pytest.raises(project.errors, match="aborted due to concurrent update"):
        second.rows(change)
    second.rollback()
    first.commit()
    assert project.read(rows_query(ITEMS, ["client"])).column(0).to_pylist() == [2]


def test_a_load_that_fails_leaves_no_stage(project: StandInBigQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    project.load(ITEMS, pa.table({"client": [1]}))

    def refuse(session: BigQuerySession, stage: Relation) -> None:
        raise OSError("no way")

    monkeypatch.setattr(BigQuerySession, "close_stage", refuse)
    with pytest.raises(WarehouseError, match="as it was"):
        project.load(ITEMS, pa.table({"client": [2]}))
    with project._session() as session:
        assert session.relations() == [ITEMS]


def test_missing_credentials_are_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(scopes: object) -> None:
        raise bigquery.auth_exceptions.DefaultCredentialsError

    monkeypatch.setattr(bigquery, "default_credentials", none)
    with pytest.raises(SettingsError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        BigQueryWarehouse("shop", "EU").exists(ITEMS)
