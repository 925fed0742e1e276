"""Which columns of tables of answers come from which, as far as the contract says: who, when and what, not how much."""

from collections.abc import Iterable

import dagster as dg

from basemodel_ops.contract.answers import published_name
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Relation, Task
from dagster_project.lib.project import Project

Lineage = dict[str, list[dg.TableColumnDep]]


def of_population(project: Project, tasks: Iterable[Task]) -> Lineage:
    """Entity and cutoff of everyone whom some tasks ask about."""
    grid, results = project.contract.grid, Lineage()
    for task in tasks:
        population = task.population or task.relation
        moment = _column(project, population, task.cutoff)
        results.setdefault(project.contract.entity, []).append(_column(project, population, task.entity))
        results.setdefault("as_of", []).append(
            _column(project, grid.relation, grid.cutoff) if task.has_row_cutoffs else moment
        )
    return {name: _once(deps) for name, deps in results.items()}


def of_scores(project: Project, task: Task) -> Lineage:
    """Columns of a score table: whom the task asks about and when, and what its classes, labels or items are."""
    results = of_population(project, [task])
    target = _column(project, task.relation, task.target)
    if task.has_row_cutoffs:
        results["moment"] = [_column(project, task.population or task.relation, task.cutoff)]
    if task.form.shape is Shape.ITEMS and task.predicts is not None:
        source = project.contract.event(task.predicts.source)
        results["item"] = [_column(project, source.relation, task.predicts.column)]
    return results | {name: [target] for name in task.form.group}


def of_values(project: Project, column: str, sources: Iterable[str]) -> Lineage:
    """The column of a table of vectors: the values of that column in some event sources."""
    above = [_column(project, project.contract.event(source).relation, column) for source in sources]
    return {published_name(column): above}


def from_scores(scores: dg.AssetKey, task: Task, answer: bool = False) -> Lineage:
    """Columns of a table that is made from a score table: whose rows they are, of which class or label, and as `score`
    the `answer` compared."""
    names = {name: name for name in (task.entity, "as_of", "moment", "class", "item")}
    if task.form.group:
        names["label"] = task.form.group[0]
    names |= {"score": task.form.answer} if answer else {}
    return {name: [dg.TableColumnDep(scores, above)] for name, above in names.items()}


def _column(project: Project, relation: Relation, name: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(project.key(relation), name)


def _once(deps: list[dg.TableColumnDep]) -> list[dg.TableColumnDep]:
    return list({(dep.asset_key, dep.column_name): dep for dep in deps}.values())
