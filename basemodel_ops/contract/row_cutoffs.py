"""What may be declared of a task whose rows are at moments of their own: each claim, each log-in, each event."""

from collections.abc import Iterator

from basemodel_ops.contract.declarations import TaskMeta
from basemodel_ops.contract.types import METRICS_OF, Moments


def row_cutoff_problems(meta: TaskMeta) -> Iterator[str]:
    """What is wrong with `moments` and `known` of a task, each with the way out."""
    if meta.moments is Moments.GRID:
        if meta.known is not None:
            yield (
                f"known {meta.known!r} is given, but the labels of a task at the cutoffs of the grid are known when "
                "its window is over. Add `moments: own`, or remove it."
            )
        return
    if meta.type not in METRICS_OF:
        yield (
            f"a {meta.type.value} task cannot have moments of its own, which only tasks with one answer may: "
            f"{', '.join(METRICS_OF)}. Ask it at the cutoffs of the grid, without `moments`, or ask for one answer."
        )
    elif meta.population is not None:
        yield "`population` is given, but the rows of a task with moments of its own are those of its model. Remove it."
    if (meta.horizon is None) == (meta.known is None):
        given = "both are" if meta.horizon else "neither is"
        yield (
            "with `moments: own` a label is known after a `horizon` or at the moment in the column `known`, and "
            f"{given} given. Give one of them."
        )
    if meta.known is not None and meta.known in (meta.cutoff, meta.entity, meta.target):
        yield (
            f"known {meta.known!r} is also the entity, the cutoff or the target. Name the column of the moment at "
            "which the label is known, which is after the row's own."
        )
    if meta.known is not None and meta.predicts is not None:
        yield (
            "`predicts` asks for what happens in a window, whose labels are known after a `horizon`. Give that in the "
            "place of `known`, or remove `predicts`."
        )
