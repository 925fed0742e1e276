"""The stage of audiences: ids that a dbt model lists become a ranked table of everyone else."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_behind
from basemodel_ops.contract.types import Audience, Relation
from basemodel_ops.insight.audiences import FEWEST, FIRST, Membership, membership
from basemodel_ops.report import Report
from basemodel_ops.stages.insight.week import Week, ranges
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query


class Known:
    """What audiences read of the entities of a week, some after others, however often it is asked for."""

    def __init__(self, week: Week) -> None:
        self._week = week

    def __iter__(self) -> Iterator[np.ndarray]:
        """Embedding, traits and amounts, float32 (entities, numbers): a category that few have is in traits alone."""
        week = self._week
        for embedding, (_, kept) in zip(week.embedding_parts(), week.kept(), strict=True):
            amounts = np.nan_to_num(kept["amounts"].astype(np.float32))
            yield np.hstack([embedding.astype(np.float32), week.traits.shares(kept, week.typical), amounts])


def audience_relation(audience: str, schema: str = "basemodel") -> Relation:
    """Where the ranking of an audience is written, in the schema of answers."""
    return Relation(schema_name=schema, name=f"{audience}_audience")


def audience(ws: Workspace, name: str, as_of: datetime, run_id: str) -> Report:
    """Publish everyone of a week who is no seed as `basemodel.<name>_audience`, who is most like them first.

    It is empty, and the report says why, where fewer than `FEWEST` seeds are among the entities of the week, or all
    are.
    """
    week, declared = Week(ws.store, as_of), ws.contract.audience(name)
    with ws.warehouse() as warehouse:
        seeds, unknown = seeds_of(warehouse, week, declared)
        version = version_of(name, week.version, np.flatnonzero(seeds).tolist())
        reason = why_none(name, seeds, unknown)
        result: Membership | None = None
        order, probability = np.zeros(0, np.int64), np.zeros(0)

        def rows(part: slice) -> pa.Table:
            its_order = order[part]
            columns = {
                ws.contract.entity: week.entities.values.take(pa.array(its_order)),
                "rank": np.arange(part.start + 1, part.start + 1 + len(its_order), dtype=np.int64),
                "score": np.round(probability[its_order], 6),
            }
            return week.stamped(columns, week.model_version, run_id)

        with warehouse.publication(
            audience_relation(name, ws.settings.answers_schema), rows(slice(0, 0)).schema, {"as_of": as_of}, version,
            code_behind("stages.insight.audiences"), run_id,
        ) as out:  # fmt: skip
            if out.is_needed and not reason:
                result = membership(Known(week), seeds, ws.settings.seed)
                probability, others = result.probability, np.flatnonzero(~seeds)
                order = others[np.argsort(-probability[others], kind="stable")]
                for part in ranges(len(order)):
                    out.append(rows(part))
    count = int(seeds.sum())
    report_metrics: dict[str, float | int | str] = {
        "rows": 0 if reason else len(seeds) - count, "seeds": count, "seeds_not_of_the_week": unknown,
    }  # fmt: skip
    if reason:
        report_metrics["why_none"] = reason
    if result is not None:
        report_metrics["auroc_of_held_out_seeds"] = round(result.auroc, 4)
        report_metrics |= {f"lift_{share:.0%}": round(lift, 2) for share, lift in zip(FIRST, result.lift, strict=True)}
    return Report(version, not out.is_written, report_metrics)


def seeds_of(warehouse: Warehouse, week: Week, declared: Audience) -> tuple[np.ndarray, int]:
    """Which entities of a week are seeds, bool (entities,), and how many seeds are not among them."""
    ids = warehouse.read(rows_query(declared.relation, [declared.entity])).column(0).combine_chunks().drop_null()
    ids = ids.cast(week.entities.values.type).unique()
    indices = week.entities.encode(ids)
    is_seed = np.zeros(len(week), bool)
    is_seed[indices[indices >= 0]] = True
    return is_seed, int((indices < 0).sum())


def why_none(name: str, seeds: np.ndarray, unknown: int) -> str:
    """Why an audience has no row; empty where it has."""
    if seeds.sum() < FEWEST:
        return (
            f"{name} lists {int(seeds.sum())} of the {len(seeds)} entities of the week and {unknown} others; an "
            f"audience is learnt from {FEWEST} at least. Who is like a single one: `basemodel similar`"
        )
    if seeds.all():
        return f"{name} lists everyone of the week, so nobody else is left to rank"
    return f"{name} lists all but one of the week, and two others are needed to rank any" if (~seeds).sum() < 2 else ""
