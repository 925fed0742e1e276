"""Moments in the SQL of each warehouse: of numbers that count from 1970, and of years."""

from sqlglot import exp


def timestamp_of_column(column: exp.Column, ticks: int, dialect: str = "duckdb") -> exp.Expr:
    """A column as a timestamp in UTC; `ticks` as in `SeenColumn`."""
    if not ticks:
        return exp.cast(column, "timestamp")
    if dialect == "postgres":  # dbt's session is in UTC
        seconds = exp.Div(this=exp.cast(column, "double"), expression=exp.Literal.number(ticks))
        return exp.cast(exp.Anonymous(this="to_timestamp", expressions=[seconds]), "timestamp")
    # As doubles, which have microseconds until 2255: 32 bits hold seconds and not their microseconds.
    counted = exp.cast(
        exp.Mul(this=exp.cast(column, "double"), expression=exp.Literal.number(1_000_000 // ticks)), "bigint"
    )
    if dialect == "snowflake":
        return exp.Anonymous(this="to_timestamp_ntz", expressions=[counted, exp.Literal.number(6)])
    return exp.func("make_timestamp", counted, dialect="duckdb")


def middle_of_year(column: exp.Column, dialect: str = "duckdb") -> exp.Expr:
    """The first of July of a year; null where it is none that a date may have."""
    parts = [exp.cast(column, "int"), exp.Literal.number(7), exp.Literal.number(1)]
    name = "date_from_parts" if dialect == "snowflake" else "make_date"
    return exp.case().when(column.copy().between(1, 9999), exp.Anonymous(this=name, expressions=parts))
