"""What is foreseen of each source: how much happens, how large it is, of what, and when."""

from dataclasses import dataclass

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Contract
from basemodel_ops.encoders import track_names
from basemodel_ops.encoders.time import HOURS, WEEKDAYS
from basemodel_ops.representation import SourcePlan
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.insight.profiles import personal

ITEMS = 1000
"""Items of a column that are told apart; all others, and those never seen in training, are one."""


@dataclass(frozen=True)
class Line:
    """Something of a source that is foreseen."""

    source: str
    column: str
    """Empty of the number of events and of days with any."""
    kind: str
    """`events`, `days`, `amount`, `item`, `hour` or `weekday`."""
    track: str = ""
    size: int = 0
    """Cells of an item, an hour or a weekday; the last of items is that of all others."""


def lines_of(contract: Contract, store: ArtifactStore, plans: list[SourcePlan]) -> list[Line]:
    """All that is foreseen of the sources, but for personal columns: what is odd is published."""
    hidden, results = personal(contract), []
    for plan in plans:
        encoder, time = EncoderArtifact.current(store, plan.name), contract.event(plan.name).time
        results += [Line(plan.name, "", kind) for kind in ("events", "days")]
        results += [Line(plan.name, number, "amount") for number in plan.numbers]
        for column in plan.top_items:
            size = min(encoder.size(column), ITEMS) + 1
            results.append(Line(plan.name, column, "item", column, size))
        for kind, row in (("hour", HOURS), ("weekday", WEEKDAYS)):
            track = track_names(time, 3)[row]
            if track in plan.cells:
                results.append(Line(plan.name, time, kind, track, plan.cells[track]))
    return [line for line in results if (line.source, line.column) not in hidden]
