"""The stage of anomalies: how unlikely the last window of each entity is under the forecast of it, and what is odd.

The forecast is made one window before the cutoff, from what had happened until then. What followed is set, line by
line, against past windows of the same population: one half of them says how far forecasts usually miss, and the other
half how often a window is as odd. So p-values are uniform where the week is like those before it.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

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
from basemodel_ops.stages.insight.past import usual_before, windows_at
from basemodel_ops.stages.insight.usual import Usual
from basemodel_ops.stages.insight.week import Week, ranges
from basemodel_ops.stages.insight.windows import Windows, window_days
from basemodel_ops.stages.scoring.querying import typed_key
from basemodel_ops.stages.snapshot.sampling import hashes_of, shares
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.workspace import Numbers, Workspace
from basemodel_ops.warehouse.base import Publication
from basemodel_ops.warehouse.queries import column_of, moment_of, rows_query

ANOMALIES = "anomalies"

TOLD = 0.05
"""What is odd is told of entities with at most this p-value, and of them of lines with at most this chance."""

REASONS = 3
"""Lines of an entity that are told, at most."""

SALT = 0x0DDE
"""Keeps the draws that break ties apart from others."""

NOBODY = "no task asks about anybody in that week"

NOTHING_EXPECTED = "nothing happened before the window, so nothing was expected of it"


@dataclass
class Found:
    """What is found of entities, one row per entity, and what is odd of some."""

    score: np.ndarray  # (entities,), not-a-number where nothing was expected
    draw: np.ndarray  # (entities,), what breaks ties
    line: np.ndarray  # (entities,) the oddest line
    chance: np.ndarray  # (entities,) of a window as odd in it
    odd: dict[int, list[tuple[int, float, Odd]]]  # of an entity its lines, their chances, and what is odd

    @classmethod
    def of(cls, count: int) -> "Found":
        """Room for so many entities."""
        empty = np.full(count, np.nan)
        return cls(empty, empty.copy(), np.zeros(count, np.int16), empty.copy(), {})


def anomalies(ws: Workspace, as_of: datetime, run_id: str) -> Report:
    """Publish how odd the last window of everyone was as `basemodel.anomalies`.

    Everyone has a row; of whom p is at most `TOLD` up to `REASONS` rows say what is odd. There are none, and the report
    says why, where too few past windows are known. Of whom nothing was known before the window there is no p-value.
    """
    week, checkpoint, cutoff = Week(ws, as_of), Checkpoint(ws), to_microseconds(as_of)
    days = days_of(checkpoint)
    version = version_of(ANOMALIES, week.artifact.version, checkpoint.version, days, ws.settings.seed)
    numbers: Numbers = {"days": days, "entities": len(week)}

    def rows(place: np.ndarray, columns: dict[str, pa.Array]) -> pa.Table:
        entities = week.entities.values.take(pa.array(place.astype(np.int64)))
        return week.stamped({ws.contract.entity: entities, **columns}, checkpoint.version, run_id)

    empty = rows(np.zeros(0), _columns([]))
    with (
        ws.warehouse() as warehouse,
        warehouse.publication(
            ws.answers(ANOMALIES), empty.schema, {"as_of": as_of}, version, code_behind("stages.insight.anomalies"),
            run_id,
        ) as out,
    ):  # fmt: skip
        if out.is_needed:
            usual = usual_before(ws, warehouse, cutoff, days, checkpoint) if len(week) else NOBODY
            if isinstance(usual, str):
                numbers["why_none"] = usual
            else:
                teller = Teller(ws, usual.lines, days)
                found, began = Found.of(len(week)), time.monotonic()
                reading = windows_at(ws, warehouse, cutoff, days, checkpoint)
                places = week.entities.encode(reading.builder.entities.values)
                done = 0
                for windows in reading:
                    own = places[windows.part.low + windows.entity]
                    _judge(ws, usual, windows, teller, own, found)
                    done += len(windows)
                    ws.told("windows", done, len(places), began)
                numbers |= _append(found, usual, teller, rows, out)
    return Report(version, not out.is_written, numbers)


def days_of(checkpoint: Checkpoint) -> int:
    """The length of a window, of which the foundation model says how much there will be."""
    return window_days(tuple({int(block.detail) for block in checkpoint.blocks if block.kind == "any"}))


def _judge(ws: Workspace, usual: Usual, windows: Windows, teller: Teller, own: np.ndarray, found: Found) -> None:
    """Fill in what is found of some windows, of the entities at `own` (rows,) of the week; -1 of whom it lacks."""
    judged, chances = usual.judge(windows)
    score = np.where(windows.has_history, combined(chances), np.nan)
    draw = shares(hashes_of(windows.entities.values, ws.settings.seed)[windows.entity], windows.start ^ SALT)
    p = np.where(np.isfinite(score), p_values(usual.past, score, draw), np.nan)
    there = own >= 0
    filled = np.where(np.isfinite(chances), chances, np.inf)
    for kept, values in ((found.score, score), (found.draw, draw), (found.line, filled.argmin(axis=1))):
        kept[own[there]] = values[there]
    found.chance[own[there]] = filled.min(axis=1)[there]
    for row in np.flatnonzero(there & (p <= TOLD)).tolist():
        found.odd[int(own[row])] = [
            (line, float(chances[row, line]), teller.told(usual.lines[line], judged[line], windows, row))
            for line in oddest(chances[row], REASONS, TOLD)
        ]


def _append(
    found: Found, usual: Usual, teller: Teller, rows: Callable[[np.ndarray, dict[str, pa.Array]], pa.Table],
    out: Publication,
) -> Numbers:  # fmt: skip
    """Send the rows of everyone, the oddest first, and say how even the p-values are."""
    is_known = np.isfinite(found.score)
    p = np.where(is_known, p_values(usual.past, found.score, found.draw), np.nan)
    order = np.lexsort((found.draw, -np.nan_to_num(found.score, nan=-np.inf)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    total = 0
    for part in ranges(len(order)):
        lines, places = [], []
        for place in order[part].tolist():
            own = _told(found, usual, teller, place) if is_known[place] else [{"reason": 1, "words": NOTHING_EXPECTED}]
            about = {"p_value": float(p[place]), "rank": int(rank[place])} if is_known[place] else {}
            lines += [{**about, **one} for one in own]
            places += [place] * len(own)
        out.append(rows(np.array(places), _columns(lines)))
        total += len(lines)
    numbers: Numbers = {"rows": total, "past_windows": len(usual.past), "without_history": int((~is_known).sum())}
    return numbers | uniform(p[is_known])


def _told(found: Found, usual: Usual, teller: Teller, place: int) -> list[dict[str, object]]:
    """The rows of one entity: what is odd of it, or only in which line it was the oddest."""
    odd = found.odd.get(place)
    if odd is None:
        line = usual.lines[int(found.line[place])]
        where = {"source_table": teller.table(line), "column_name": line.column or None}
        return [{"reason": 1, "reason_p_value": float(found.chance[place]), **where}]
    return [{"reason": rank, "reason_p_value": chance, **asdict(one)} for rank, (_, chance, one) in enumerate(odd, 1)]


def uniform(p: np.ndarray) -> Numbers:
    """How far p-values (rows,) are from uniform: the statistic of Kolmogorov and Smirnov and its p-value."""
    if not len(p):
        return {}
    distance, chance = kstest(p, "uniform")
    told = round(float((p <= TOLD).mean()), 4)
    return {"ks": round(float(distance), 4), "ks_p_value": round(float(chance), 6), "share_told": told}


TEXT, MOMENT, NUMBER, COUNT = pa.string(), pa.timestamp("us"), pa.float64(), pa.int64()

COLUMNS = {
    "p_value": NUMBER, "rank": pa.int32(), "reason": pa.int32(), "reason_p_value": NUMBER, "source_table": TEXT,
    "column_name": TEXT, "column_value": TEXT, "words": TEXT, "events": COUNT, "first_at": MOMENT, "last_at": MOMENT,
    "main_at": MOMENT,
}  # fmt: skip


def _columns(lines: list[dict[str, object]]) -> dict[str, pa.Array]:
    return {name: pa.array([line.get(name) for line in lines], kind) for name, kind in COLUMNS.items()}


def published(ws: Workspace, as_of: datetime, entity: str | None, count: int) -> list[dict[str, object]]:
    """The rows of one entity, or of the `count` oddest, as they were published.

    Raises:
        DataError: nothing is published of that week, or it does not have the entity.
    """
    relation, key = ws.answers(ANOMALIES), ws.contract.entity
    again = f"`basemodel run --as-of {key_of(as_of)}` publishes them."
    with ws.warehouse() as warehouse:
        if not warehouse.exists(relation):
            raise DataError(f"There is no table {relation}. {again}")
        query = rows_query(relation, [key, *COLUMNS]).where(column_of("as_of").eq(moment_of(as_of)))
        some = warehouse.read(query.copy().limit(1)).num_rows
        if entity is not None:
            chosen = typed_key(ws, warehouse, entity)[0].as_py()
            query = query.where(column_of(key).eq(exp.convert(chosen)))
        else:
            query = query.where(column_of("rank") <= exp.Literal.number(count))
        found = warehouse.read(query).to_pylist()
    if not some:
        raise DataError(f"No anomalies of {key_of(as_of)} are in {relation}: too few past windows, or not run. {again}")
    if not found:
        raise DataError(f"No {key} {entity} is in {relation} as of {key_of(as_of)}: no task asked about it then.")
    return sorted(found, key=lambda row: (row["rank"] or 0, row["reason"]))
