"""Rows as other people have them, in a warehouse: what is said of them before long work, by model and column."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import AttributeSource, EventSource
from basemodel_ops.data_quality.preflight import preflight
from basemodel_ops.data_quality.repetition import LONE_SHARE, MANY_VALUES, lone_values, repeated_rows
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from dagster_project.lib.quality import check_source

from ..basemodel_ops.manifests import hospital, read
from ..basemodel_ops.test_preflight import NOW, TABLES
from .outcomes import outcome, shows


class Foreign:
    """The hospital's tables, changed, and its declarations."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models = folder, hospital()
        self.sql(TABLES)

    def sql(self, text: str) -> None:
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            connection.execute(text)

    def declare(self, model: str, **data_types: str) -> None:
        for name, data_type in data_types.items():
            self.models[model]["columns"][name]["data_type"] = data_type

    def query(self, ask: Callable[[DuckDBWarehouse, EventSource], object]) -> str:
        contract = read(self.folder, self.models)
        with DuckDBWarehouse(self.folder / "warehouse.duckdb") as warehouse:
            return outcome(lambda: ask(warehouse, contract.event("visits")))

    def preflight(self) -> str:
        """What the preflight check says of what it found wrong."""
        contract = read(self.folder, self.models)

        def find() -> str:
            with DuckDBWarehouse(self.folder / "warehouse.duckdb") as warehouse:
                result = preflight(warehouse, contract, NOW)
            return " ".join(check_result.description for check_result in result if not check_result.passed)

        return outcome(find)

    def quality(self, source: str = "visits") -> str:
        contract = read(self.folder, self.models)
        every: dict[str, EventSource | AttributeSource] = {
            entry.name: entry for entry in (*contract.events, *contract.attributes)
        }
        with DuckDBWarehouse(self.folder / "warehouse.duckdb") as warehouse:
            return outcome(lambda: check_source(warehouse, every[source], NOW).description)


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    return Foreign(tmp_path)


ZONED = "timestamp with time zone"

