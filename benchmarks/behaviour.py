"""What the entities of a trained home did before and after a week, as numbers and items of any event source."""

import argparse
from dataclasses import dataclass
from datetime import timedelta

import duckdb
import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Contract, Relation
from basemodel_ops.stages.insight.week import Week


def add_options(parser: argparse.ArgumentParser) -> None:
    """What is money, an item and a question; that of the demo unless given."""
    parser.add_argument("--source", default="purchases", help="Events.")
    parser.add_argument("--amount", default="sales_value", help="A number of these.")
    parser.add_argument("--item", default="product_id.product_category", help="A category of these, or of its items.")
    parser.add_argument("--task", default="churn_28d", help="A binary one, whose yes are seeds too.")


def quoted(name: str | Relation) -> str:
    """A column or a table, as DuckDB reads it."""
    parts = [name.schema_name, name.name] if isinstance(name, Relation) else [name]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


@dataclass(frozen=True)
class Behaviour:
    """Events of the entities, as SQL: what each is worth, of which kind it is, and who answers a question with yes."""

    entity: str
    events: str
    """A query with the columns `entity`, `time`, `visit`, `amount` and `item`."""
    yes: str
    """A query of the entities whose answer at `$as_of` is yes."""
    question: str

    @classmethod
    def chosen(cls, contract: Contract, options: argparse.Namespace) -> "Behaviour":
        """What the options of `add_options` name."""
        return cls.of(contract, options.source, options.amount, options.item, options.task)

    @classmethod
    def of(cls, contract: Contract, source: str, amount: str, item: str, task: str) -> "Behaviour":
        """Of an event source with a number and a category (or `item.attribute`), and of a binary task."""
        event, question = contract.event(source), contract.task(task)
        (column, attribute), relation = event.resolve(item), quoted(event.relation)
        kind, attributes = f"events.{quoted(column.name)}", ""
        if attribute:
            about = contract.attribute(column.references or "")
            attributes = f" join {quoted(about.relation)} facts on {kind} = facts.{quoted(about.key)}"
            kind = f"facts.{quoted(attribute)}"
        visit = f"events.{quoted(event.session)}" if event.session else "events.rowid"
        return cls(
            contract.entity,
            f"select events.{quoted(event.entity)} as entity, events.{quoted(event.time)} as time, {visit} as visit, "
            f"events.{quoted(amount)} as amount, {kind} as item from {relation} events{attributes}",
            f"select {quoted(question.entity)} as entity, {quoted(question.target)}::int as yes "
            f"from {quoted(question.relation)} where {quoted(question.cutoff)} = $as_of",
            task,
        )


def recency_frequency_money(
    connection: duckdb.DuckDBPyConnection, week: Week, behaviour: Behaviour
) -> np.ndarray:  # fmt: skip
    """Logs of days since the last event, visits and amount before a week, standardised, (entities, 3)."""
    table = columns_by_entity(
        connection, week,
        f"""select entity, date_diff('day', max(time), $as_of) as recency, count(distinct visit) as frequency,
            sum(amount) as money
        from ({behaviour.events}) where time < $as_of group by entity""",
        {"as_of": week.as_of},
    )  # fmt: skip
    logs = np.stack([np.log1p(np.maximum(table[name], 0)) for name in ("recency", "frequency", "money")], axis=1)
    return (logs - logs.mean(axis=0)) / logs.std(axis=0)


def register_entities(connection: duckdb.DuckDBPyConnection, week: Week) -> None:
    """Let queries read the entities of a week as `asked`: `entity` and `place`."""
    connection.register("asked", pa.table({"entity": week.entities.values, "place": np.arange(len(week))}))


def columns_by_entity(
    connection: duckdb.DuckDBPyConnection, week: Week, query: str, values: dict
) -> dict[str, np.ndarray]:
    """Columns of a query by `entity`, one row per entity of a week in its order; 0 where there is none."""
    register_entities(connection, week)
    result = connection.execute(
        f"select answer.* exclude (entity) from asked left join ({query}) answer using (entity) order by place", values
    ).fetchnumpy()
    return {name: np.ma.filled(np.ma.asarray(column).astype(np.float64), 0) for name, column in result.items()}


def events_after(
    connection: duckdb.DuckDBPyConnection, week: Week, behaviour: Behaviour, days: int
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """What each entity did in the days after: amount and events per item, (entities, items)."""
    register_entities(connection, week)
    rows = connection.execute(
        f"""select place, item, sum(amount) as value, count(*) as number
        from asked join ({behaviour.events}) using (entity)
        where time >= $as_of and time < $until and item is not null group by all order by all""",
        {"as_of": week.as_of, "until": week.as_of + timedelta(days=days)},
    ).fetchnumpy()
    items, code = np.unique(np.ma.filled(rows["item"].astype(str), ""), return_inverse=True)
    value, number = (np.zeros((len(week), len(items))) for _ in range(2))
    value[rows["place"], code], number[rows["place"], code] = np.ma.filled(rows["value"], 0), rows["number"]
    return value, number
