"""What the ledger says that a week of a table of answers is made from."""

from datetime import datetime

from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.partition import Partition
from basemodel_ops.warehouse.queries import column_of, table_of


def made_from(warehouse: Warehouse, relation: Relation, as_of: datetime) -> list[str]:
    """The input hash and the code version of a partition; empty where nothing is published of that week."""
    if not warehouse.exists(warehouse.ledger):
        return []
    entry = Partition(relation, {"as_of": as_of}, "", "", "").entry
    query = exp.select(column_of("input_hash"), column_of("code_version")).from_(table_of(warehouse.ledger))
    return [str(value) for row in warehouse.read(query.where(entry)).to_pylist() for value in row.values()]
