"""Audiences of a trained home against boosting on hand-made features: where are the seeds that were held out?

    BASEMODEL_HOME=… python -m benchmarks audiences --as-of 2017-11-27

Seeds are the entities that have an item in the 14 days after, one kind of seeds per item, and those without an event in
28. Half of them is known; both sides answer for everyone else by models that did not learn from them. What is money and
an item is that of the demo, unless options say otherwise; the home is on DuckDB.
"""

import argparse
from collections.abc import Callable
from datetime import datetime

import duckdb
import lightgbm as lgb
import numpy as np
from sklearn.model_selection import StratifiedKFold

from basemodel_ops.insight.audiences import FIRST, FOLDS, lift_of, membership
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.insight.audiences import Known
from basemodel_ops.stages.insight.week import Week
from benchmarks.behaviour import (
    Behaviour,
    add_options,
    columns_by_entity,
    events_after,
    recency_frequency_money,
    register_entities,
)
from benchmarks.insight import LEAST_BUYERS, MOST_BUYERS, Numbers
from dagster_project.lib.project import load_project

SPANS = (28, 84, 364)
"""Days that hand-made features look back."""

CATEGORIES = 60
"""Of each the purchases are counted, the most frequent first."""


def run(arguments: list[str]) -> Numbers:
    """Measure the lift of held-out seeds; see the module."""
    parser = argparse.ArgumentParser(prog="benchmarks audiences", description=__doc__)
    parser.add_argument("--as-of", type=datetime.fromisoformat, required=True)
    parser.add_argument("--draws", type=int, default=2, help="Halves of each kind of seeds.")
    parser.add_argument("--every", type=int, default=4, help="Take every so many items.")
    add_options(parser)
    chosen = parser.parse_args(arguments)
    settings = Settings()
    ws = Workspace.open(settings, load_project(settings).contract, lambda _: None)
    week, behaviour = Week(ws.store, chosen.as_of), Behaviour.chosen(ws.contract, chosen)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        bought = events_after(connection, week, behaviour, 14)[1] > 0
        enough = (bought.sum(axis=0) >= 2 * LEAST_BUYERS) & (bought.mean(axis=0) <= MOST_BUYERS)
        silent = events_after(connection, week, behaviour, 28)[1].sum(axis=1) == 0
        hand = np.hstack(
            [recency_frequency_money(connection, week, behaviour), _hand_made(connection, week, behaviour)]
        )
    kinds = {"buys nothing": [silent], "buyers of a category": list(bought[:, enough].T[:: chosen.every])}
    result: Numbers = {"as_of": f"{chosen.as_of:%Y-%m-%d}", "entities": len(week), "hand_features": hand.shape[1]}
    for kind, seeds in kinds.items():
        halves: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
            "audience": lambda known, draw: membership(Known(week), known, draw).probability,
            "boosting": lambda known, draw: _boosted(hand, known, draw),
        }
        lifts = {name: np.array([_lifts(ask, entry, chosen.draws) for entry in seeds]) for name, ask in halves.items()}
        gaps = (lifts["audience"] - lifts["boosting"]).mean(axis=1)  # (kinds, tops)
        units = (lifts["audience"] - lifts["boosting"])[0] if len(seeds) == 1 else gaps
        result[kind] = {
            "kinds_of_seeds": len(seeds),
            **{name: _means(values) for name, values in lifts.items()},
            "difference": _means(gaps[:, None]),
            "error": [round(float(part.std(ddof=1) / np.sqrt(len(part))), 3) for part in units.T],
            "share_better": [round(float((part > 0).mean()), 3) for part in gaps.T],
        }
    return result


def _lifts(ask: Callable[[np.ndarray, int], np.ndarray], seeds: np.ndarray, draws: int) -> np.ndarray:
    """Lift of the seeds that were not told among the first of all others, (draws, tops)."""
    results = []
    for draw in range(draws):
        chosen = np.random.default_rng(draw).permutation(np.flatnonzero(seeds))
        known = np.zeros(len(seeds), bool)
        known[chosen[: len(chosen) // 2]] = True
        score = ask(known, draw)
        results.append([lift_of(score[~known], seeds[~known], share) for share in FIRST])
    return np.array(results)


def _means(values: np.ndarray) -> list[float]:
    """Means over kinds and draws, one per top."""
    return [round(float(value), 3) for value in values.mean(axis=(0, 1))]


def _hand_made(connection: duckdb.DuckDBPyConnection, week: Week, behaviour: Behaviour) -> np.ndarray:
    """Logs of events, amount and visits in spans before the week, and of events by item.

    Shape (entities, features).
    """
    within = [f"filter (time >= $as_of - interval {days} day)" for days in SPANS]
    columns = [
        f"{aggregate} {span} as number_{number}_{n}"
        for n, span in enumerate(within)
        for number, aggregate in enumerate(("count(*)", "count(distinct visit)", "sum(amount)"))
    ]
    totals = columns_by_entity(
        connection, week,
        f"select entity, {', '.join(columns)} from ({behaviour.events}) where time < $as_of group by entity",
        {"as_of": week.as_of},
    )  # fmt: skip
    counts = ", ".join(f"count(*) {span} as number_{n}" for n, span in enumerate(within))
    register_entities(connection, week)
    rows = connection.execute(
        f"""select place, item, {counts} from asked join ({behaviour.events}) using (entity)
        where time < $as_of and item is not null group by all order by all""",
        {"as_of": week.as_of},
    ).fetchnumpy()
    categories, code = np.unique(rows["item"].astype(str), return_inverse=True)
    bought = np.zeros((len(week), len(categories), len(SPANS)))
    for n in range(len(SPANS)):
        bought[rows["place"], code, n] = rows[f"number_{n}"]
    most = np.argsort(-bought.sum(axis=(0, 2)), kind="stable")[:CATEGORIES]
    numbers = list(totals.values())
    return np.log1p(np.maximum(np.hstack([np.stack(numbers, axis=1), bought[:, most].reshape(len(week), -1)]), 0))


def _boosted(features: np.ndarray, known: np.ndarray, seed: int) -> np.ndarray:
    """The probability of being a known seed by models that did not learn from the entity, (entities,)."""
    settings = {
        "objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 20, "verbosity": -1,
        "feature_fraction": 0.5, "lambda_l2": 5.0, "num_threads": 2, "deterministic": True, "seed": seed,
    }  # fmt: skip
    result = np.zeros(len(known))
    for fitted, requested in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, known):
        booster = lgb.train(settings, lgb.Dataset(features[fitted], known[fitted]), 100)
        result[requested] = np.asarray(booster.predict(features[requested]))
    return result
