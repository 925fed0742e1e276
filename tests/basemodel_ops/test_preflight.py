"""What must hold of the rows, over real tables in a DuckDB file."""

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from basemodel_ops.data_quality.preflight import preflight
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from .manifests import Models, hospital, read

NOW = datetime(2024, 2, 1)

TABLES = """
create table visits as
    select
        i % 4 as patient_id,
        timestamp '2024-01-01' + to_days((i % 20)::integer) as visited_at,
        i as stay_id,
        'reason ' || i % 3 as reason,
        i::double as cost,
        i % 2 as clinic_id
    from range(40) as numbers (i);
create table clinics as select i as clinic_id, 'town' as town, 3 as beds from range(2) as numbers (i);
create table weeks as
    select timestamp '2024-01-08' as cutoff, timestamp '2024-01-31' as data_end
    union all
    select timestamp '2024-01-22' as cutoff, timestamp '2024-01-31' as data_end;
create table active as select i as patient_id, cutoff from range(4) as numbers (i), weeks;
create table returns_14d as
    select patient_id, cutoff, case when cutoff < timestamp '2024-01-15' then 1 end as returns from active;
create table reasons_14d as
    select patient_id, cutoff, 'reason ' || i as reason from active, range(2) as numbers (i)
    where cutoff < timestamp '2024-01-15';
"""