SOUND: dict[str, tuple[str, dict[str, dict[str, str]]]] = {
    "times with a zone": (f"alter table visits alter visited_at type {ZONED}", {"visits": {"visited_at": ZONED}}),
    "times in nanoseconds": (
        "alter table visits alter visited_at type timestamp_ns using make_timestamp_ns(epoch_ns(visited_at) + 7)",
        {"visits": {"visited_at": "timestamp_ns"}},
    ),
    "times before 1970 and of 1700": (
        "update visits set visited_at = visited_at - interval '60 years' where stay_id = 1;"
        "update visits set visited_at = timestamp '1700-01-01' where stay_id = 2",
        {},
    ),
    "a grid with a zone": (
        f"alter table weeks alter data_end type {ZONED}; alter table weeks alter cutoff type {ZONED}",
        {"weeks": {"data_end": ZONED, "cutoff": ZONED}},
    ),
    "int that refers to bigint": (
        "alter table visits alter clinic_id type integer; alter table clinics alter clinic_id type bigint", {},
    ),
    "unsigned that refers to signed": (
        "alter table visits alter clinic_id type utinyint; alter table clinics alter clinic_id type bigint", {},
    ),
    "one entity": ("update visits set patient_id = 1; delete from active where patient_id <> 1; "
                   "delete from returns_14d where patient_id <> 1; delete from reasons_14d where patient_id <> 1", {}),
    "events of one day": ("update visits set visited_at = timestamp '2024-01-01 08:00'", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_rows_pass_every_check(foreign: Foreign, name: str) -> None:
    sql, declared = SOUND[name]
    foreign.sql(sql)
    for model, data_types in declared.items():
        foreign.declare(model, **data_types)
    assert foreign.preflight() == ""
    assert foreign.quality() == "All hold."


NUMBERS = {
    "null": "null", "not-a-number": "'nan'", "infinity": "'inf'", "minus infinity": "'-inf'", "constant": "7",
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("kind", ["double", "integer", "decimal(18,2)", "boolean"])
def test_a_number_that_is_unknown_or_constant_everywhere_is_allowed(foreign: Foreign, name: str, kind: str) -> None:
    if name in ("not-a-number", "infinity", "minus infinity") and kind != "double":
        pytest.skip("a float has it only")
    value = "true" if (name, kind) == ("constant", "boolean") else NUMBERS[name]
    foreign.sql(f"alter table visits alter cost type {kind} using cast({value} as {kind})")
    foreign.models["visits"]["columns"]["cost"] |= {
        "data_type": kind, "config": {"meta": {"basemodel": {"type": "number"}}},
    }  # fmt: skip
    assert foreign.quality() == "All hold."
    assert foreign.preflight() == ""


REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "infinite times": ("update visits set visited_at = 'infinity' where stay_id < 3", (
        "3 rows of main.visits have visited_at after now", "9999-12-31", "correct or filter")),
    "times at the end of the calendar": ("update visits set visited_at = '9999-12-31' where stay_id < 3", (
        "3 rows of main.visits have visited_at after now", "9999-12-31 00:00:00", "correct or filter")),
    "times before all time": ("update visits set visited_at = '-infinity' where stay_id < 3", (
        "3 rows of main.visits have visited_at before 1700", "filter them out")),
    "dates without end": ("alter table visits alter visited_at type date; "
                          "update visits set visited_at = 'infinity' where stay_id < 3", ("visited_at after now",)),
    "an entity of another type": ("alter table returns_14d alter patient_id type varchar", (
        "patient_id is", "VARCHAR in main.returns_14d", "BIGINT in main.visits", "Cast it in the models")),
    "a text that refers to numbers": ("alter table visits alter clinic_id type varchar", (
        "clinic_id in main.visits is VARCHAR", "no value could match", "Make both the same ids")),
    "a column of another type": ("alter table visits alter cost type varchar", (
        "main.visits: column 'cost' is VARCHAR in the warehouse, and double in its model's YAML", "Cast it")),
    "a session of several values": ("alter table visits alter stay_id type bigint[] using [stay_id]", (
        "main.visits: column 'stay_id' is BIGINT[] in the warehouse", "Cast it in the model")),
    "an entity of several values": ("alter table visits alter patient_id type bigint[] using [patient_id]", (
        "main.visits: column 'patient_id' is BIGINT[]", "Cast it in the model")),
    "a target of several values": ("alter table returns_14d alter returns type integer[] using [returns]", (
        "main.returns_14d: column 'returns' is INTEGER[] in the warehouse", "Cast it in the model")),
    "a key without an order": ("alter table clinics alter clinic_id type bit using clinic_id::bit", (
        "main.clinics: column 'clinic_id' is BIT in the warehouse", "Cast it in the model")),
    "no row": ("delete from visits", ("main.visits is empty: load its source",)),
    "data without an end": ("update weeks set data_end = 'infinity'", (
        "data_end of main.weeks is 9999-12-31", "after now (2024-02-01 00:00:00)", "the newest event")),
    "data that end next week": ("update weeks set data_end = '2024-02-08'", ("data_end of main.weeks is 2024-02-08",)),
    "cutoffs that stand twice": ("insert into weeks select * from weeks", (
        "main.weeks has 2 rows whose key ['cutoff'] stands in another row too", "keep one row per key")),
    "cutoffs without end": ("update weeks set cutoff = 'infinity' where cutoff > '2024-01-10'", (
        "cutoffs of main.weeks are not on the grid", "9999-12-31")),
    "null keys": ("update visits set patient_id = null where stay_id = 1", ("nulls in {'patient_id': 1}", "filter")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_rows_that_cannot_be_used_are_named_before_long_work(foreign: Foreign, name: str) -> None:
    sql, words = REFUSED[name]
    foreign.sql(sql)
    shows(foreign.preflight(), words)


def test_numbers_beyond_their_bounds_are_counted_and_endless_ones_are_not(foreign: Foreign) -> None:
    foreign.sql(
        "update visits set cost = 'inf' where stay_id < 9; update visits set cost = 2e15 where stay_id in (9, 11)"
    )
    shows(foreign.quality(), ("main.visits", "cost (2 rows)", "Mend the model"))


def test_attributes_may_be_known_from_the_beginning_or_until_the_end(foreign: Foreign) -> None:
    foreign.sql("alter table clinics add column since timestamp; update clinics set since = '-infinity';"
                "insert into clinics select clinic_id, town, beds, 'infinity' from clinics")  # fmt: skip
    clinics = foreign.models["clinics"]
    clinics["config"]["meta"]["basemodel"] = {"attribute": {"key": "clinic_id", "valid_from": "since"}}
    clinics["columns"]["since"] = {"name": "since", "data_type": "timestamp", "config": {}}
    assert foreign.preflight() == ""
    assert foreign.quality("clinics") == "All hold."


@pytest.mark.parametrize("times", [0, 1, 3])
def test_events_that_stand_twice_are_counted(foreign: Foreign, times: int) -> None:
    for _ in range(times):
        foreign.sql("insert into visits select distinct * from visits where stay_id < 10")
    text = foreign.query(repeated_rows)
    shows(text, f"'repeats': {10 * times}")
    shows(text, f"passed={times == 0}")
    if times:
        shows(text, (f"{10 * times:,} of {40 + 10 * times:,} rows of main.visits", "--full-refresh", "unique_key"))


def test_of_very_many_events_those_of_some_entities_are_compared(foreign: Foreign) -> None:
    """All is doubled, so of whoever is looked at half of the rows repeat."""
    foreign.sql("insert into visits select distinct * from visits")
    with DuckDBWarehouse(foreign.folder / "warehouse.duckdb") as warehouse:
        source = read(foreign.folder, foreign.models).event("visits")
        result = repeated_rows(warehouse, source, most=40)
    rows, repeats = int(result.metrics["rows"]), int(result.metrics["repeats"])
    assert 0 < rows < 80
    assert rows == 2 * repeats
    assert "(80 in all)" in result.description


def test_rows_that_differ_in_their_session_only_are_two_events(foreign: Foreign) -> None:
    foreign.sql("insert into visits select patient_id, visited_at, 99, reason, cost, clinic_id from visits limit 1")
    shows(foreign.query(repeated_rows), "passed=True")


@pytest.mark.parametrize(("rows_a_value", "passes"), [(1, False), (1 / LONE_SHARE + 2, True)])
def test_values_of_which_hardly_one_comes_again_are_named(foreign: Foreign, rows_a_value: float, passes: bool) -> None:
    values = 3 * MANY_VALUES
    rows = int(values * rows_a_value)
    foreign.sql(
        f"insert into visits select 1, timestamp '2024-01-02', i, 'r' || i % {values}, 1, 1 from range({rows}) t(i)"
    )
    text = foreign.query(lone_values)
    shows(text, f"passed={passes}")
    if not passes:
        shows(text, ("Column 'reason' of main.visits", "hardly one comes again", "`type: ignore`", "`references`"))
    assert ("hardly" in foreign.preflight()) is not passes


def test_few_values_may_each_come_once(foreign: Foreign) -> None:
    foreign.sql("update visits set reason = 'r' || stay_id")
    shows(foreign.query(lone_values), "passed=True")


def test_sessions_do_not_depend_on_the_hosts_zone(foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    foreign.sql("create table zoned as select timestamptz '2024-01-01 00:00:00+00' as moment")

    with DuckDBWarehouse(foreign.folder / "warehouse.duckdb") as warehouse:
        plain = exp.alias_(exp.cast(exp.column("moment"), "timestamp"), "plain")
        result = warehouse.read(exp.select("moment", plain).from_("main.zoned"))
    assert result.to_pylist() == [{"moment": datetime(2024, 1, 1), "plain": datetime(2024, 1, 1)}]
