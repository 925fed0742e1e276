"""Effects of a treatment against two learners of libraries, on generated shoppers whose effect is known.

    python -m benchmarks uplift --home FOLDER --shoppers 1000 --seed 0

Shoppers are in a mood for weeks, sales or news, and lapse for weeks; each week a coin says who gets a voucher, and
whether they come follows from both. Libraries are measured where they are installed (`scikit-uplift`, `causalml`); they
read the automatic aggregates, and all that the heads read but peers.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from lightgbm import LGBMClassifier, LGBMRegressor
from scipy.special import expit

from basemodel_ops import stages
from basemodel_ops.contract.types import Column, ColumnType, Contract, EventSource, Grid, Relation, Task, TaskType
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.task_rows import known_before_test, load_task_rows, prepared
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact
from basemodel_ops.stages.tasks.feature_sets import single_feature_sets
from basemodel_ops.stages.tasks.predictions import PredictionsArtifact
from basemodel_ops.stages.tasks.supplement import examples_of
from basemodel_ops.stages.tasks.targets import read_targets
from basemodel_ops.tasks.uplift import is_treated, outcome_of, qini, qini_samples
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

FIRST, WEEKS, BEFORE, HORIZON = datetime(2024, 1, 1), 34, 8, 14
CUTOFFS = [FIRST + timedelta(weeks=week) for week in range(BEFORE, WEEKS)]
NOW = FIRST + timedelta(weeks=WEEKS)
CATEGORIES, SALES = 24, 8
"""Categories of what is bought, of which the first are on sale."""

VISITS, LABELS, GRID = (Relation(schema_name="shop", name=name) for name in ("visits", "comes_14d", "cutoffs"))


def shopping(shoppers: int, seed: int) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Visits, and of each shopper and cutoff the chances of coming without and with a voucher, and the vouchers."""
    generator = np.random.default_rng(seed)
    sales = generator.random(shoppers) < 0.5
    active = generator.random(shoppers) < 0.6
    taste = generator.dirichlet(np.full(CATEGORIES, 0.3), shoppers)
    rows: dict[str, list[Any]] = {"shopper": [], "visited_at": [], "category": [], "spent": []}
    moods, actives = [], []
    for week in range(WEEKS):
        sales ^= generator.random(shoppers) < 0.08
        active ^= generator.random(shoppers) < np.where(active, 0.12, 0.18)
        moods.append(sales.copy())
        actives.append(active.copy())
        visits = generator.poisson(np.where(active, 1.6, 0.15))
        for shopper in np.repeat(np.arange(shoppers), visits):
            of_sale = generator.random() < (0.75 if sales[shopper] else 0.15)
            weights = taste[shopper] * ((np.arange(CATEGORIES) < SALES) == of_sale) + 1e-9
            rows["shopper"].append(f"shopper {shopper}")
            rows["visited_at"].append(FIRST + timedelta(minutes=int((week + generator.random()) * 7 * 1440)))
            rows["category"].append(f"category {generator.choice(CATEGORIES, p=weights / weights.sum())}")
            rows["spent"].append(round(float(generator.gamma(2, 6 if of_sale else 14)), 2))
    mood, active = (np.array(values[BEFORE - 1 : -1], float).T for values in (moods, actives))  # (shoppers, cutoffs)
    base = -1.6 + 1.5 * active + generator.normal(0, 0.5, (shoppers, 1))
    # Vouchers bring back bargain hunters who lapsed, and put off those who are there for what is new.
    effect = 1.6 * mood * (1 - active) + 0.7 * mood * active - 0.6 * (1 - mood) * active
    chance = np.stack([expit(base), expit(base + effect)], axis=2)
    treated = generator.random(mood.shape) < 0.5
    kinds = {"visited_at": pa.timestamp("us")}
    return pa.table({name: pa.array(values, kinds.get(name)) for name, values in rows.items()}), chance, treated


