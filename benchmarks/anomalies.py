"""Anomalies where what is odd is known: windows into which it was put, against an isolation forest and LOF.

    python -m benchmarks anomalies --json
    BASEMODEL_ONLINE_RETAIL=… python -m benchmarks anomalies --data online_retail --json

Into one window in a hundred something odd is put (`quality/injections.py`), and three ways rank windows by how odd they
are: ours, and both others on the automatic aggregates at the cutoff, which hold the window. The AUROC is that among the
entities that it may be put into: for silence those with events in each of the three windows before, else those with
three events in the window. Beside it, how uniform the p-values of the last weeks are as they stand.
"""

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.parquet import read_table, write_table
from rich.console import Console
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from basemodel_ops.insight.conformal import combined, p_values
from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.builder import Builder, Part
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.insight.anomalies import days_of, uniform
from basemodel_ops.stages.insight.past import SAMPLED, contemporaries, entity_halves, typical_before, windows_at
from basemodel_ops.stages.insight.typical_windows import Contemporaries, TypicalWindows
from basemodel_ops.stages.insight.windows import Windows
from basemodel_ops.stages.snapshot.times import to_datetime
from benchmarks.quality.datasets import PROJECTS, Dataset, online_retail, web_events
from benchmarks.quality.injections import FIRST, KINDS, injected
from benchmarks.quality.product import pretrained

