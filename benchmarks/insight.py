"""Look-alikes and segments of a trained home against recency, frequency and money, on what came afterwards.

    BASEMODEL_HOME=… python -m benchmarks insight --as-of 2017-11-27 --before 2017-11-20

Both weeks must be represented (`basemodel score --as-of`). Nothing is written: segments are assigned in memory. What is
money, an item and a question is that of the demo, unless options say otherwise; the home is on DuckDB.
"""

import argparse
import time
from collections.abc import Callable
from datetime import datetime

import duckdb
import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from basemodel_ops.insight.neighbours import Directions, nearest
from basemodel_ops.insight.segments import LEVELS, Tree
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.insight.segmentation import SegmentationArtifact
from basemodel_ops.stages.insight.week import Week
from benchmarks.behaviour import Behaviour, add_options, columns_by_entity, events_after, recency_frequency_money
from dagster_project.lib.project import load_project

TOPS = (0.01, 0.05, 0.1)
DRAWS = 10
"""Halves of the seeds that are drawn."""

NEAREST = 10
"""A candidate is as near as the mean of so many of the nearest seeds is."""

LEAST_BUYERS, MOST_BUYERS = 30, 0.2
"""Households that buy a category, at least, and of all at most."""

Numbers = dict[str, object]


def run(arguments: list[str]) -> Numbers:
    """Measure both; see the module."""
    parser = argparse.ArgumentParser(prog="benchmarks insight", description=__doc__)
    parser.add_argument("--as-of", type=datetime.fromisoformat, required=True)
    parser.add_argument("--before", type=datetime.fromisoformat, required=True, help="The week before it.")
    add_options(parser)
    parser.add_argument("--entities", type=int, default=0, help="Also time the look-alikes of so many made-up ones.")
    chosen = parser.parse_args(arguments)
    settings = Settings()
    ws = Workspace.open(settings, load_project(settings).contract, lambda _: None)
    weeks = Week(ws.store, chosen.before), Week(ws.store, chosen.as_of)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        behaviour = Behaviour.chosen(ws.contract, chosen)
        rows = [recency_frequency_money(connection, week, behaviour) for week in weeks]
        result: Numbers = {
            "as_of": f"{chosen.as_of:%Y-%m-%d}", "entities": len(weeks[1]),
            "lookalikes": _lookalikes(connection, weeks[1], rows[1], behaviour),
            "segments": _segments(connection, weeks, rows, SegmentationArtifact.current(ws.store).tree, behaviour),
        }  # fmt: skip
    if chosen.entities:
        result["speed"] = _speed(chosen.entities)
    return result


def _lookalikes(connection: duckdb.DuckDBPyConnection, week: Week, plain: np.ndarray, behaviour: Behaviour) -> Numbers:
    """Lift of the held-out half of seeds among those nearest to the other half, by kind of seeds and by nearness."""
    said_yes = columns_by_entity(connection, week, behaviour.yes, {"as_of": week.as_of})["yes"] > 0
    bought = events_after(connection, week, behaviour, 14)[1] > 0
    enough = (bought.sum(axis=0) >= LEAST_BUYERS) & (bought.mean(axis=0) <= MOST_BUYERS)
    kinds = {behaviour.question: [said_yes], "buyers of a category": list(bought[:, enough].T)}
    unit = Directions(week.embeddings).of(slice(None)).astype(np.float64)
    direction = plain / np.linalg.norm(plain, axis=1, keepdims=True)
    square = (plain**2).sum(axis=1)
    nearness: dict[str, np.ndarray] = {
        "embedding": unit @ unit.T,
        "recency, frequency, money": 2 * plain @ plain.T - square[:, None] - square,
        "recency, frequency, money, by cosine": direction @ direction.T,
    }
    result: Numbers = {}
    for kind, seeds in kinds.items():
        lifts = {name: np.array([_lifts(near, entry) for entry in seeds]) for name, near in nearness.items()}
        measured: Numbers = {"kinds_of_seeds": len(seeds), "share_of_seeds": round(float(np.mean(seeds)), 4)}
        for name, values in lifts.items():  # (kinds, draws, tops)
            measured[name] = {f"{top:.0%}": round(float(values[..., n].mean()), 3) for n, top in enumerate(TOPS)}
        ours, theirs = lifts["embedding"][..., 0], lifts["recency, frequency, money"][..., 0]
        value = (ours - theirs).mean(axis=1) if len(seeds) > 1 else (ours - theirs)[0]
        measured["ratio_first_percent"] = round(float(ours.mean() / theirs.mean()), 3)
        measured["difference"] = round(float(value.mean()), 3)
        measured["error_of_difference"] = round(float(value.std(ddof=1) / np.sqrt(len(value))), 3)
        result[kind] = measured
    return result


