"""What a partition of a table holds, counted in the warehouse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of


@dataclass(frozen=True)
class Counts:
    """Rows of a partition, the entities they are about, keys that stand again, and values out of bounds."""

    rows: int
    entities: int
    repeated: int
    outside: int


def count_partition(
    warehouse: Warehouse, relation: Relation, as_of: datetime, key: Sequence[str], value: str, low: float, high: float,
    about: int = 1,
) -> Counts:  # fmt: skip
    """Count the partition of a week.

    Args:
        warehouse: Where it is.
        relation: The table.
        as_of: The week.
        key: Columns of which no two rows may have the same, that of the entity first.
        value: A column of numbers that lie from `low` to `high` and are never null.
        low: The least.
        high: The largest.
        about: So many of the first columns of the key say whom a row is about: 2 where that is an entity at a moment.
    """
    part = exp.select(*map(column_of, [*key, value])).from_(table_of(relation))
    part = part.where(column_of("as_of").eq(timestamp_of(as_of)))
    # What is not a number is beyond all numbers in every warehouse.
    inside = exp.Between(this=column_of(value), low=exp.convert(low), high=exp.convert(high))
    outside = exp.Case(ifs=[exp.If(this=inside, true=exp.convert(0))], default=exp.convert(1))
    counts = [exp.Count(this=exp.Star()), exp.Sum(this=outside)]
    ask = exp.select(
        *(exp.alias_(count, name, quoted=True) for count, name in zip(counts, ("rows", "outside"), strict=True))
    )
    rows, wrong = (int(column[0].as_py() or 0) for column in warehouse.read(ask.from_(part.subquery("part"))).columns)

    def distinct(columns: Sequence[str]) -> int:
        keys = part.copy().select(*map(column_of, columns), append=False).distinct().subquery("keys")
        once = exp.alias_(exp.Count(this=exp.Star()), "keys", quoted=True)
        return int(warehouse.read(exp.select(once).from_(keys)).column(0)[0].as_py())

    return Counts(rows, distinct(key[:about]), rows - distinct(key), wrong)
