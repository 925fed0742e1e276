"""Stage tables: what is on its way into a table, in a table of its own beside it."""

import re
import secrets
from datetime import UTC, datetime

from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.queries import table_of
from basemodel_ops.warehouse.session import Session

STAGE = "basemodel_stage_"
STAGE_NAME = re.compile(rf"{STAGE}(\d{{14}})_[0-9a-f]{{8}}", re.IGNORECASE)


def new_stage(schema_name: str) -> Relation:
    """A name for a stage table that says when it was made; short, since PostgreSQL cuts names at 63 bytes."""
    return Relation(schema_name=schema_name, name=f"{STAGE}{datetime.now(UTC):%Y%m%d%H%M%S}_{secrets.token_hex(4)}")


def stage_age(stage: Relation) -> float:
    """Seconds since a stage table was made."""
    match = STAGE_NAME.fullmatch(stage.name)
    if not match:
        raise ValueError(f"{stage} is no stage table.")
    created = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return (datetime.now(UTC) - created).total_seconds()


def sweep(session: Session, schema_name: str) -> list[Relation]:
    """Drop the stage tables of writers that are gone; returns them."""
    stages = [relation for relation in session.relations(schema_name) if STAGE_NAME.fullmatch(relation.name)]
    gone = [relation for relation in stages if session.is_abandoned(relation)]
    for stage in gone:
        drop(session, stage)
    return gone


def drop(session: Session, stage: Relation) -> None:
    """Drop a table if it is there."""
    session.rows(exp.Drop(tables=[table_of(stage)], kind="TABLE", exists=True))
