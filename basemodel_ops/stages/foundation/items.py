"""Learning which things will be seen: a network of all, and a bank of pairs for each column that is asked for."""

from functools import partial

import numpy as np

from basemodel_ops.artifacts import Draft
from basemodel_ops.bank.mixing import mix_shares
from basemodel_ops.bank.pairs import fit_thing_pairs
from basemodel_ops.foundation import pretrain
from basemodel_ops.representation import Layout
from basemodel_ops.stages.features.rows import Examples
from basemodel_ops.stages.foundation import targets
from basemodel_ops.stages.foundation.training_sets import Lessons, Numbers, later_than
from basemodel_ops.stages.workspace import Workspace

HELD_OUT = 20
"""One entity in so many is kept from the learners of things, to measure them."""


def learn_things(
    ws: Workspace,
    examples: Examples,
    layout: Layout,
    asked: list[tuple[str, str, int]],
    draft: Draft,
    numbers: Numbers,
) -> list[float]:
    """Learn and write both learners of things, and the network's share by later time; the network's loss per step."""
    rows = Lessons.of_things(examples)
    place, futures = rows.place, rows.futures
    entity = examples.entity[place]
    held = np.random.default_rng((ws.settings.seed, 1)).integers(0, HELD_OUT, len(examples.entities))[entity] == 0
    held = held if 0 < held.sum() < len(held) else np.arange(len(held)) == 0
    is_later = examples.cutoff[place] >= later_than(examples, place)
    measured = np.flatnonzero(held & is_later) if (held & is_later).any() else np.flatnonzero(held)
    similar = targets.similar_things(examples.layout, rows.inputs)
    steps, answers = _learn_network(ws, examples, layout, rows, held, measured, draft, numbers)
    del rows  # its inputs are most of what is in memory, and pairs do not read them
    pairs: dict[str, str] = {}
    rates: dict[str, np.ndarray] = {}
    mix: dict[str, dict] = {}
    for source, column, horizon in asked:
        block = next(b for b in layout.select("thing", source, column) if b.detail == str(horizon))
        things = np.arange(block.length)
        happened = futures[:, block.offset : block.end].astype(np.float32)
        known = np.flatnonzero(~held & ~np.isnan(happened[:, 0]))
        alike = similar[f"{source}.{column}"]
        features = partial(_features, examples, place[known], (source, column, things, alike))
        found = fit_thing_pairs(features, happened[known] > 0, ws.settings.seed)
        own, shared = targets.own_features(examples, place[measured], source, column, things, alike)
        offset = targets.thing_offset(examples.layout, source, column)
        shares, tried = mix_shares(
            answers[:, :, offset + things].mean(axis=1), found.answers(own, shared, things),
            np.where(np.isnan(happened[measured]), np.nan, happened[measured] > 0), np.ones(len(things), bool),
            ["things"] * len(things), usual=0.5,
        )  # fmt: skip
        name = f"{source}.{column} {horizon}"
        pairs[name], rates[name] = found.booster.model_to_string(), found.rate
        mix[name] = {"share": float(shares[0]), "tried": tried.get("things", {})}
        numbers[f"network_share_{column}"] = float(shares[0])
    draft.json("pairs", {"texts": pairs, "mix": mix})
    draft.arrays("similar", {**similar, "none": np.zeros((1, 1))})
    draft.arrays("pair_rates", {**rates, "none": np.zeros(1)})
    numbers["rows"] = len(place)
    return steps


def _features(
    examples: Examples, place: np.ndarray, column: tuple[str, str, np.ndarray, np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See `targets.own_features`, of some rows of those at `place`."""
    return targets.own_features(examples, place[rows], *column)


def _learn_network(
    ws: Workspace,
    examples: Examples,
    layout: Layout,
    rows: Lessons,
    held: np.ndarray,
    measured: np.ndarray,
    draft: Draft,
    numbers: Numbers,
) -> tuple[list[float], np.ndarray]:
    """Learn and write the network of things and composition; its loss per step and its logits of `measured` rows."""
    settings = ws.settings
    shape = targets.things_shape(examples.layout, layout, settings.width, settings.hidden)
    futures = rows.futures[:, targets.first_thing(layout) :]
    model, curve = pretrain(
        rows.inputs, futures, np.zeros(0, bool), shape, settings.epochs, settings.seed, ws.log, held=held
    )
    draft.arrays("weights", model.arrays())
    draft.json("shape", shape.plain())
    numbers |= {f"loss_{k}": round(v, 5) for k, v in curve.heldout.items()}
    numbers |= {f"unigram_{k}": round(v, 5) for k, v in curve.unigram.items()}
    numbers["steps"] = len(curve.steps)
    numbers["weights"] = sum(p.numel() for p in model.network.parameters())
    return curve.steps, model.things(rows.inputs[measured])
