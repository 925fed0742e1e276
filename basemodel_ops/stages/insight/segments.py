"""The stage that divides the entities of a week into groups, and says what sets each group apart."""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError
from basemodel_ops.insight.segments import LEVELS, Tree, agreement, name_groups
from basemodel_ops.report import Report
from basemodel_ops.stages.insight.profiles import PROFILES, Profile, Words, profiles
from basemodel_ops.stages.insight.segmentation import SegmentationArtifact
from basemodel_ops.stages.insight.week import Week, ranges
from basemodel_ops.stages.workspace import ReportMetrics, Workspace
from basemodel_ops.warehouse.base import Publication, Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of

SEGMENTS = "segments"

Columns = dict[str, pa.Array | np.ndarray]
"""Of a table of answers, by name."""

FLOWS = 20
"""Flows between weeks that are reported, the largest."""


@dataclass(frozen=True)
class Before:
    """The nearest other week that was divided: when, and the ids of this week's entities in it."""

    as_of: datetime
    ids: np.ndarray  # objects (entities, levels), "" where there was none
    names: dict[str, str]  # by id; none where it is later

    @property
    def version(self) -> str:
        """A hash of what this week takes over from it."""
        return hashlib.sha256(repr((self.ids.tolist(), sorted(self.names.items()))).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Division:
    """The id of every group, and of each entity its groups and the distances to their centres."""

    ids: list[str]
    group: np.ndarray  # (entities, levels), -1 where there is none
    distance: np.ndarray  # (entities, levels)

    @property
    def texts(self) -> np.ndarray:
        """Ids of entities per level, "" where there is no group, objects (entities, levels)."""
        return np.array([*self.ids, ""], object)[self.group]


def segments(ws: Workspace, as_of: datetime, run_id: str) -> dict[str, Report]:
    """Publish the segments of a week and their profiles: `basemodel.segments` and `basemodel.segment_profiles`.

    Returns:
        Reports by table: sizes, and against the other week the adjusted Rand index per level and the flows.

    Raises:
        DataError: the groups were learnt with another foundation model than the week was represented by.
    """
    week, model = Week(ws.store, as_of), SegmentationArtifact.current(ws.store)
    if model.model_version != week.model_version:
        raise DataError(
            f"Segments were learnt with the foundation model {model.model_version}, and the {ws.contract.entity}s of "
            f"{key_of(as_of)} are represented by {week.model_version}. Run `basemodel run --as-of {key_of(as_of)}`."
        )
    tree_version = model.artifact.version
    here: dict[str, datetime | str] = {"as_of": as_of}
    with ws.warehouse() as warehouse:
        before = _before(warehouse, ws.contract.entity, week, ws.settings.batch_rows)
        division = _divided(model.tree, week, before)
        words = Words(ws.contract, ws.store, week.traits.names)
        descriptions = profiles(
            words, week, model.tree, division.ids, division.group, {} if before is None else before.names
        )
        names = {profile.segment: profile.name for profile in descriptions}
        version = version_of(SEGMENTS, tree_version, week.version, None if before is None else before.version)
        code = code_behind("stages.insight.segments")

        def rows(part: slice) -> pa.Table:
            return week.stamped(_columns(ws.contract.entity, week, division, names, part), tree_version, run_id)

        def profile_rows(described: list[Profile]) -> pa.Table:
            return week.stamped(_profile_columns(described), tree_version, run_id)

        def published(table: str, schema: pa.Schema) -> AbstractContextManager[Publication]:
            return warehouse.publication(ws.answer_relation(table), schema, here, version, code, run_id)

        with (
            published(SEGMENTS, rows(slice(0, 0)).schema) as out,
            published(PROFILES, profile_rows([]).schema) as profile_out,
        ):
            if out.is_needed:
                for part in ranges(len(week)):
                    out.append(rows(part))
            if profile_out.is_needed:
                profile_out.append(profile_rows(descriptions))
    return {
        SEGMENTS: Report(version, not out.is_written, _sizes(division.group) | _compared(division.texts, before)),
        PROFILES: Report(version, not profile_out.is_written, _profiled(descriptions)),
    }


def _sizes(group: np.ndarray) -> ReportMetrics:
    """How many groups there are at each level, and how large they are; of groups (entities, levels)."""
    report_metrics: ReportMetrics = {"rows": int((group >= 0).sum()), "entities": len(group)}
    for level in range(LEVELS):
        sizes = np.unique(group[group[:, level] >= 0, level], return_counts=True)[1]
        report_metrics[f"groups_{level + 1}"] = len(sizes)
        if len(sizes):
            report_metrics |= {f"smallest_{level + 1}": int(sizes.min()), f"largest_{level + 1}": int(sizes.max())}
    return report_metrics


def _profiled(descriptions: list[Profile]) -> ReportMetrics:
    return {"rows": sum(len(profile.differences) for profile in descriptions), "segments": len(descriptions)}


def _divided(tree: Tree, week: Week, before: Before | None) -> Division:
    """The groups of a week's entities.

    Whoever lies on a border stays where the earlier week had them: only where that is earlier, and by the same groups.
    """
    group, distance = tree.assign(week.embeddings)
    ids = name_groups(tree, group, None if before is None else before.ids)
    if before is not None and before.as_of < week.as_of:
        indices = {name: index for index, name in enumerate(ids)}
        was = np.array([[indices.get(entry, -1) for entry in row] for row in before.ids.tolist()]).reshape(group.shape)
        group, distance = tree.assign(week.embeddings, was)
    return Division(ids, group, distance)


def _before(warehouse: Warehouse, entity: str, week: Week, batch_rows: int) -> Before | None:
    """The last divided week before this one, or else the first after it."""
    relation = Relation(schema_name=warehouse.ledger.schema_name, name=SEGMENTS)
    if not len(week) or not warehouse.exists(relation):
        return None
    timestamps = exp.select(column_of("as_of")).distinct().from_(table_of(relation))
    result = sorted(warehouse.read(timestamps).column(0).to_pylist())
    earlier, later = (
        [entry for entry in result if entry < week.as_of],
        [entry for entry in result if entry > week.as_of],
    )
    if not (earlier or later):
        return None
    timestamp = earlier[-1] if earlier else later[0]

    def read(*columns: str) -> exp.Select:
        query = exp.select(*map(column_of, columns)).from_(table_of(relation))
        return query.where(column_of("as_of").eq(timestamp_of(timestamp)))

    query = read(entity, "level", "segment")
    # A week before the first takes over no names: each would then follow the other.
    names = warehouse.read(read("segment", "name").distinct()).to_pylist() if earlier else []
    ids = np.full((len(week), LEVELS), "", object)
    for batch in warehouse.batches(query, batch_rows):
        index = week.entities.encode(batch.column(0).cast(week.entities.values.type))
        known = np.flatnonzero(index >= 0)
        level = batch.column(1).to_numpy(zero_copy_only=False).astype(np.int64) - 1
        ids[index[known], level[known]] = np.array(batch.column(2).to_pylist(), object)[known]
    return Before(timestamp, ids, {row["segment"]: row["name"] for row in names})


def _compared(now: np.ndarray, before: Before | None) -> ReportMetrics:
    """The adjusted Rand index per level against another week, and the largest flows at the first level."""
    if before is None:
        return {}
    report_metrics: ReportMetrics = {"compared_with": key_of(before.as_of)}
    for level in range(LEVELS):
        both = (now[:, level] != "") & (before.ids[:, level] != "")
        if both.any():
            report_metrics[f"adjusted_rand_{level + 1}"] = round(
                agreement(before.ids[both, level], now[both, level]), 4
            )
    flows: dict[tuple[str, str], int] = {}
    for flow in zip(before.ids[:, 0].tolist(), now[:, 0].tolist(), strict=True):
        flows[flow] = flows.get(flow, 0) + 1
    moved = sum(count for (old, new), count in flows.items() if old and old != new)
    largest = sorted(flows.items(), key=lambda item: (-item[1], item[0]))[:FLOWS]
    text = ", ".join(f"{old or 'new'} to {new or 'none'}: {count}" for (old, new), count in largest)
    return report_metrics | {"moved": moved, "flows": text}


def _columns(entity: str, week: Week, division: Division, names: dict[str, str], part: slice) -> Columns:
    """Rows of `basemodel.segments`: an entity stands once per level at which it has a group."""
    group, distance = division.group[part], division.distance[part]
    index, level = np.nonzero(group >= 0)
    segment = [division.ids[entry] for entry in group[index, level].tolist()]
    return {
        entity: week.entities.values[part].take(pa.array(index)),
        "level": (level + 1).astype(np.int32),
        "segment": pa.array(segment, pa.string()),
        "name": pa.array([names.get(entry, entry) for entry in segment], pa.string()),
        "distance": distance[index, level],
    }


def _profile_columns(descriptions: list[Profile]) -> Columns:
    """Rows of `basemodel.segment_profiles`, a segment's first the most telling; see `Profile`."""
    flat = [
        (profile, rank, trait_difference)
        for profile in descriptions
        for rank, trait_difference in enumerate(profile.differences, 1)
    ]
    columns: Columns = {
        "segment": pa.array([profile.segment for profile, _, _ in flat], pa.string()),
        "level": np.array([profile.level for profile, _, _ in flat], np.int32),
        "rank": np.array([rank for _, rank, _ in flat], np.int32),
        "name": pa.array([profile.name for profile, _, _ in flat], pa.string()),
        "size": np.array([profile.size for profile, _, _ in flat], np.int64),
        "share": np.array([profile.share for profile, _, _ in flat], np.float64),
    }
    for field in ("source", "column_name", "value", "words"):
        columns[field] = pa.array([getattr(trait_difference, field) for _, _, trait_difference in flat], pa.string())
    for field in ("share_inside", "share_outside", "lift", "lift_low", "lift_high"):
        columns[field] = np.array([getattr(trait_difference, field) for _, _, trait_difference in flat], np.float64)
    return columns
