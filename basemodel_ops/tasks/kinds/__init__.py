"""Kinds of tasks with one answer: a module per type, under its name, which holds its `KIND`.

A type of task is one file here and its entry in `contract.task_types.FORMS`: nothing else asks which type a task is.
"""

import functools
import importlib

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds.base import TaskKind

__all__ = ["TaskKind", "kind_of"]


@functools.cache
def kind_of(task: TaskType) -> TaskKind:
    """The kind of a type of task with one answer."""
    return importlib.import_module(f"{__package__}.{task.value}").KIND
