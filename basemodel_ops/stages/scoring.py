"""Stages after the fit: the evaluation report, and the scores that go back into the warehouse."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, Draft, version_of
from basemodel_ops.code import code_version
from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.checkpoint import Checkpoint
from basemodel_ops.stages.labels import Rows, pair_views, population, single_views
from basemodel_ops.stages.plots import candidate_bars
from basemodel_ops.stages.recommending import recommend
from basemodel_ops.stages.rows import Examples
from basemodel_ops.stages.workspace import Workspace, to_datetime, to_microseconds
from basemodel_ops.tasks.metrics import PRIMARY
from basemodel_ops.tasks.multilabel import PairModel
from basemodel_ops.tasks.reranking import TOP
from basemodel_ops.tasks.single import load_heads
from basemodel_ops.warehouse.base import Warehouse


def task_evaluation(ws: Workspace, task: str) -> Report:
    """Metrics of every candidate on the test cutoffs."""
    fitted = ws.current(f"{task}/model")

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        metrics = fitted.json("metrics")
        test, shipped = metrics["test"], metrics["shipped"]
        noise = fitted.json("noise")["against_baseline"] if "noise.json" in fitted.names else 0.0
        metric = PRIMARY[ws.contract.task(task).type]
        numbers: dict[str, float | int | str] = {
            "shipped": shipped, "metric": metric, "shipped_value": round(test[shipped][metric], 5),
            "baseline": "baseline", "baseline_value": round(test["baseline"][metric], 5), "noise": round(noise, 5),
        }  # fmt: skip
        for name, values in test.items():
            numbers |= {f"{name}: {key}": round(value, 5) for key, value in values.items()}
        draft.json("metrics", metrics)
        return numbers, {"candidates": candidate_bars({name: values[metric] for name, values in test.items()}, metric)}

    return ws.made(f"{task}/evaluation", [fitted.version], fill)


def score_relation(task: str) -> Relation:
    """Where the scores of a task are written."""
    return Relation(schema_name="basemodel", name=f"{task}_scores")


def rows_to_score(ws: Workspace, warehouse: Warehouse, task: Task, as_of: datetime) -> Rows:
    """Rows at `as_of`; of a trait those without a known answer.

    Raises:
        DataError: there are none.
    """
    rows = population(warehouse, task, ws.times(warehouse))
    chosen = rows.cutoff == to_microseconds(as_of)
    if task.horizon is None:
        chosen &= rows.part == "open"
    if not chosen.any():
        newest = to_datetime(int(rows.cutoff.max()))
        raise DataError(
            f"Task {task.name} has no rows to score as of {as_of:%Y-%m-%d}. Its cutoffs end at {newest:%Y-%m-%d}. "
            "Score one of its cutoffs, or bring newer events into the warehouse."
        )
    return rows.take(np.flatnonzero(chosen))


def _texts(fitted: Artifact, recipe: dict) -> dict[str, str]:
    return {name: fitted.text(name) for name in recipe["texts"]}


def _answers(ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows, as_of: datetime) -> pa.Table:
    """The answer table without its bookkeeping columns."""
    fitted = ws.current(f"{task.name}/model")
    recipe = fitted.json("recipe")
    if task.type is TaskType.RECOMMENDATION and task.predicts is not None:
        items, values = recommend(ws, warehouse, task, rows, fitted, TOP)
        return ranked(task, rows, items, values)
    examples = Examples(ws.current(f"entity_representation/{as_of:%Y-%m-%d}"))
    place = examples.locate(rows.entity, rows.cutoff)
    if (place < 0).any():
        raise DataError(
            f"{(place < 0).sum()} of {len(place)} rows of {task.name} as of {as_of:%Y-%m-%d} name a "
            f"{task.entity} without events before that moment. Restrict the task to entities with events."
        )
    checkpoint = Checkpoint(ws)
    if task.type is TaskType.MULTILABEL:
        labels = fitted.table("labels").column("label").combine_chunks()
        pairs = PairModel.restore(recipe["kind"], (fitted.arrays("heads"), _texts(fitted, recipe)))
        scores = pairs.predict(pair_views(ws, examples, checkpoint, place, task, labels))
        best = np.argsort(-scores, axis=1, kind="stable")
        return ranked(task, rows, labels.take(pa.array(best.ravel())), np.take_along_axis(scores, best, axis=1))
    arrays = fitted.arrays("heads") if recipe["arrays"] else {}
    heads = load_heads(task.type, tuple(recipe["parts"]), (arrays, _texts(fitted, recipe)))
    answer = heads.predict(single_views(examples, checkpoint, place, task))
    if task.type is TaskType.MULTICLASS:
        names = pa.array(recipe["classes"])
        chosen = {"class": names.take(pa.array(answer.argmax(1))), "probability": answer.max(1)}
        return pa.table({task.entity: rows.entity, **chosen})
    return pa.table({task.entity: rows.entity, "score" if task.type is TaskType.BINARY else "prediction": answer})


def ranked(task: Task, rows: Rows, items: pa.Array, scores: np.ndarray) -> pa.Table:
    """The answer table of items (rows x width) and their scores (rows, width), the best first."""
    count, width = scores.shape
    owner = pa.array(np.repeat(np.arange(count), width))
    rank = np.tile(np.arange(1, width + 1, dtype=np.int32), count)
    return pa.table(
        {task.entity: rows.entity.take(owner), "item": items, "score": scores.ravel().astype(float), "rank": rank}
    )


def task_scores(ws: Workspace, task: str, as_of: datetime, run_id: str) -> Report:
    """Score the rows at `as_of` and replace that partition in the warehouse, unless it is there already."""
    declared = ws.contract.task(task)
    fitted = ws.current(f"{task}/model")
    representation = ws.current(f"entity_representation/{as_of:%Y-%m-%d}")
    with ws.warehouse() as warehouse:
        rows = rows_to_score(ws, warehouse, declared, as_of)
        mark = warehouse.fingerprint(declared.population or declared.relation, [declared.entity, declared.cutoff])
        offers = declared.offers and warehouse.fingerprint(declared.offers, [declared.target, declared.cutoff])
        version = version_of("scores", task, as_of, fitted.version, representation.version, mark, offers)
        table = stamped(_answers(ws, warehouse, declared, rows, as_of), as_of, fitted.version, run_id)
        written = warehouse.publish(score_relation(task), table, {"as_of": as_of}, version, code_version(), run_id)
    count = table.num_rows
    ws.log(f"{count} rows of {task}_scores as of {as_of:%Y-%m-%d} " + ("are written" if written else "were there"))
    return Report(version, not written, {"rows": count, "entities": len(rows.cutoff), "written": int(written)})


def stamped(answers: pa.Table, as_of: datetime, model_version: str, run_id: str) -> pa.Table:
    """The answers with the columns that every answer table ends with, and `as_of` after the entity."""
    count = answers.num_rows
    table = answers.add_column(1, "as_of", pa.repeat(pa.scalar(as_of, pa.timestamp("us")), count))
    for name, value in (("model_version", model_version), ("run_id", run_id)):
        table = table.append_column(name, pa.repeat(pa.scalar(value), count))
    stamp = pa.scalar(datetime.now(UTC).replace(tzinfo=None), pa.timestamp("us"))
    return table.append_column("scored_at", pa.repeat(stamp, count))
