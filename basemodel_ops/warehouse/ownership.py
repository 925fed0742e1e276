"""Whose answers a schema holds: one dbt project and one target, so that no other replaces them without a word."""

import pyarrow as pa

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query


def owner_relation(schema: str) -> Relation:
    """Where it stands whose answers a schema holds: one row, column `owner`."""
    return Relation(schema_name=schema, name="owner")


def check_owner(warehouse: Warehouse, schema: str, owner: str) -> bool:
    """Whether a schema of answers is already known to be the owner's, `project/target`.

    Raises:
        WarehouseError: it holds answers of another project or target.
    """
    relation = owner_relation(schema)
    if not warehouse.exists(relation):
        return False
    known = warehouse.read(rows_query(relation, ["owner"])).column(0).to_pylist()
    if owner not in known:
        target = owner.rpartition("/")[2]
        raise WarehouseError(
            f"The schema {schema!r} of this warehouse holds answers and a ledger of {' and '.join(known)}, and this is "
            f"{owner}: it would replace them. Give this target a schema of its own, BASEMODEL_ANSWERS_SCHEMA="
            f"{schema}_{target}. Where the target or the project was only renamed, drop the table {relation} and run "
            "again."
        )
    return True


def claim(warehouse: Warehouse, schema: str, owner: str) -> None:
    """Note whose answers a schema holds, before the first are written; see `check_owner`.

    Whoever has no name owns nothing.
    """
    if owner and not check_owner(warehouse, schema, owner):
        warehouse.load(owner_relation(schema), pa.table({"owner": [owner]}))
