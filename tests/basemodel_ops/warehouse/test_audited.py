"""What is read is on the allow-list and in the log; no value is."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from basemodel_ops.audit import AuditLog
from basemodel_ops.contract.types import Column, ColumnType, Contract, EventSource, Grid, Personal, Relation
from basemodel_ops.errors import AuditError, DataError, WarehouseError
from basemodel_ops.warehouse.accesses import accesses
from basemodel_ops.warehouse.audited import Audited, Published
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import (
    column_of,
    counts_by_cutoff_query,
    counts_query,
    entities_query,
    events_query,
    table_of,
)

VISITS = Relation(schema_name="behavior", name="visits")
WEEKS = Relation(schema_name="tasks", name="weeks")
NEW_YEAR = datetime(2024, 1, 1)
SECRET = "Sophia Loren"


def column(name: str, kind: ColumnType) -> Column:
    return Column(name=name, data_type="varchar", type=kind, inferred=False)


SOURCE = EventSource(
    name="visits", relation=VISITS, entity="patient", time="at", session=None,
    columns=(column("clinic", ColumnType.CATEGORY), column("phone", ColumnType.IGNORE)),
)  # fmt: skip
CONTRACT = Contract(
    entity="patient",
    events=(SOURCE,),
    attributes=(),
    tasks=(),
    grid=Grid(relation=WEEKS, cutoff="cutoff", data_end="data_end", start=date(2024, 1, 1), now=None),
    personal=(Personal(relation=VISITS, column="patient", purpose="planning of beds"),),
)
ROWS = pa.table(
    {
        "patient": [SECRET, "b", "c"],
        "at": pa.array([datetime(2023, 1, day) for day in (1, 2, 3)], pa.timestamp("us")),
        "clinic": ["x", "y", "y"],
        "phone": ["555", "556", "557"],
    }
)


@pytest.fixture
def audited(warehouse: DuckDBWarehouse, tmp_path: Path) -> Iterator[Audited]:
    warehouse.load(VISITS, ROWS)
    yield Audited(warehouse, AuditLog(tmp_path), CONTRACT, "run 1")
    AuditLog(tmp_path).verify()


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]


def test_a_read_is_logged_with_what_for_and_by_whom(audited: Audited, tmp_path: Path) -> None:
    query = events_query(SOURCE, ["clinic"], NEW_YEAR).where(column_of("patient").isin(SECRET, "b"))
    assert audited.read(query).num_rows == 2
    (entry,) = entries(tmp_path)
    assert (entry["action"], entry["run"], entry["rows"]) == ("read", "run 1", 2)
    assert datetime.fromisoformat(entry["at"]).tzinfo is not None
    assert entry["reads"] == [
        {
            "relation": "behavior.visits",
            "columns": ["at", "clinic", "patient"],
            "predicate": '"at" < CAST(\'2024-01-01 00:00:00\' AS TIMESTAMP) AND "patient" IN (?)',
            "purposes": {"patient": "planning of beds"},
        }
    ]
    assert SECRET not in (tmp_path / "audit.jsonl").read_text()


def test_a_stream_is_logged_before_its_first_batch_and_counted_at_its_end(audited: Audited, tmp_path: Path) -> None:
    stream = audited.batches(events_query(SOURCE, ["clinic"], NEW_YEAR), 2)
    assert not (tmp_path / "audit.jsonl").exists()
    first = next(stream)
    assert [entry["action"] for entry in entries(tmp_path)] == ["stream"]
    rest = sum(batch.num_rows for batch in stream)
    start, end = entries(tmp_path)
    assert (end["action"], end["of"], end["rows"], end["whole"]) == ("streamed", start["n"], 3, True)
    assert first.num_rows + rest == 3


def test_a_stream_that_is_left_says_how_far_it_came(audited: Audited, tmp_path: Path) -> None:
    stream = audited.batches(events_query(SOURCE, ["clinic"], NEW_YEAR), 1)
    seen = next(stream).num_rows
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert (entries(tmp_path)[-1]["rows"], entries(tmp_path)[-1]["whole"]) == (seen, False)


def test_a_fingerprint_is_logged_and_hands_no_row_out(audited: Audited, tmp_path: Path) -> None:
    audited.fingerprint(VISITS, ["patient", "at"])
    (entry,) = entries(tmp_path)
    assert (entry["action"], entry["rows"]) == ("fingerprint", 0)
    assert entry["reads"][0]["columns"] == ["at", "patient"]


@pytest.mark.parametrize(
    "sql",
    [
        "select phone from behavior.visits",
        "select patient from behavior.visits where phone = '555'",
        "select patient from behavior.visits order by phone",
        "select count(phone) as n from behavior.visits",
        "select phone as patient from behavior.visits",
        "select count(distinct v.phone) as n from behavior.visits as v",
        "select x from (select phone as x from behavior.visits) as inside",
        "with inside as (select phone as x from behavior.visits) select x from inside",
        "select patient from behavior.visits where clinic in (select phone from behavior.visits)",
        "select a.patient from behavior.visits as a join behavior.visits as b on a.phone = b.phone",
        "select patient from behavior.visits union select phone from behavior.visits",
        "select * from behavior.visits",
        "select visits.* from behavior.visits",
        "select undeclared from behavior.visits",
        "select cutoff from tasks.weeks where exists (select 1 from behavior.visits where phone = '5')",
        "select patient from behavior.visits where exists (select 1 from tasks.weeks where visits.phone = 'x')",
        "select patient from behavior.visits as v where 1 = (select max(1) from tasks.weeks where v.phone = 'x')",
        "select patient from behavior.visits where clinic = 'x' or patient in (select phone from behavior.visits)",
    ],
)
def test_a_column_off_the_allow_list_is_refused_however_it_is_asked_for(
    audited: Audited, tmp_path: Path, sql: str
) -> None:
    query = parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    for ask in (lambda: audited.read(query), lambda: list(audited.batches(query, 10))):
        with pytest.raises(WarehouseError, match=r"behavior\.visits may not be asked for .*purpose"):
            ask()
    assert not (tmp_path / "audit.jsonl").exists()


def test_a_fingerprint_of_a_withheld_column_is_refused(audited: Audited) -> None:
    with pytest.raises(WarehouseError, match=r"\['phone'\]"):
        audited.fingerprint(VISITS, ["patient", "phone"])


def test_names_that_a_query_gives_its_results_are_no_columns() -> None:
    query = counts_query(SOURCE, "clinic", NEW_YEAR)
    (result,) = accesses(query)
    assert result.columns == ("at", "clinic")
    (result,) = accesses(counts_query(SOURCE, "value", NEW_YEAR))  # a column that is named as the result is
    assert result.columns == ("at", "value")
    (result,) = accesses(entities_query(CONTRACT, NEW_YEAR))
    assert (result.relation, result.columns) == ("behavior.visits", ("at", "patient"))


def test_a_sample_is_logged_with_its_share_and_what_it_adds(audited: Audited, tmp_path: Path) -> None:
    also = exp.select(column_of("cutoff")).from_(table_of(WEEKS)).where(column_of("cutoff").eq(SECRET))
    audited.load(WEEKS, pa.table({"cutoff": ["b", SECRET]}))
    query = events_query(SOURCE, [], NEW_YEAR)
    assert audited.read(audited.sampled(query, "patient", 1e-12, also)).num_rows == 1
    assert audited.read(audited.shard(query, "patient", 0, 1)).num_rows == 3
    (sampled, shard) = entries(tmp_path)
    outer, inner = sampled["reads"]
    assert (outer["relation"], outer["columns"]) == ("behavior.visits", ["at", "patient"])
    assert 'SAMPLE("patient", 1e-12) OR "patient" IN (SELECT "cutoff"' in outer["predicate"]
    assert (inner["relation"], inner["columns"]) == ("tasks.weeks", ["cutoff"])
    assert inner["predicate"] == '"cutoff" = ?'
    assert shard["reads"][0]["predicate"].endswith('AND SHARD("patient", 0, 1)')
    assert SECRET not in (tmp_path / "audit.jsonl").read_text()


def test_entities_that_a_sample_adds_are_asked_for_what_is_allowed(audited: Audited, tmp_path: Path) -> None:
    also = exp.select(column_of("phone")).from_(table_of(VISITS))
    query = audited.sampled(events_query(SOURCE, [], NEW_YEAR), "patient", 0.5, also)
    with pytest.raises(WarehouseError, match=r"\['phone'\]"):
        audited.read(query)
    assert not (tmp_path / "audit.jsonl").exists()


def test_counts_per_cutoff_ask_for_two_columns() -> None:
    (result,) = accesses(counts_by_cutoff_query(WEEKS, "cutoff", "target", yes=exp.Literal.number(1)))
    assert (result.relation, result.columns) == ("tasks.weeks", ("cutoff", "target"))
    (result,) = accesses(counts_by_cutoff_query(WEEKS, "at"))
    assert result.columns == ("at",)


def test_what_is_written_batch_by_batch_is_in_the_ledger_and_not_in_the_log(audited: Audited, tmp_path: Path) -> None:
    table = pa.table({"part": ["x"], "value": [1]})
    scores = Relation(schema_name="answers", name="scores")
    for is_needed in (True, False):
        with audited.publication(scores, table.schema, {"part": "x"}, "one", "code", "run") as out:
            assert out.is_needed == is_needed
            if is_needed:
                out.append(table)
        assert out.is_written == is_needed
    assert not (tmp_path / "audit.jsonl").exists()
    with pytest.raises(WarehouseError, match="Rename it"):
        audited.publication(scores, pa.schema([("", pa.int64())]), {}, "one", "code", "run")


def test_what_was_published_is_noted_with_its_columns_and_rows(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    noted: dict[str, Published] = {}
    audited = Audited(warehouse, AuditLog(tmp_path), CONTRACT, "run 1", published=noted)
    scores = Relation(schema_name="answers", name="scores")

    def publish(part: str, rows: int, fails: bool = False) -> None:
        table = pa.table({"part": pa.array([part] * rows).dictionary_encode(), "value": list(range(rows))})
        with audited.publication(scores, table.schema, {"part": part}, "one", "code", "run") as out:
            if out.is_needed:
                out.append(table)
            if fails:
                raise DataError("half way")

    with pytest.raises(DataError):
        publish("x", 1, fails=True)
    assert noted == {}
    publish("x", 1)
    noted.clear()
    plain = pa.schema([("part", pa.string()), ("value", pa.int64())])
    for part, rows, result in (("x", 1, (1, 1)), ("y", 2, (3, 3))):  # the first was there already
        publish(part, rows)
        assert noted == {"answers.scores": Published(plain, *result)}
    noted.clear()
    publish("y", 2)
    assert noted == {"answers.scores": Published(plain, 2, 3)}


@pytest.mark.parametrize(
    "condition",
    [
        f"patient = '{SECRET}'",
        f"patient in ('{SECRET}', 'b')",
        f"patient like '%{SECRET}%'",
        f"lower(patient) = concat('{SECRET}', 'x')",
        f"case when patient = '{SECRET}' then 1 else 0 end = 1",
        f"patient between '{SECRET}' and '{SECRET}'",
        f"at = cast('{SECRET}' as timestamp)",
        f"at < cast('{SECRET}' as timestamp)",
        f"patient in (select patient from behavior.visits where clinic = '{SECRET}')",
    ],
)
def test_no_value_of_a_predicate_is_logged(condition: str) -> None:
    query = exp.select("patient").from_(table_of(VISITS)).where(condition, dialect="duckdb")
    predicates = [access.predicate or "" for access in accesses(query)]
    assert predicates
    assert SECRET not in " ".join(predicates)
    assert "?" in predicates[0]


def test_a_read_that_cannot_be_logged_hands_nothing_out(audited: Audited, tmp_path: Path) -> None:
    query = events_query(SOURCE, ["clinic"], NEW_YEAR)
    audited.read(query)
    log = tmp_path / "audit.jsonl"
    complete = log.read_bytes()
    log.write_bytes(b"")
    with pytest.raises(AuditError):
        audited.read(query)
    with pytest.raises(AuditError):
        next(iter(audited.batches(query, 1)))
    log.write_bytes(complete)


def test_rows_from_all_over_are_logged_with_their_share(audited: Audited, tmp_path: Path) -> None:
    audited.read(audited.drawn(VISITS, ["at"], ["patient", "at"], 0.5))
    audited.read(audited.drawn(VISITS, ["at"], ["patient", "at"], 0.5, apart=True))
    (plain, apart) = entries(tmp_path)
    assert plain["reads"][0]["columns"] == ["at", "patient"]
    assert plain["reads"][0]["predicate"] == 'DRAWN("patient", "at", 0.5)'
    assert [read["columns"] for read in apart["reads"]] == [["at", "patient"]]
    with pytest.raises(WarehouseError, match=r"\['phone'\]"):
        audited.read(audited.drawn(VISITS, ["at"], ["phone"], 0.5, apart=True))
