"""What is wrong with the fields of a task's annotation, by the form of its type."""

from collections.abc import Iterator

from basemodel_ops.contract.declarations import TaskMeta
from basemodel_ops.contract.task_types import FORMS
from basemodel_ops.contract.types import NullTarget, OnWorse


def form_problems(meta: TaskMeta) -> Iterator[str]:
    """Fields that its type needs or does not have."""
    form, kind = FORMS[meta.type], meta.type.value
    absent = [name for name in form.needs if getattr(meta, name) is None]
    if absent:
        *first, last = (f"`{name}`" for name in form.needs)
        needed = f"{', '.join(first)} and {last}" if first else last
        article = "an" if kind[0] in "aeiou" else "a"
        yield f"{article} {kind} task needs {needed}. Add {absent} to its annotation."
    for role, name in meta.label_columns.items():
        if name in (meta.entity, meta.cutoff, meta.target):
            yield f"{role} {name!r} is also the entity, the cutoff or the target. Name a column of its own."
    for other_type, other in FORMS.items():
        given = [name for name in other.fields if name not in form.fields and getattr(meta, name)]
        if given:
            yield (
                f"{', '.join(given)} is given, but a {kind} task {other.owns}; only a {other_type.value} task does. "
                "Remove it."
            )
    if meta.within and meta.horizon is not None and meta.within[0] <= meta.horizon.days:
        yield (
            f"within {list(meta.within)} does not begin beyond the horizon of {meta.horizon.days} days, within which "
            "the chance is answered anyway. Name longer ones, or remove it."
        )
    if meta.metric is not None and meta.metric not in form.metrics:
        yield (
            f"metric {str(meta.metric)!r} is none that a {kind} task is chosen by. "
            f"It may be: {[str(metric) for metric in form.metrics]}. Name one, or remove `metric`."
        )
    if meta.on_worse is OnWorse.BASELINE and not form.metrics:
        yield f"on_worse is given, but a {kind} task has no baseline to publish. Remove it."
    if meta.null_target is NullTarget.LEAVE_OUT and not form.metrics:
        yield f"null_target is given, but rows of a {kind} task are items, and none is null. Remove it."