def contract() -> Contract:
    """What is declared of the shop."""
    columns = tuple(
        Column(name=name, data_type="", type=kind, inferred=False)
        for name, kind in (("category", ColumnType.CATEGORY), ("spent", ColumnType.NUMBER))
    )
    visits = EventSource(
        name="visits", relation=VISITS, entity="shopper", time="visited_at", session=None, columns=columns
    )
    task = Task(
        name="comes_14d", relation=LABELS, type=TaskType.UPLIFT, entity="shopper", cutoff="cutoff", target="comes",
        treatment="voucher", horizon=HORIZON, population=None, predicts=None, reads=(),
    )  # fmt: skip
    grid = Grid(relation=GRID, cutoff="cutoff", data_end="data_end", start=CUTOFFS[0].date(), now=NOW.date())
    return Contract(entity="shopper", events=(visits,), attributes=(), tasks=(task,), grid=grid)


def shop(home: Path, shoppers: int, seed: int) -> tuple[Workspace, np.ndarray]:
    """A workspace whose foundation model is trained, and the effects (shoppers, cutoffs) that were planted."""
    settings = Settings(home=home, horizons=(14, 28), seed=seed)
    ws = Workspace.open(settings, contract(), lambda _: None)
    visits, chance, treated = shopping(shoppers, seed)
    comes = np.random.default_rng((seed, 1)).random(treated.shape) < np.where(treated, chance[:, :, 1], chance[:, :, 0])
    labels = [
        (f"shopper {n}", cutoff, *((int(comes[n, at]), int(treated[n, at])) if is_over else (None, None)))
        for n in range(shoppers)
        for at, cutoff in enumerate(CUTOFFS)
        for is_over in [cutoff + timedelta(days=HORIZON) <= NOW]
    ]
    columns = zip(*labels, strict=True)
    kinds = (pa.string(), pa.timestamp("us"), pa.int64(), pa.int64())
    created = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    cutoffs = pa.table({"cutoff": pa.array(CUTOFFS, kinds[1]), "data_end": pa.array([NOW] * len(CUTOFFS), kinds[1])})
    with DuckDBWarehouse(settings.warehouse_path) as warehouse:
        warehouse.load(VISITS, visits)
        warehouse.load(LABELS, pa.table(dict(zip(("shopper", "cutoff", "comes", "voucher"), created, strict=True))))
        warehouse.load(GRID, cutoffs)
    stages.encoders(ws, "visits")
    stages.embeddings(ws, "visits", "category")
    stages.codes(ws, "visits", "category")
    stages.training_examples(ws)
    stages.foundation_model(ws)
    return ws, chance[:, :, 1] - chance[:, :, 0]