CONTAMINATION, EVENTS, BEFORE = 0.01, 3, 3
"""The share of entities that are made odd, events that a window needs for it, and windows before it for silence."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Make the tables and the foundation model, then measure both; see the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks anomalies", description=__doc__)
    parser.add_argument("--data", choices=("web_habits", "online_retail"), default="web_habits")
    parser.add_argument("--entities", type=int, default=300, help="visitors, or customers of whom some are active")
    parser.add_argument("--draws", type=int, default=20, help="times that one in a hundred is drawn")
    parser.add_argument("--weeks", type=int, default=4, help="cutoffs whose p-values are told, the last ones")
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help="keep tables and artifacts here; a temporary folder if not given")
    chosen = parser.parse_args(arguments)
    home = chosen.home or Path(tempfile.mkdtemp(prefix="basemodel-anomalies-"))
    try:
        dataset = DATASETS[chosen.data](home, chosen.entities, chosen.seed)
        ws, _, _ = pretrained(dataset, home, chosen.seed, Console(stderr=True))
        return {"data": chosen.data, "entities": chosen.entities, "draws": chosen.draws, **_measured(ws, chosen)}
    finally:
        if chosen.home is None:
            shutil.rmtree(home, ignore_errors=True)


def _visitors(home: Path, count: int, seed: int) -> Dataset:
    """Generated visitors with habits."""
    target = home / "source"
    shutil.copytree(PROJECTS / "web_events", target, dirs_exist_ok=True)
    path = target / "dbt_project.yml"
    path.write_text(path.read_text().replace("visitors: 3000", f"visitors: {count}"))
    return replace(web_events(), projects=(target, PROJECTS / "web_habits"))


def _customers(home: Path, count: int, seed: int) -> Dataset:
    """Some customers of the shop, asked about every week."""
    complete, files = online_retail(), {}
    tables = {name: read_table(path) for name, path in complete.files.items()}
    (column,) = {name for table in tables.values() for name in table.column_names if "customer" in name.lower()}
    ids = [table.column(column).combine_chunks().cast(pa.float64()) for table in tables.values()]
    known = np.sort(pc.unique(pa.concat_arrays(ids)).drop_null().to_numpy())
    subset = pa.array(np.random.default_rng(seed).permutation(known)[:count])
    for (name, table), current in zip(tables.items(), ids, strict=True):
        files[name] = home / f"{name}.parquet"
        home.mkdir(parents=True, exist_ok=True)
        write_table(table.filter(pc.is_in(current, value_set=subset)), files[name])
    settings = {**complete.settings, "test_cutoffs": 4, "validation_cutoffs": 2}
    projects = (*complete.projects, PROJECTS / "online_retail_weekly")
    return replace(complete, files=files, projects=projects, settings=settings)


DATASETS = {"web_habits": _visitors, "online_retail": _customers}


def _measured(ws: Workspace, chosen: argparse.Namespace) -> dict[str, Any]:
    checkpoint = Checkpoint(ws.store)
    days, weeks = days_of(checkpoint), []
    with ws.warehouse() as warehouse:
        for cutoff in ws.times(warehouse).cutoffs[-chosen.weeks :].tolist():
            typical = typical_before(ws, warehouse, cutoff, days, checkpoint)
            if isinstance(typical, str):
                raise ValueError(typical)
            reading = windows_at(ws, warehouse, cutoff, days, checkpoint)
            everyone = np.arange(len(reading.builder.entities))
            (part,) = reading.builder.parts(everyone, np.full(len(everyone), cutoff - days * DAY), len(everyone))
            others = contemporaries(typical, windows_at(ws, warehouse, cutoff, days, checkpoint, SAMPLED))
            ranked = _Ranked(reading.builder, part, typical, others, days, checkpoint)
            weeks.append({"as_of": f"{to_datetime(cutoff):%Y-%m-%d}", **ranked.uniform(chosen.seed)})
    return {"days": days, "past_windows": len(typical.past), "weeks": weeks, "kinds": ranked.kinds(chosen)}


class _Ranked:
    """Entities of a cutoff and how odd three ways say that they are."""

    def __init__(
        self, builder: Builder, part: Part, typical: TypicalWindows, others: Contemporaries, days: int,
        checkpoint: Checkpoint,
    ) -> None:  # fmt: skip
        self._builder, self._part, self._typical, self._others = builder, part, typical, others
        self._days, self._checkpoint = days, checkpoint
        self._low = int(part.cutoffs[0, 0])
        self._values = builder.represent(part)
        self._windows = self._seen(part.histories)
        self._score, self._plain = self._scores(self._windows), self._aggregates(part.histories)
        self._known = self._windows.has_history

    def _seen(self, histories: list[History]) -> Windows:
        part = replace(self._part, histories=histories)
        return Windows(self._builder, part, self._values, self._days, self._checkpoint)

    def _scores(self, windows: Windows) -> np.ndarray:
        return combined(self._typical.judge(windows, self._others, entity_halves(windows))[1])

    def _aggregates(self, histories: list[History]) -> np.ndarray:
        """The automatic aggregates at the cutoff, (entities, numbers)."""
        kinds = [self._builder.layout.positions(kind) for kind in learner_layout.READ]
        values = self._builder.values(self._part.low, histories, np.array([self._low + self._days * DAY]))
        return values[:, 0, np.concatenate(kinds)].astype(np.float64)

    def uniform(self, seed: int) -> dict[str, Any]:
        """How many entities there are, and how uniform their p-values."""
        draw = np.random.default_rng(seed).random(len(self._score))
        p = p_values(self._typical.past, self._score, draw)[self._known]
        return {"entities": len(p), **uniform(p)}

    def _eligible(self, kind: str) -> np.ndarray:
        """Entities that may be made odd."""
        histories = self._part.histories
        if kind == "silence":
            ends = self._low - np.arange(BEFORE, -1, -1)[None, :] * self._days * DAY
            counts = sum(np.diff(history.positions(ends.repeat(history.entities, axis=0))) for history in histories)
            return np.flatnonzero((counts > 0).all(axis=1))
        first = self._windows.names[0]
        number = self._windows.number(first) if kind in FIRST else self._total()
        return np.flatnonzero(self._known & (number >= EVENTS))

    def _total(self) -> np.ndarray:
        return np.sum([self._windows.number(name) for name in self._windows.names], axis=0)

    def kinds(self, chosen: argparse.Namespace) -> dict[str, Any]:
        """Of each kind of oddity the AUROC of the three ways, their 95 % intervals and those of the difference."""
        times = [self._builder.contract.event(name).time for name in self._windows.names]
        high, result = self._low + self._days * DAY, {}
        for kind in chosen.kinds:
            histories = injected(self._part.histories, times, kind, self._low, high, chosen.seed)
            odd, plain = self._scores(self._seen(histories)), self._aggregates(histories)
            able = self._eligible(kind)
            draws = np.array([self._draw(able, odd, plain, draw) for draw in range(chosen.draws)])
            measured = dict(zip(("ours", "isolation_forest", "lof"), map(_summary, draws.T), strict=True))
            best = draws[:, 1:].mean(axis=0).argmax()
            result[kind] = {"able": len(able), **measured, "difference": _summary(draws[:, 0] - draws[:, 1 + best])}
        return result

    def _draw(self, able: np.ndarray, odd: np.ndarray, plain: np.ndarray, draw: int) -> tuple[float, float, float]:
        """AUROC of the three ways, where some of those that are able are odd and all others as they were."""
        count = max(int(CONTAMINATION * len(self._score)), 1)
        chosen = np.random.default_rng(draw).choice(able, min(count, len(able) // 2), replace=False)
        score, values = self._score.copy(), self._plain.copy()
        score[chosen], values[chosen] = odd[chosen], plain[chosen]
        spread = values.std(axis=0)
        scaled = (values - values.mean(axis=0)) / np.where(spread > 1e-6, spread, 1)
        forest = IsolationForest(n_estimators=100, contamination=CONTAMINATION, random_state=draw).fit(scaled)
        local = LocalOutlierFactor(n_neighbors=min(20, len(scaled) - 1), contamination=CONTAMINATION).fit(scaled)
        answer = np.isin(able, chosen)
        methods = score, -forest.score_samples(scaled), -local.negative_outlier_factor_
        ours, theirs, last = (float(roc_auc_score(answer, method[able])) for method in methods)
        return ours, theirs, last


def _summary(values: np.ndarray) -> dict[str, float]:
    """The mean over draws, and the central 95 % of means of draws with replacement."""
    chosen = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    low, high = np.quantile(values[chosen].mean(axis=1), (0.025, 0.975))
    return {"mean": round(float(values.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}