def _lifts(near: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Lift in the first shares of candidates, (draws, tops)."""
    result = []
    for draw in range(DRAWS):
        chosen = np.random.default_rng(draw).permutation(np.flatnonzero(seeds))
        known, held = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
        candidates = np.setdiff1d(np.arange(len(seeds)), known)
        subset = near[np.ix_(candidates, known)]
        count = min(NEAREST, subset.shape[1])
        order = np.argsort(-np.partition(subset, -count, axis=1)[:, -count:].mean(axis=1), kind="stable")
        is_held = np.isin(candidates[order], held)
        firsts = [is_held[: max(int(np.ceil(top * len(order))), 1)].mean() for top in TOPS]
        result.append(np.array(firsts) / is_held.mean())
    return np.array(result)


def _segments(
    connection: duckdb.DuckDBPyConnection, weeks: tuple[Week, Week], plain: list[np.ndarray], tree: Tree,
    behaviour: Behaviour,
) -> list[Numbers]:  # fmt: skip
    """Per level: stability from week to week, and what of the next 28 days the groups explain, against k-means."""
    value, number = events_after(connection, weeks[1], behaviour, 28)
    spend, active = value.sum(axis=1), number.sum(axis=1) >= 5
    items = np.sqrt(number[active] / number[active].sum(axis=1, keepdims=True))  # Hellinger
    both = weeks[1].entities.encode(weeks[0].entities.values)
    was, now = np.flatnonzero(both >= 0), both[both >= 0]
    first = tree.assign(weeks[0].embeddings)[0]
    before = np.full((len(weeks[1]), LEVELS), -1)
    before[now] = first[was]
    second = tree.assign(weeks[1].embeddings, before)[0]
    result: list[Numbers] = []
    for level in range(1, LEVELS + 1):
        # Whoever is in a group that is not divided further stays in it.
        ours = [group[:, :level].max(axis=1) for group in (first, second)]
        count = len(np.unique(ours[1]))
        means = KMeans(count, n_init=4, random_state=0).fit(plain[0])
        theirs = [means.labels_, means.predict(plain[1])]
        measured: Numbers = {
            "level": level,
            "groups": count,
            "smallest": int(np.unique(ours[1], return_counts=True)[1].min()),
        }
        for name, groups in (("segments", ours), ("k-means on recency, frequency, money", theirs)):
            measured[name] = {
                "adjusted_rand": round(float(adjusted_rand_score(groups[0][was], groups[1][now])), 3),
                "spend_explained": round(_explained(spend[:, None], groups[1]), 4),
                "items_explained": round(_explained(items, groups[1][active]), 4),
            }
        result.append(measured)
    return result


def _explained(values: np.ndarray, group: np.ndarray) -> float:
    """The share of the variance of values (rows, numbers) between groups."""
    left = sum(
        float(((part - part.mean(axis=0)) ** 2).sum()) for part in (values[group == g] for g in np.unique(group))
    )
    return 1 - left / float(((values - values.mean(axis=0)) ** 2).sum())


def _speed(entities: int) -> Numbers:
    """Seconds that the look-alikes of made-up entities take, and how many of 100 of them a plain sort finds too."""
    embeddings = np.random.default_rng(0).normal(size=(entities, 128)).astype(np.float16)
    directions, started = Directions(embeddings), time.perf_counter()
    result = np.concatenate([positions for _, positions, _ in nearest(directions, 10)])
    seconds = time.perf_counter() - started
    unit: Callable[[np.ndarray | slice], np.ndarray] = directions.of
    cosine = unit(slice(0, 100)) @ unit(slice(None)).T
    cosine[np.arange(100), np.arange(100)] = -np.inf
    same = [len(np.intersect1d(np.argsort(-cosine[row])[:10], result[row])) for row in range(100)]
    return {"entities": entities, "seconds": round(seconds, 1), "recall": float(np.mean(same)) / 10}