Learn = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Effects of test features, learnt from features, outcomes and treatments."""


def _booster(seed: int) -> LGBMClassifier:
    return LGBMClassifier(n_estimators=100, learning_rate=0.05, num_leaves=15, n_jobs=2, random_state=seed, verbose=-1)


def learners(seed: int) -> dict[str, Learn]:
    """Learners of the libraries that are installed, over boosting as they document it."""
    results: dict[str, Learn] = {}

    def is_there(name: str) -> bool:
        return importlib.util.find_spec(name) is not None

    if is_there("sklift"):
        from sklift.models import ClassTransformation, TwoModels  # type: ignore[import-not-found]

        def two_models(x: np.ndarray, y: np.ndarray, t: np.ndarray, new: np.ndarray) -> np.ndarray:
            return TwoModels(_booster(seed), _booster(seed), method="vanilla").fit(x, y, t).predict(new)

        def transformed(x: np.ndarray, y: np.ndarray, t: np.ndarray, new: np.ndarray) -> np.ndarray:
            return ClassTransformation(_booster(seed)).fit(x, y, t).predict(new)

        results |= {"scikit-uplift two models": two_models, "scikit-uplift class transformation": transformed}
    if is_there("causalml"):
        from causalml.inference.meta import BaseXRegressor  # type: ignore[import-not-found]

        def x_learner(x: np.ndarray, y: np.ndarray, t: np.ndarray, new: np.ndarray) -> np.ndarray:
            regressor = LGBMRegressor(
                n_estimators=100, learning_rate=0.05, num_leaves=15, n_jobs=2, random_state=seed, verbose=-1
            )
            fitted = BaseXRegressor(learner=regressor)
            fitted.fit(X=x, treatment=t, y=y, p=np.full(len(t), t.mean()))
            return fitted.predict(X=new, p=np.full(len(new), t.mean())).ravel()

        results["causalml X-learner"] = x_learner
    return results


def run(arguments: list[str]) -> dict[str, Any]:
    """Qini coefficients on the test, with their intervals, and how near effects are to those that were planted."""
    parser = argparse.ArgumentParser(prog="benchmarks uplift", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--shoppers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="leave the libraries out")
    options = parser.parse_args(arguments)
    ws, planted = shop(options.home, options.shoppers, options.seed)
    (task,) = ws.contract.tasks
    started = time.process_time()
    stages.task_model(ws, task.name)
    stages.task_evaluation(ws, task.name)
    result: dict[str, Any] = {"seconds": {"ours": round(time.process_time() - started, 1)}}
    snapshot = ws.snapshot()
    with ws.warehouse() as warehouse:
        rows = prepared(task, load_task_rows(warehouse, task, snapshot.times, snapshot.plans[task.name]), 0)
        examples, index = examples_of(ws, warehouse, task, rows, snapshot)
    rows, index = rows.take(np.flatnonzero(index >= 0)), index[index >= 0]
    target, _ = read_targets(task, rows)
    feature_sets = single_feature_sets(examples, Checkpoint(ws.store), index, task)
    known, test = known_before_test(rows, task.horizon), np.flatnonzero(rows.part == "test")
    shopper = np.array([int(name.split()[1]) for name in rows.entity.to_pylist()])
    week = np.searchsorted([int(c.timestamp()) for c in CUTOFFS], rows.cutoff // 1_000_000 - _zone())
    true = planted[shopper, week][test]
    kept = PredictionsArtifact(ws.store.current(PredictionsArtifact.key(task.name))).rows
    kept = kept.filter(pa.array([part == "test" for part in kept.column("part").to_pylist()]))
    effects = {name: kept.column(column).to_numpy() for name, column in (("ours", "prediction"), ("plain", "baseline"))}
    effects["planted"] = true
    if not options.plain:
        for view in ("aggregates", "all"):
            features = feature_sets.columns_of(view).astype(np.float64)
            for name, learn in learners(options.seed).items():
                started = time.process_time()
                described = learn(
                    features[known], outcome_of(target[known]), is_treated(target[known]).astype(int), features[test]
                )
                effects[f"{name}, {view}"] = np.asarray(described, float)
                result["seconds"][f"{name}, {view}"] = round(time.process_time() - started, 1)
    stacked = np.stack(list(effects.values()))
    drawn = qini_samples(target[test], stacked, shopper[test], None, options.seed)
    errors, apart = drawn.std(axis=0), (drawn - drawn[:, :1]).std(axis=0)
    result["rows"] = {"known": len(known), "test": len(test)}
    result["report"] = EvaluationArtifact.current(ws.store, task.name).report
    result["qini"] = {
        name: {
            "value": round(qini(target[test], effect), 4), "error": round(float(error), 4),
            "difference_error": round(float(difference), 4),
            "correlation_with_planted": round(float(np.corrcoef(effect, true)[0, 1]), 4),
            "error_of_effect": round(float(np.sqrt(np.mean((effect - true) ** 2))), 4),
        }
        for (name, effect), error, difference in zip(effects.items(), errors, apart, strict=True)
    }  # fmt: skip
    return result


def _zone() -> int:
    """Seconds between the clock of moments, which is UTC, and `datetime.timestamp`, which is local."""
    return int((datetime(2024, 1, 1) - datetime.fromtimestamp(0)).total_seconds() - datetime(2024, 1, 1).timestamp())
