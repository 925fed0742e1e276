"""Parts of a query's rows by a hash of one column: shards, and samples that hold the same entities everywhere."""

import math

from sqlglot import exp

from basemodel_ops.warehouse.queries import column_of

PARTS = 1_000_000_007
"""A sample is made of whole parts. Prime, so that its shards are as even as those of all rows."""

CONDITION = "basemodel_said"
"""Under this name a condition carries, as its meta, what the audit log says in its place."""


def remainder(number: exp.Expr, divisor: int) -> exp.Mod:
    """What is left of a number."""
    return exp.Mod(this=number, expression=exp.Literal.number(divisor))


def shard_of(query: exp.Select, hashed: exp.Expr, column: str, index: int, count: int) -> exp.Select:
    """The rows of one of `count` parts of all hashes of the column."""
    if not 0 <= index < count:
        raise ValueError(f"There is no shard {index} of {count}: they are counted from 0.")
    condition = exp.EQ(this=_part_of(hashed, count), expression=exp.Literal.number(index))
    return query.where(_in_words(condition, "SHARD", column, index, count))


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
    condition = _in_words(within, "SAMPLE", column, share)
    if also is not None:
        condition = exp.or_(condition, column_of(column).isin(query=also))
    return query.where(condition)


def _part_of(hashed: exp.Expr, count: int) -> exp.Abs:
    """To which of `count` parts a hash belongs, from 0."""
    return exp.Abs(this=remainder(hashed, count))


def _in_words(condition: exp.Expr, name: str, column: str, *numbers: float) -> exp.Expr:
    arguments = [column_of(column), *map(exp.Literal.number, numbers)]
    condition.meta[CONDITION] = exp.Anonymous(this=name, expressions=arguments)
    return condition
