"""Types, moments and orders as a dialect has them, beyond what sqlglot does; no client is loaded."""

from sqlglot import exp


def adapted(expression: exp.Expr, dialect: str) -> exp.Expr:
    """A copy of the expression that means the same in this dialect."""
    rule = RULES.get(dialect)
    return expression.copy() if rule is None else expression.transform(rule)


def _bigquery(node: exp.Expr) -> exp.Expr:
    """Moments are TIMESTAMP there, as dbt's `timestamp` is, wide decimals BIGNUMERIC, and nulls last as elsewhere."""
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.is_type("timestamp"):
        if isinstance(node.parent, exp.Binary):
            # A bare text is read as what it is compared with: a TIMESTAMP, a DATETIME or, at midnight, a DATE. A cast
            # would fit one of them, and a cast of the column would read all of its partitions.
            return exp.Literal.string(node.this.this.removesuffix(" 00:00:00"))
        return exp.cast(node.this.copy(), "timestamptz")
    if isinstance(node, exp.DataType):
        if node.is_type("timestamp", "timestamp_ntz"):
            return exp.DataType.build("timestamptz")
        if node.is_type("decimal") and len(node.expressions) == 2:
            precision, scale = (int(part.this.this) for part in node.expressions)
            if scale > 9 or precision - scale > 29:
                return exp.DataType.build(f"bignumeric({precision}, {scale})", dialect="bigquery")
    return _nulls_last(node)


def _databricks(node: exp.Expr) -> exp.Expr:
    """Moments are TIMESTAMP there, as dbt's are, and nulls last as elsewhere."""
    if isinstance(node, exp.DataType) and node.is_type("timestamp_ntz"):
        return exp.DataType.build("timestamptz")
    return _nulls_last(node)


def _nulls_last(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Order):
        return node
    given = [part if isinstance(part, exp.Ordered) else exp.Ordered(this=part.copy()) for part in node.expressions]
    parts = [exp.Ordered(this=part.this.copy(), desc=part.args.get("desc"), nulls_first=False) for part in given]
    return exp.Order(expressions=parts)


RULES = {"bigquery": _bigquery, "databricks": _databricks}
