"""Connections that break, stall, answer with errors, or forget who logged in, in the middle of a read."""

import random
from dataclasses import replace
from urllib.parse import urlsplit

import pyarrow as pa

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.postgres import PostgresWarehouse
from basemodel_ops.warehouse.queries import rows_query
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.snowflake import SnowflakeWarehouse
from basemodel_ops.warehouse.sql import SqlWarehouse

from .locations import Location, Outcome
from .proxies import FAULTS, proxied

EVENTS = Relation(schema_name="raw", name="events")
ROWS = 40_000
BATCH = 3_000
COLUMNS = ["client", "value", "name"]


def events(generator: random.Random) -> pa.Table:
    return pa.table({
        "client": [row // 10 for row in range(ROWS)], "value": [generator.random() for _ in range(ROWS)],
        "name": [f"event {row % 97}" for row in range(ROWS)],
    })  # fmt: skip


def is_read_whole(warehouse: SqlWarehouse, expected: pa.Table) -> bool:
    """Every row once, in the order that was asked for, in full batches."""
    try:
        batches = list(warehouse.batches(rows_query(EVENTS, COLUMNS), BATCH))
    except WarehouseError:
        return False
    sizes = [batch.num_rows for batch in batches]
    return pa.Table.from_batches(batches).equals(expected) and set(sizes[:-1]) == {BATCH}


def postgres_breaks(location: Location, times: int, stall: float, generator: random.Random) -> list[Outcome]:
    """A reset, and a stall that is longer than an answer may take, after a random number of bytes."""
    with location.open() as direct:
        direct.load(EVENTS, events(generator))
        expected = direct.read(rows_query(EVENTS, COLUMNS))
    parts = urlsplit(location.where)
    assert parts.hostname is not None
    assert parts.port is not None
    outcomes = []
    with proxied("byte", parts.hostname, parts.port) as proxy:
        through = location.where.replace(f":{parts.port}/", f":{proxy.state()[0]}/")
        policy = RetryPolicy(total=120, first=0.05, longest=1, response_timeout=30)
        assert is_read_whole(PostgresWarehouse(through, policy), expected)
        _, total, _ = proxy.state()
        for name, tries, wait in (
            ("connection reset", times, 0.0),
            (f"a stall of {stall:g} s", max(1, times // 5), stall),
        ):
            limits = replace(policy, response_timeout=wait / 3 if wait else 30)
            bad, before = 0, proxy.state()[2]
            for _ in range(tries):
                proxy.arm(generator.randrange(total), wait)
                bad += not is_read_whole(PostgresWarehouse(through, limits), expected)
            assert proxy.state()[2] - before == tries, "A fault did not happen."
            outcomes.append(Outcome(f"{name} during a read", location.kind, tries, bad))
    return outcomes


def snowflake_breaks(location: Location, times: int, stall: float, generator: random.Random) -> list[Outcome]:
    """The same, HTTP 500 and an expired session, at each query of a read in turn."""
    with location.open() as direct:
        direct.load(EVENTS, events(generator))
        expected = direct.read(rows_query(EVENTS, COLUMNS))
    settings = location.where
    outcomes = []
    with proxied("http", settings["host"], int(settings["port"])) as proxy:
        through = settings | {"port": str(proxy.state()[0]), "network_timeout": 20, "socket_timeout": 10}
        policy = RetryPolicy(total=120, first=0.05, longest=1)
        assert is_read_whole(SnowflakeWarehouse(through, policy), expected)
        _, total, _ = proxy.state()
        limit = {"socket_timeout": max(1, int(stall / 3))}
        faults = [(name, times, name, {}) for name in FAULTS]
        faults.append((f"a stall of {stall:g} s", max(1, times // 5), "stall", limit))
        for name, tries, fault, limits in faults:
            bad, before = 0, proxy.state()[2]
            for turn in range(tries):
                proxy.arm(1 + turn % total, fault, stall)
                bad += not is_read_whole(SnowflakeWarehouse(through | limits, policy), expected)
            assert proxy.state()[2] - before == tries, "A fault did not happen."
            outcomes.append(Outcome(f"{name} during a read", location.kind, tries, bad))
    return outcomes