class Hospital:
    """The warehouse of the project, open to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.models: Models = hospital()
        self.sql(TABLES)

    def sql(self, text: str) -> None:
        with duckdb.connect(str(self._folder / "warehouse.duckdb")) as connection:
            connection.execute(text)

    def check_results(self, now: datetime = NOW) -> list[CheckResult]:
        contract = read(self._folder, self.models)
        with DuckDBWarehouse(self._folder / "warehouse.duckdb") as warehouse:
            return preflight(warehouse, contract, now)

    def failed(self, now: datetime = NOW) -> dict[str, str]:
        return {
            check_result.name: check_result.description
            for check_result in self.check_results(now)
            if not check_result.passed
        }


@pytest.fixture
def clinic(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


def test_sound_rows_pass_and_every_model_is_looked_at(clinic: Hospital) -> None:
    check_results = clinic.check_results()
    assert not [check_result for check_result in check_results if not check_result.passed]
    names = [check_result.name for check_result in check_results]
    assert len(set(names)) == len(names)
    assert {name.split(":")[0] for name in names} == set(clinic.models) - {"staging"}


SPOILT = [
    ("update visits set patient_id = null where stay_id < 3", "visits: rows and keys are there",
     ("main.visits", "'patient_id': 3", "40 rows", "filter them out")),
    ("update visits set visited_at = null where stay_id = 1", "visits: rows and keys are there",
     ("main.visits", "'visited_at': 1", "filter them out")),
    ("update clinics set clinic_id = null where clinic_id = 1", "clinics: rows and keys are there",
     ("main.clinics", "'clinic_id': 1", "filter them out")),
    ("update returns_14d set patient_id = null where patient_id = 1", "returns_14d: rows and keys are there",
     ("main.returns_14d", "'patient_id': 2", "filter them out")),
    ("update active set cutoff = null where patient_id = 1 and cutoff < timestamp '2024-01-15'",
     "active: rows and keys are there", ("main.active", "'cutoff': 1", "filter them out")),
    ("insert into clinics select * from clinics", "clinics: keys are unique",
     ("main.clinics", "2 rows", "['clinic_id']", "one row per key")),
    ("insert into returns_14d select * from returns_14d limit 3", "returns_14d: keys are unique",
     ("main.returns_14d", "3 rows", "['patient_id', 'cutoff']", "one row per key")),
    ("insert into active select * from active limit 1", "active: keys are unique",
     ("main.active", "1 rows", "['patient_id', 'cutoff']", "one row per key")),
    ("insert into reasons_14d select * from reasons_14d limit 1", "reasons_14d: keys are unique",
     ("main.reasons_14d", "1 rows", "['patient_id', 'cutoff', 'reason']", "one row per key")),
    ("delete from visits", "visits: rows and keys are there", ("main.visits is empty", "load its source")),
    ("delete from weeks", "weeks: rows and keys are there", ("main.weeks is empty", "load its source")),
    ("update visits set visited_at = timestamp '2024-03-01' where stay_id = 7", "visits: no event is after now",
     ("1 rows", "main.visits", "visited_at", "2024-03-01", "2024-02-01", "correct or filter")),
    ("update visits set clinic_id = 9 where stay_id <= 20", "visits: clinic_id is found in clinics",
     ("48%", "clinic_id", "main.visits", "main.clinics", "remove `references`")),
    ("alter table visits alter clinic_id type varchar", "visits: clinic_id is found in clinics",
     ("VARCHAR", "BIGINT", "main.visits", "clinic_id", "main.clinics", "Make both the same ids")),
    ("update returns_14d set returns = 0 where patient_id = 2", "returns_14d: no label before its window is over",
     ("1 rows", "main.returns_14d", "returns", "14 days", "2024-01-31", "return null there")),
    ("drop table clinics", "clinics: the warehouse has what is declared",
     ("main.clinics", "main.visits", "Build the dbt models first")),
    ("drop table weeks cascade", "weeks: the warehouse has what is declared", ("main.weeks", "main.visits")),
    ("drop table active", "active: the warehouse has what is declared", ("main.active", "main.visits")),
    ("alter table visits drop cost", "visits: the warehouse has what is declared",
     ("main.visits", "['cost']", "'patient_id', 'visited_at', 'stay_id', 'reason', 'clinic_id'", "Build the model")),
    ("alter table returns_14d rename returns to back", "returns_14d: the warehouse has what is declared",
     ("main.returns_14d", "['returns']", "'back'", "correct its YAML")),
    ("alter table visits alter visited_at type varchar", "visits: the warehouse has what is declared",
     ("main.visits", "'visited_at'", "VARCHAR", "not a timestamp", "Cast it")),
    ("alter table returns_14d alter cutoff type varchar", "returns_14d: the warehouse has what is declared",
     ("main.returns_14d", "'cutoff'", "VARCHAR", "not a timestamp", "Cast it")),
    ("alter table weeks alter data_end type varchar", "weeks: the warehouse has what is declared",
     ("main.weeks", "'data_end'", "VARCHAR", "['cutoff']", "Cast it")),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "name", "words"), SPOILT, ids=[sql for sql, _, _ in SPOILT])
def test_one_fault_fails_one_finding_that_says_what_and_how_to_mend_it(
    clinic: Hospital, sql: str, name: str, words: tuple[str, ...]
) -> None:
    clinic.sql(sql)
    failed = clinic.failed()
    assert list(failed) == [name]
    assert all(word in failed[name] for word in words), failed[name]


def test_references_that_match_exactly_half_the_rows_pass(clinic: Hospital) -> None:
    clinic.sql("update visits set clinic_id = 9 where stay_id < 20")
    assert clinic.failed() == {}


def test_null_references_count_neither_way(clinic: Hospital) -> None:
    clinic.sql("update visits set clinic_id = null where stay_id >= 1")
    assert clinic.failed() == {}


def test_an_event_at_now_is_not_after_it(clinic: Hospital) -> None:
    clinic.sql("update visits set visited_at = timestamp '2024-02-01' where stay_id = 7")
    assert clinic.failed() == {}


def test_a_window_that_ends_with_the_data_may_carry_a_label(clinic: Hospital) -> None:
    clinic.sql("update weeks set data_end = timestamp '2024-02-05'; update returns_14d set returns = 1")
    assert clinic.failed(datetime(2024, 2, 5)) == {}
    clinic.sql("update weeks set data_end = timestamp '2024-02-04 23:59:59'")
    assert list(clinic.failed(datetime(2024, 2, 5))) == ["returns_14d: no label before its window is over"]


def test_a_model_that_is_not_as_declared_is_asked_nothing_else_and_the_others_still_are(clinic: Hospital) -> None:
    clinic.sql("alter table visits alter visited_at type varchar; insert into clinics select * from clinics")
    check_results = clinic.check_results()
    assert [check_result.name for check_result in check_results if check_result.name.startswith("visits:")] == [
        "visits: the warehouse has what is declared"
    ]
    assert list(clinic.failed()) == ["clinics: keys are unique", "visits: the warehouse has what is declared"]


def test_dates_are_moments_and_case_does_not_matter(clinic: Hospital) -> None:
    clinic.sql('alter table visits alter visited_at type date; alter table visits rename cost to "Cost"')
    assert clinic.failed() == {}


def test_a_column_that_is_ignored_may_be_missing(clinic: Hospital) -> None:
    clinic.models["visits"]["columns"]["cost"]["config"] = {"meta": {"basemodel": {"type": "ignore"}}}
    clinic.sql("alter table visits drop cost")
    assert clinic.failed() == {}


def test_attributes_with_a_history_are_unique_per_key_and_moment(clinic: Hospital) -> None:
    clinic.models["clinics"]["config"]["meta"] = {
        "basemodel": {"attribute": {"key": "clinic_id", "valid_from": "since"}}
    }
    clinic.models["clinics"]["columns"]["since"] = {"name": "since", "data_type": "date"}
    clinic.sql("alter table clinics add column since date default date '2020-01-01'")
    clinic.sql("insert into clinics select clinic_id, town, beds, date '2021-01-01' from clinics")
    assert clinic.failed() == {}
    clinic.sql("update clinics set since = date '2020-01-01'")
    assert list(clinic.failed()) == ["clinics: keys are unique"]


def test_nothing_is_written(clinic: Hospital, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    before = path.read_bytes()
    clinic.check_results()
    assert path.read_bytes() == before
