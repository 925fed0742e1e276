"""Readers and writers at the same time, and writes that fail half-way."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError, WarehouseError
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of
from basemodel_ops.warehouse.session import Session
from basemodel_ops.warehouse.sql import SqlWarehouse

from .locations import SCORES, Location, Outcome, is_whole, publish, seen, turn_rows

COUNT = 200
ITEMS = Relation(schema_name="raw", name="things")


def reruns(location: Location, times: int) -> Outcome:
    """Written again and again with the same rows: one content."""
    with location.open() as warehouse:
        result = []
        for turn in range(times):
            rows = turn_rows(7, COUNT)
            warehouse.publish(SCORES, rows, {"as_of": rows.column("as_of")[0].as_py()}, f"{turn}", "code", "run")
            result.append(warehouse.fingerprint(SCORES, ["as_of", "client", "score"]))
    return Outcome("rerun: identical content hash", location.kind, times, times - result.count(result[0]))


def polling(location: Location, publishes: int) -> Outcome:
    """A reader that polls sees one whole turn each time; `tried` counts its looks."""
    looks: list[tuple[int, set[float]]] = []
    done = threading.Event()
    with location.open() as warehouse:
        publish(warehouse, 0, COUNT)

        def poll() -> None:
            while not done.is_set():
                looks.append(seen(warehouse))

        reader = threading.Thread(target=poll)
        reader.start()
        try:
            for turn in range(1, publishes + 1):
                publish(warehouse, turn, COUNT)
        finally:
            done.set()
            reader.join(60)
    bad = sum(len(turns) != 1 or rows != COUNT + sum(turns) for rows, turns in looks)
    assert len({turn for _, turns in looks for turn in turns}) > publishes / 10
    return Outcome(f"a reader polls through {publishes} publishes", location.kind, len(looks), bad)


def two_writers(location: Location, times: int) -> Outcome:
    """Two at once write one partition: one of the two is there, and the ledger says which."""
    with location.open() as warehouse:
        publish(warehouse, 0, COUNT)
        barrier, bad, errors = threading.Barrier(2), 0, []

        def write(turn: int) -> None:
            barrier.wait(60)
            try:
                publish(warehouse, turn, COUNT)
            except WarehouseError as error:  # a writer may be turned away, with all as it was
                errors.append(error)

        for number in range(times):
            turns = 2 * number + 1, 2 * number + 2
            threads = [threading.Thread(target=write, args=(turn,)) for turn in turns]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            failed = len(errors)
            errors.clear()
            bad += failed == 2 or not is_whole(warehouse, set(turns), COUNT)
    return Outcome("two writers of one partition", location.kind, times, bad)


def failed_inserts(location: Location, times: int) -> Outcome:
    """The warehouse refuses the insert after the delete: the old rows and their ledger row stay."""
    bad = 0
    with location.open() as warehouse, pytest.MonkeyPatch.context() as patch:
        publish(warehouse, 0, COUNT)
        for turn in range(1, times + 1):
            patch.setattr(warehouse.session, "rows", refusing(warehouse.session.rows))
            try:
                publish(warehouse, turn, COUNT)
                bad += 1
            except WarehouseError as error:
                bad += "as it was" not in str(error)
            patch.undo()
            bad += not is_whole(warehouse, {0}, COUNT)
    return Outcome("a failed insert after the delete", location.kind, times, bad)


def refusing(rows: Callable[[Session, exp.Expr], list[Any]]) -> Callable[[Session, exp.Expr], list[Any]]:
    """Statements as they are, but inserts into the score table: a text that is no number is put into a number."""

    def changed(session: Session, expression: exp.Expr) -> list[Any]:
        if isinstance(expression, exp.Insert) and expression.this.find(exp.Table).name == SCORES.name:
            expression = expression.copy()
            for column in expression.expression.selects:
                if column.name == "score":
                    column.replace(exp.cast(exp.Literal.string("no number"), "double"))
        return rows(session, expression)

    return changed


def changes_during_reads(location: Location, times: int) -> Outcome:
    """A source that changes while it is read is named, and nothing is taken for whole."""
    bad = 0
    with location.open() as warehouse:
        for turn in range(times):
            warehouse.load(ITEMS, turn_rows(turn, 5_000).select(["client", "score"]))
            batches = warehouse.batches(rows_query(ITEMS, ["client", "score"]), 500)
            next(batches)
            change(warehouse, turn)
            try:
                list(batches)
                bad += 1
            except DataError as error:
                bad += str(ITEMS) not in str(error)
    return Outcome("a source table changes during the read", location.kind, times, bad)


def change(warehouse: SqlWarehouse, turn: int) -> None:
    """One row less, or one row other."""
    entry = column_of("client").eq(turn)
    with warehouse._session() as session:
        session.rows(exp.delete(table_of(ITEMS)).where(entry))
        if turn % 2:
            columns = [exp.to_identifier(name, quoted=True) for name in ("client", "score")]
            other = exp.select(exp.Literal.number(turn), exp.Literal.number(0.5))
            session.rows(exp.insert(other, table_of(ITEMS), columns=columns))
