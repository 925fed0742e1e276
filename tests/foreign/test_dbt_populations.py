"""Who is asked: a population that knows the future is told from those that know the past."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from basemodel_ops.data_quality.populations import check_membership
from basemodel_ops.data_quality.preflight import preflight
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from ..basemodel_ops.manifests import hospital, read

END = datetime(2024, 7, 1)

EVENTS = """
create table visits as
    select i % 92 as patient_id, timestamp '2024-01-01' + to_hours(((i * 7919 + (i % 92) * 131) % 4300)::integer) as visited_at,
        i as stay_id, 'flu' as reason, 1.0::double as cost, 0::bigint as clinic_id
    from range(92 * 9) as numbers (i);
create table clinics as select 0::bigint as clinic_id, 'town' as town, 3 as beds;
create table weeks as
    select timestamp '2024-03-04' + to_days((7 * i)::integer) as cutoff, timestamp '2024-07-01' as data_end
    from range(17) as numbers (i);
"""  # noqa: E501
DAILY = "insert into visits select i % 92, timestamp '2024-01-01' + to_days((i // 92)::integer), i, 'flu', 1.0, 0 from range(92 * 183) as n (i)"  # noqa: E501

WHO = {
    "seen in eight weeks": "visited_at < cutoff and visited_at >= cutoff - interval '56 days'",
    "seen ever": "visited_at < cutoff",
    "comes back in 14 days": "visited_at >= cutoff and visited_at < cutoff + interval '14 days'",
    "comes back ever": "visited_at >= cutoff",
    "known, and comes back": "visited_at >= cutoff and patient_id in (select patient_id from visits v where v.visited_at < cutoff)",  # noqa: E501
}


def population(folder: Path, condition: str, more: str = "") -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(EVENTS + more)
        connection.execute(
            f"create table active as select distinct patient_id, cutoff from visits, weeks where {condition}"
        )
        connection.execute(
            "create table returns_14d as select patient_id, cutoff, null::integer as returns from active"
        )
        connection.execute(
            "create table reasons_14d as select patient_id, cutoff, 'flu' as reason from active where false"
        )


@pytest.mark.parametrize("who", WHO)
def test_a_population_that_knows_the_future_is_named(tmp_path: Path, who: str) -> None:
    population(tmp_path, WHO[who])
    contract = read(tmp_path, hospital())
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        result = check_membership(warehouse, contract, contract.task("reasons_14d"), END)
    assert result is not None
    assert result.name == "active: who is asked is known before the cutoff"
    assert result.passed is who.startswith("seen")
    if not result.passed:
        for word in ("100.0%", "main.active", "patient_id", "reasons_14d", "strictly before the cutoff"):
            assert word in result.description


def test_who_is_asked_at_an_event_of_their_own_is_known_in_time(tmp_path: Path) -> None:
    """A row for each visit at its own moment: that it happens then is why it is asked."""
    population(tmp_path, "false")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        # Few moments, so that each has many members.
        connection.execute("update visits set visited_at = date_trunc('month', visited_at)")
        connection.execute("insert into active select distinct patient_id, visited_at from visits")
    contract = read(tmp_path, hospital())
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        result = check_membership(warehouse, contract, contract.task("reasons_14d"), END)
    assert result is not None
    assert result.metrics["after"] == 1
    assert result.passed


def test_entities_with_an_event_every_day_are_known_in_time(tmp_path: Path) -> None:
    population(tmp_path, WHO["seen in eight weeks"], DAILY)
    contract = read(tmp_path, hospital())
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        result = check_membership(warehouse, contract, contract.task("reasons_14d"), END)
    assert result is not None
    assert result.passed
    assert result.metrics["after"] == result.metrics["before"] == 1


def test_preflight_asks_it_of_every_task(tmp_path: Path) -> None:
    population(tmp_path, WHO["comes back in 14 days"])
    contract = read(tmp_path, hospital())
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        failed = {entry.name for entry in preflight(warehouse, contract, END + timedelta(days=1)) if not entry.passed}
    assert {
        "active: who is asked is known before the cutoff",
        "returns_14d: who is asked is known before the cutoff",
    } <= failed
