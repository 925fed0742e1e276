"""The check of a ranked audience."""

from datetime import datetime

from basemodel_ops.report import CheckResult
from basemodel_ops.stages.checks.partitions import count_partition
from basemodel_ops.stages.insight.audiences import audience_relation, seeds_of, why_none
from basemodel_ops.stages.insight.week import Week
from basemodel_ops.stages.workspace import Workspace


def check_audience(ws: Workspace, name: str, as_of: datetime) -> CheckResult:
    """Everyone of the week who is no seed stands once, with a probability."""
    week, declared = Week(ws.store, as_of), ws.contract.audience(name)
    with ws.warehouse() as warehouse:
        seeds, unknown = seeds_of(warehouse, week, declared)
        relation = audience_relation(name, ws.settings.answers_schema)
        counts = count_partition(warehouse, relation, as_of, [declared.entity], "score", 0, 1)
    others = 0 if why_none(name, seeds, unknown) else int((~seeds).sum())
    passed = counts.rows == counts.entities == others and not (counts.repeated or counts.outside)
    text = (
        f"{counts.rows} rows for {counts.entities} of {others} entities that are no seeds; {counts.repeated} stand "
        "twice, "
        f"{counts.outside} scores out of range."
    )
    return CheckResult("everyone_else_is_ranked", passed, text, {"rows": counts.rows})
