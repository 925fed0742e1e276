"""One value of each data type of each warehouse, as it arrives: right, or refused by the name of its column."""

import os
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
import sqlglot
from snowflake.connector.constants import FIELD_ID_TO_NAME

from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.postgres import PostgresWarehouse
from basemodel_ops.warehouse.snowflake import SnowflakeSession

from .outcomes import outcome, shows

DIGITS = 12_345_678_901_234_567_890_123
FIRST, LAST = datetime.min, datetime.max

EVERYWHERE = {
    "timestamptz '2024-01-01 02:00:00+02'": datetime(2024, 1, 1),
    "cast(timestamptz '2024-01-01 02:00:00+02' as timestamp)": datetime(2024, 1, 1),
    "timestamp 'infinity'": LAST,
    "timestamp '-infinity'": FIRST,
    "date 'infinity'": date.max,
    "date '-infinity'": date.min,
    "timestamptz 'infinity'": LAST,
    "timestamp '9999-12-31'": datetime(9999, 12, 31),
    "timestamp '1600-01-01'": datetime(1600, 1, 1),
    "time '13:30:00'": time(13, 30),
    f"cast({DIGITS} as decimal(23, 0))": Decimal(DIGITS),
    "cast('6f1c6d2e-0000-4000-8000-000000000000' as uuid)": "6f1c6d2e-0000-4000-8000-000000000000",
    "cast('{}' as json)": "{}",
    "cast(-3 as smallint)": -3,
    "true": True,
    "' 007 🦊'": " 007 🦊",
}

DUCKDB = {
    f"cast({DIGITS} as hugeint)": Decimal(DIGITS),
    "cast(18446744073709551615 as ubigint)": 2**64 - 1,
    "timestamp_ns '2024-01-01 00:00:00.123456789'": datetime(2024, 1, 1, 0, 0, 0, 123456),
    "timestamp_ns '1960-01-01 00:00:00.000000999'": datetime(1960, 1, 1),
    "timestamp_s 'infinity'": LAST,
    "cast('a' as enum ('a', 'b'))": "a",
}

POSTGRES = {
    "cast('nan' as numeric)": None,
    "cast('infinity' as numeric)": None,
    "cast('-infinity' as numeric)": None,
    "cast('0.25' as numeric)": Decimal("0.25"),
    "timestamp '0044-03-15 BC'": FIRST,
    "cast('{\"a\": 1}' as jsonb)": '{"a": 1}',
}


def value_of(warehouse: Warehouse, sql: str, dialect: str) -> object:
    """The value of an expression, read whole and as a stream, which must agree."""
    query = sqlglot.select(f"{sql} as value", dialect=dialect)
    (row,) = warehouse.read(query).to_pylist()
    (streamed,) = [row for batch in warehouse.batches(query, 10) for row in batch.to_pylist()]
    assert streamed == row
    return row["value"]


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder: Path = tmp_path_factory.mktemp("duckdb")
    with DuckDBWarehouse(folder / "warehouse.duckdb") as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def postgres(postgres_server: dict[str, str]) -> Iterator[Warehouse]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**postgres_server, "PGTZ": "America/Los_Angeles"}.items():
            patch.setitem(os.environ, name, value)
        yield PostgresWarehouse.from_environment()


@pytest.mark.parametrize("sql", [*EVERYWHERE, *DUCKDB])
def test_duckdb(duckdb: Warehouse, sql: str) -> None:
    assert value_of(duckdb, sql, "duckdb") == (EVERYWHERE | DUCKDB)[sql]


@pytest.mark.parametrize("sql", [*EVERYWHERE, *POSTGRES])
def test_postgres(postgres: Warehouse, sql: str) -> None:
    assert value_of(postgres, sql, "postgres") == (EVERYWHERE | POSTGRES)[sql]


def test_a_number_of_more_digits_than_are_read_is_refused(postgres: Warehouse) -> None:
    text = outcome(lambda: value_of(postgres, f"cast('{10**38 - 1}' as numeric)", "postgres"))
    shows(text, ("Column 'value'", "Cast it in its dbt model", "an id to a text"))


class Chunks:
    """What Snowflake's connector hands out of one column: its description, and chunks of Arrow."""

    def __init__(self, kind: str, scale: int, *chunks: pa.Array) -> None:
        code = next(code for code, name in FIELD_ID_TO_NAME.items() if name == kind)
        self.description = [SimpleNamespace(name="VALUE", type_code=code, precision=38, scale=scale)]
        self._chunks = chunks

    def cursor(self) -> "Chunks":
        return self

    def execute(self, sql: str) -> None:
        """Nothing is asked of anybody."""

    def __enter__(self) -> "Chunks":
        return self

    def __exit__(self, *unused: object) -> None:
        """Nothing is held."""

    def fetch_arrow_batches(self) -> Iterator[pa.Table]:
        return (pa.table({"VALUE": chunk}) for chunk in self._chunks)


NANOSECOND = 1_704_067_200_123_456_789
SNOWFLAKE: dict[str, tuple[Chunks, list[object]]] = {
    "integers of many widths": (
        Chunks("FIXED", 0, pa.array([1], pa.int8()), pa.array([10**15]), pa.array([Decimal(7)], pa.decimal128(38, 0))),
        [1, 10**15, 7],
    ),
    "decimals": (Chunks("FIXED", 2, pa.array([Decimal("0.25")], pa.decimal128(38, 2))), [Decimal("0.25")]),
    "NTZ(9)": (
        Chunks("TIMESTAMP_NTZ", 9, pa.array([NANOSECOND], pa.timestamp("ns"))), [datetime(2024, 1, 1, 0, 0, 0, 123456)],
    ),
    "TZ": (
        Chunks("TIMESTAMP_TZ", 9, pa.array([NANOSECOND], pa.timestamp("ns", "America/Los_Angeles"))),
        [datetime(2024, 1, 1, 0, 0, 0, 123456)],
    ),
    "times of day": (Chunks("TIME", 9, pa.array([time(13, 30)], pa.time64("ns"))), [time(13, 30)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SNOWFLAKE)
def test_snowflakes_chunks_have_one_schema_and_lose_nothing(name: str) -> None:
    chunks, expected = SNOWFLAKE[name]
    result = SnowflakeSession(chunks).stream(sqlglot.select("value"), 10).read_all()
    assert result.column("value").to_pylist() == expected


def test_an_id_beyond_64_bits_is_refused_by_the_name_of_its_column() -> None:
    chunks = Chunks("FIXED", 0, pa.array([1]), pa.array([Decimal(DIGITS)], pa.decimal128(38, 0)))
    text = outcome(lambda: SnowflakeSession(chunks).stream(sqlglot.select("value"), 10).read_all())
    shows(text, ("Column 'value'", "beyond int64", "Cast it in its dbt model", "an id to a text"))
