"""Parts of a query's rows by a hash: shards and samples that hold the same entities everywhere, and any rows."""

import math
from collections.abc import Callable

from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.queries import column_of, table_of

PARTS = 1_000_000_007
"""A sample is made of whole parts. Prime, so that its shards are as even as those of all rows."""

CONDITION = "basemodel_said"
"""Under this name a condition carries, as its meta, what the audit log says in its place."""

NUMBER = "basemodel_number"
"""The column that tells equal rows apart."""


def remainder(number: exp.Expr, divisor: int) -> exp.Mod:
    """What is left of a number."""
    return exp.Mod(this=number, expression=exp.Literal.number(divisor))


def shard_of(query: exp.Select, hashed: exp.Expr, column: str, index: int, count: int) -> exp.Select:
    """The rows of one of `count` parts of all hashes of the column."""
    if not 0 <= index < count:
        raise ValueError(f"There is no shard {index} of {count}: they are counted from 0.")
    condition = exp.EQ(this=_part_of(hashed, count), expression=exp.Literal.number(index))
    return query.where(_in_words(condition, "SHARD", [column], index, count))


def sample_of(
    query: exp.Select, hashed: exp.Expr, column: str, share: float, also: exp.Select | None = None
) -> exp.Select:
    """The rows of the first `share` of all parts, and those whose column is among the one column of `also`."""
    if not 0 < share <= 1:
        raise ValueError(f"A sample is a share above 0 and up to 1 of the rows, not {share}.")
    if share == 1:
        return query
    # Rounded up, so that a larger share is never of fewer parts, and the smallest is not of none.
    bound = exp.Literal.number(math.ceil(share * PARTS))
    within = exp.LT(this=_part_of(hashed, PARTS), expression=bound)
    condition = _in_words(within, "SAMPLE", [column], share)
    if also is not None:
        condition = exp.or_(condition, column_of(column).isin(query=also))
    return query.where(condition)


def drawn_from(
    relation: Relation,
    columns: list[str],
    by: list[str],
    share: float,
    hashed: Callable[[list[str]], exp.Expr],
    apart: bool,
) -> exp.Select:
    """`columns` of the rows whose columns `by` hash into the first `share` of all parts; see `Warehouse.drawn`."""
    if not 0 < share <= 1:
        raise ValueError(f"A sample is a share above 0 and up to 1 of the rows, not {share}.")
    query, source = exp.select(*map(column_of, columns)), table_of(relation)
    if share == 1:
        return query.from_(source)
    if not apart:
        drawn, query = by, query.from_(source)
    else:
        # By the hash, since not every warehouse has partitions by fractions.
        order = exp.Order(expressions=[hashed(by)])
        number = exp.Window(this=exp.func("row_number"), partition_by=[hashed(by)], order=order)
        names = list(dict.fromkeys([*columns, *by]))
        rows = exp.select(*map(column_of, names), exp.alias_(number, NUMBER, quoted=True)).from_(source)
        drawn, query = [*by, NUMBER], query.from_(rows.subquery("numbered", copy=False))
    bound = exp.Literal.number(math.ceil(share * PARTS))
    within = exp.LT(this=_part_of(hashed(drawn), PARTS), expression=bound)
    return query.where(_in_words(within, "DRAWN", drawn, share))


def _part_of(hashed: exp.Expr, count: int) -> exp.Abs:
    """To which of `count` parts a hash belongs, from 0."""
    return exp.Abs(this=remainder(hashed, count))


def _in_words(condition: exp.Expr, name: str, columns: list[str], *numbers: float) -> exp.Expr:
    arguments = [*map(column_of, columns), *map(exp.Literal.number, numbers)]
    condition.meta[CONDITION] = exp.Anonymous(this=name, expressions=arguments)
    return condition
