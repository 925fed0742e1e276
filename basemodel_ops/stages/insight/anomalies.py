"""The stage of anomalies: how unlikely the last window of each entity is under the forecast of it, and what is odd.

The forecast is made one window before the cutoff, from what had happened until then. What followed is set, line by
line, against past windows of the same population: one half of them says how far forecasts usually miss, and the other
half how often a window is as odd. So p-values are uniform where the week is like those before it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from scipy.stats import kstest
from sqlglot import exp

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_behind
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.errors import DataError
from basemodel_ops.insight.conformal import combined, p_values
from basemodel_ops.report import Report
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.insight.odd import Odd, Teller, oddest
from basemodel_ops.stages.insight.past import SAMPLED, contemporaries, entity_halves, typical_before, windows_at
from basemodel_ops.stages.insight.typical_windows import Contemporaries, TypicalWindows
from basemodel_ops.stages.insight.week import Week, ranges
from basemodel_ops.stages.insight.windows import Windows, window_days
from basemodel_ops.stages.progress import log_progress
from basemodel_ops.stages.scoring.querying import typed_key
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.workspace import ReportMetrics, Workspace
from basemodel_ops.warehouse.base import Publication
from basemodel_ops.warehouse.queries import column_of, rows_query, timestamp_of

ANOMALIES = "anomalies"

EXPLAINED_BELOW = 0.05
"""What is odd is told of entities with at most this p-value, and of them of lines with at most this chance."""

REASONS = 3
"""Lines of an entity that are told, at most."""

SALT = 0x0DDE
"""Keeps the draws that break ties apart from others."""

NOBODY = "no task asks about anybody in that week"

NOTHING_EXPECTED = "nothing happened before the window, so nothing was expected of it"


@dataclass
class Surprises:
    """What is found of entities, one row per entity, and what is odd of some."""

    score: np.ndarray  # (entities,), not-a-number where nothing was expected
    draw: np.ndarray  # (entities,), what breaks ties
    line: np.ndarray  # (entities,) the oddest line
    chance: np.ndarray  # (entities,) of a window as odd in it
    odd: dict[int, list[tuple[int, float, Odd]]]  # of an entity its lines, their chances, and what is odd

    @classmethod
    def of(cls, count: int) -> "Surprises":
        """Room for so many entities."""
        empty = np.full(count, np.nan)
        return cls(empty, empty.copy(), np.zeros(count, np.int16), empty.copy(), {})


def anomalies(ws: Workspace, as_of: datetime, run_id: str) -> Report:
    """Publish how odd the last window of everyone was as `basemodel.anomalies`.

    Everyone has a row; of whom p is at most `EXPLAINED_BELOW` up to `REASONS` rows say what is odd. There are none, and
    the report says why, where too few past windows are known. Of whom nothing was known before the window there is no
    p-value.
    """
    week, checkpoint, cutoff = Week(ws.store, as_of), Checkpoint(ws.store), to_microseconds(as_of)
    days = days_of(checkpoint)
    version = version_of(ANOMALIES, week.version, checkpoint.version, days, ws.settings.seed)
    report_metrics: ReportMetrics = {"days": days, "entities": len(week)}

    def rows(index: np.ndarray, columns: dict[str, pa.Array]) -> pa.Table:
        entities = week.entities.values.take(pa.array(index.astype(np.int64)))
        return week.stamped({ws.contract.entity: entities, **columns}, checkpoint.version, run_id)

    empty = rows(np.zeros(0), _columns([]))
    with (
        ws.warehouse() as warehouse,
        warehouse.publication(
            ws.answer_relation(ANOMALIES),
            empty.schema,
            {"as_of": as_of},
            version,
            code_behind("stages.insight.anomalies"),
            run_id,
        ) as out,
    ):
        if out.is_needed:
            typical = typical_before(ws, warehouse, cutoff, days, checkpoint) if len(week) else NOBODY
            if isinstance(typical, str):
                report_metrics["why_none"] = typical
            else:
                teller = Teller(ws.contract, ws.store, typical.lines, days)
                surprises, progress = Surprises.of(len(week)), log_progress(ws.log, "windows")
                others = contemporaries(typical, windows_at(ws, warehouse, cutoff, days, checkpoint, SAMPLED))
                reading = windows_at(ws, warehouse, cutoff, days, checkpoint)
                indices = week.entities.encode(reading.builder.entities.values)
                done = 0
                for windows in reading:
                    week_index = indices[windows.part.low + windows.entity]
                    _judge(typical, others, windows, teller, week_index, surprises)
                    done += len(windows)
                    progress(done, len(indices))
                first = as_of - timedelta(days=days)
                window = {"first_at": first, "last_at": as_of, "main_at": first}
                report_metrics |= _append(surprises, typical, teller, rows, window, out)
    return Report(version, not out.is_written, report_metrics)


def days_of(checkpoint: Checkpoint) -> int:
    """The length of a window, of which the foundation model says how much there will be."""
    return window_days(tuple({int(block.detail) for block in checkpoint.blocks if block.kind == "occurred"}))


def _judge(
    typical: TypicalWindows,
    others: Contemporaries,
    windows: Windows,
    teller: Teller,
    week_index: np.ndarray,
    surprises: Surprises,
) -> None:
    """Fill in what is found of some windows, of entities at `week_index` (rows,) of the week; -1 of whom it lacks."""
    judged, chances = typical.judge(windows, others, entity_halves(windows))
    score = np.where(windows.has_history, combined(chances), np.nan)
    draw = windows.draws(windows.start ^ SALT)
    p = np.where(np.isfinite(score), p_values(typical.past, score, draw), np.nan)
    there = week_index >= 0
    filled = np.where(np.isfinite(chances), chances, np.inf)
    for kept, values in ((surprises.score, score), (surprises.draw, draw), (surprises.line, filled.argmin(axis=1))):
        kept[week_index[there]] = values[there]
    surprises.chance[week_index[there]] = filled.min(axis=1)[there]
    for row in np.flatnonzero(there & (p <= EXPLAINED_BELOW)).tolist():
        surprises.odd[int(week_index[row])] = [
            (line, float(chances[row, line]), teller.describe(typical.lines[line], judged[line], windows, row))
            for line in oddest(chances[row], REASONS, EXPLAINED_BELOW)
        ]


def _append(
    surprises: Surprises, typical: TypicalWindows, teller: Teller,
    rows: Callable[[np.ndarray, dict[str, pa.Array]], pa.Table], window: dict[str, datetime], out: Publication,
) -> ReportMetrics:  # fmt: skip
    """Send the rows of everyone, the oddest first, and say how even the p-values are."""
    is_known = np.isfinite(surprises.score)
    p = np.where(is_known, p_values(typical.past, surprises.score, surprises.draw), np.nan)
    order = np.lexsort((surprises.draw, -np.nan_to_num(surprises.score, nan=-np.inf)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    total = 0
    for part in ranges(len(order)):
        lines, indices = [], []
        for index in order[part].tolist():
            reasons = (
                _reasons(surprises, typical, teller, index)
                if is_known[index]
                else [{"reason": 1, "words": NOTHING_EXPECTED}]
            )
            about = {"p_value": float(p[index]), "rank": int(rank[index])} if is_known[index] else {}
            lines += [{**about, **entry} for entry in reasons]
            indices += [index] * len(reasons)
        out.append(rows(np.array(indices), _columns(lines, window)))
        total += len(lines)
    report_metrics: ReportMetrics = {
        "rows": total,
        "past_windows": len(typical.past),
        "without_history": int((~is_known).sum()),
    }
    return report_metrics | uniform(p[is_known])


def _reasons(surprises: Surprises, typical: TypicalWindows, teller: Teller, index: int) -> list[dict[str, object]]:
    """The rows of one entity: what is odd of it, or only in which line it was the oddest."""
    odd = surprises.odd.get(index)
    if odd is None:
        line = typical.lines[int(surprises.line[index])]
        where = {"source_table": teller.table(line), "column_name": line.column or None}
        return [{"reason": 1, "reason_p_value": float(surprises.chance[index]), **where}]
    return [{"reason": rank, "reason_p_value": chance, **asdict(odd)} for rank, (_, chance, odd) in enumerate(odd, 1)]


def uniform(p: np.ndarray) -> ReportMetrics:
    """How far p-values (rows,) are from uniform: the statistic of Kolmogorov and Smirnov and its p-value."""
    if not len(p):
        return {}
    distance, chance = kstest(p, "uniform")
    share_explained = round(float((p <= EXPLAINED_BELOW).mean()), 4)
    return {"ks": round(float(distance), 4), "ks_p_value": round(float(chance), 6), "share_told": share_explained}


TEXT, TIMESTAMP, NUMBER, COUNT = pa.string(), pa.timestamp("us"), pa.float64(), pa.int64()

COLUMNS = {
    "p_value": NUMBER, "rank": pa.int32(), "reason": pa.int32(), "reason_p_value": NUMBER, "source_table": TEXT,
    "column_name": TEXT, "column_value": TEXT, "words": TEXT, "events": COUNT, "first_at": TIMESTAMP,
    "last_at": TIMESTAMP, "main_at": TIMESTAMP,
}  # fmt: skip


def _columns(lines: list[dict[str, object]], window: dict[str, datetime] | None = None) -> dict[str, pa.Array]:
    """Rows as columns; times of a row that names no event are those of its window."""
    filled = [{**line, **{name: line.get(name) or time for name, time in (window or {}).items()}} for line in lines]
    return {name: pa.array([line.get(name) for line in filled], kind) for name, kind in COLUMNS.items()}


def published(ws: Workspace, as_of: datetime, entity: str | None, count: int) -> list[dict[str, object]]:
    """The rows of one entity, or of the `count` oddest, as they were published.

    Raises:
        DataError: nothing is published of that week, or it does not have the entity.
    """
    relation, key = ws.answer_relation(ANOMALIES), ws.contract.entity
    again = f"`basemodel run --as-of {key_of(as_of)}` publishes them."
    with ws.warehouse() as warehouse:
        if not warehouse.exists(relation):
            raise DataError(f"There is no table {relation}. {again}")
        query = rows_query(relation, [key, *COLUMNS]).where(column_of("as_of").eq(timestamp_of(as_of)))
        published_rows = warehouse.read(query.copy().limit(1)).num_rows
        if entity is not None:
            chosen = typed_key(ws.contract, warehouse, entity)[0].as_py()
            query = query.where(column_of(key).eq(exp.convert(chosen)))
        else:
            query = query.where(column_of("rank") <= exp.Literal.number(count))
        result = warehouse.read(query).to_pylist()
    if not published_rows:
        raise DataError(f"No anomalies of {key_of(as_of)} are in {relation}: too few past windows, or not run. {again}")
    if not result and entity is None:
        raise DataError(f"Nobody in {relation} as of {key_of(as_of)} had a history before the window: none is ranked.")
    if not result:
        raise DataError(f"No {key} {entity} is in {relation} as of {key_of(as_of)}: no task asked about it then.")
    return sorted(result, key=lambda row: (row["rank"] or 0, row["reason"]))
