"""The stage that trains the foundation model: two learners for activity, and two for things."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.artifacts import Draft
from basemodel_ops.bank.activity import ActivityBank, fit_bank
from basemodel_ops.bank.completion import complete
from basemodel_ops.bank.folds import FOLDS
from basemodel_ops.bank.mixing import family_losses, mix_shares
from basemodel_ops.foundation import FoundationModel, Shape, pretrain
from basemodel_ops.memory import release
from basemodel_ops.report import Report
from basemodel_ops.representation import Layout
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.layout import Block
from basemodel_ops.stages.features.activity_targets import foreseen
from basemodel_ops.stages.features.rows import Examples
from basemodel_ops.stages.foundation import targets
from basemodel_ops.stages.foundation.checkpoint import (
    Activity,
    activity_shape,
    embedding_inputs,
    fit_embedding,
    prefixed,
)
from basemodel_ops.stages.foundation.items import learn_things
from basemodel_ops.stages.foundation.training_sets import Lessons, Numbers, later_than
from basemodel_ops.stages.plots import loss_curve
from basemodel_ops.stages.workspace import Workspace

PROBED_DAYS = 14
"""The horizon by which the learners of a family are compared, where earlier and later rows know any window as long."""

EMBEDDED_FROM = 20_000
"""Rows from which the components of embeddings are found."""

ROW_SHARES = (0.3, 1.0)
"""Shares of the rows that the network of activity is tried on: overlapping windows make it memorise entities."""


def foundation_model(ws: Workspace) -> Report:
    """Pretrain on activity, things and composition futures; keep the predicted activity of all training examples."""
    end = ws.snapshot().times.training_end
    asked = list(ws.snapshot().asked)

    def fill(ws: Workspace, draft: Draft) -> tuple[Numbers, dict[str, bytes]]:
        examples = Examples(ws.current("training_examples"))
        layout = Layout.from_rows(examples.artifact.json("futures"))
        numbers: Numbers = {}
        activity = _learn_activity(ws, examples, layout, draft, numbers)
        release()  # what things are learnt from is the most that is held
        steps = learn_things(ws, examples, layout, asked, draft, numbers)
        draft.json("about", {"examples": examples.version, "training_end": end})
        draft.json("layout", examples.layout.explain())
        draft.json("losses", [round(float(step), 6) for step in steps])
        rows = np.arange(len(examples))
        answers = activity.answers(examples, rows, examples.cutoff < end)
        draft.arrays("activity", {"values": answers})
        some = np.random.default_rng(ws.settings.seed).permutation(rows[examples.cutoff < end])
        some = np.sort(some[:EMBEDDED_FROM])
        draft.arrays("embedding", fit_embedding(embedding_inputs(examples, some, answers[some])))
        return numbers, {"loss": loss_curve(steps)}

    return ws.made("foundation_model", fill)


def _learn_activity(ws: Workspace, examples: Examples, layout: Layout, draft: Draft, numbers: Numbers) -> Activity:
    """The learners' shares by later time; then each learner once per fold, on the entities of the others."""
    rows, blocks = Lessons.of_activity(examples, ws.settings.seed), foreseen(layout)
    inputs, futures, later = rows.inputs, rows.futures, later_than(examples, rows.place)
    is_any = np.array([block.kind == "any" for block in blocks])
    read = examples.positions(*targets.READ)
    calendar = np.flatnonzero(np.isin(read, examples.layout.positions("calendar")))
    shape, chains = activity_shape(len(read), len(blocks), calendar), targets.chains_of(blocks)
    cutoffs = examples.cutoff[rows.place]
    compared = _compare(ws, inputs, futures, blocks, cutoffs, later, shape)
    fold = examples.folds(rows.place)
    order = np.random.default_rng(ws.settings.seed).permutation(len(fold))
    banks: list[ActivityBank] = []
    networks: list[FoundationModel] = []
    for number in range(FOLDS):
        mine = order[fold[order] != number]
        mine = mine if len(mine) else order  # a fold may be empty where there are few entities
        some = np.arange(len(mine)) < max(int(compared.rows_share * len(mine)), 1)
        mine, some = np.sort(mine), some[np.argsort(mine)]
        own = inputs[mine].astype(np.float32)
        whole = complete(own, futures[mine], chains, is_any, ws.settings.seed)
        banks.append(fit_bank(own, whole, is_any, ws.settings.seed))
        networks.append(pretrain(inputs[mine[some]], whole[some], is_any, shape, 1, ws.settings.seed, ws.log)[0])
    numbers |= compared.numbers
    numbers["activity_rows"] = len(rows.place)
    numbers["activity_futures"] = len(blocks)
    numbers["network_rows_share"] = compared.rows_share
    numbers["network_share_activity"] = round(float(compared.shares.mean()), 3)
    draft.arrays("activity_weights", prefixed(networks))
    draft.json("activity_bank", [found.texts() for found in banks])
    draft.json("activity_shape", shape.plain())
    draft.json(
        "mix",
        {"shares": compared.shares.tolist(), "tried": compared.tried, "blocks": [vars(block) for block in blocks]},
    )
    return Activity(banks, networks, compared.shares, read)


@dataclass(frozen=True)
class _Compared:
    """What later rows say of the learners of activity."""

    rows_share: float  # of the rows, those that the network learns from
    shares: np.ndarray  # (futures,) the network's in each answer
    tried: dict[str, dict[str, float]]  # loss of every share per family
    numbers: Numbers


def _compare(
    ws: Workspace,
    inputs: np.ndarray,
    futures: np.ndarray,
    blocks: list[Block],
    cutoffs: np.ndarray,
    later: int,
    shape: Shape,
) -> _Compared:
    """How many rows the network learns from, and each learner's share, by rows later than all that was learnt.

    What the learners see for this ends where the later rows begin. One future stands for its family: the one whose
    horizon is nearest to `PROBED_DAYS`.
    """
    ends = np.array([int(block.detail) for block in blocks]) * DAY
    seen = np.where(cutoffs[:, None] + ends <= later, futures, np.nan)
    families, is_any = targets.families_of(blocks), np.array([block.kind == "any" for block in blocks])
    past, after = np.flatnonzero(cutoffs < later), np.flatnonzero(cutoffs >= later)
    past = np.random.default_rng((ws.settings.seed, 2)).permutation(past)
    if len(past) == 0:
        past = after
    never = [np.all(np.isnan(one), axis=0) for one in (seen[past], futures[after])]
    probed = _probed(blocks, never[0] | never[1])
    small = fit_bank(inputs[past].astype(np.float32), seen[past][:, probed], is_any[probed], ws.settings.seed)
    by_bank = small.answers(inputs[after].astype(np.float32))
    measured = futures[after][:, probed], is_any[probed], [families[number] for number in probed]

    def loss(answers: np.ndarray) -> float:
        return sum(family_losses(answers, *measured).values())

    by_network: dict[float, np.ndarray] = {}
    for share in ROW_SHARES:
        some = np.sort(past[: max(int(share * len(past)), 1)])
        model, _ = pretrain(inputs[some], seen[some], is_any, shape, 1, ws.settings.seed, ws.log)
        by_network[share] = model.activity(inputs[after])[:, probed]
    best = min(ROW_SHARES, key=lambda share: loss(by_network[share]))
    mixed, tried = mix_shares(by_network[best], by_bank, *measured)
    by_family = dict(zip(measured[2], mixed.tolist(), strict=True))
    numbers: Numbers = {
        "loss_activity": round(loss(mixed * by_network[best] + (1 - mixed) * by_bank), 5),
        "unigram_activity": round(loss(np.broadcast_to(_averages(seen[past], is_any)[probed], by_bank.shape)), 5),
    }
    return _Compared(best, np.array([by_family[name] for name in families], np.float32), tried, numbers)


def _probed(blocks: list[Block], is_unknown: np.ndarray) -> np.ndarray:
    """Position of the future of each quantity whose horizon is nearest to `PROBED_DAYS`, of those that are known.

    Where cutoffs are days apart, two weeks may be over neither of earlier rows nor of later ones.
    """
    chains = targets.chains_of(blocks)
    days = [abs(int(block.detail) - PROBED_DAYS) for block in blocks]
    far = list(zip(is_unknown.tolist(), days, strict=True))
    return np.sort([min(chain, key=lambda number: far[number]) for chain in chains])


def _averages(futures: np.ndarray, is_any: np.ndarray) -> np.ndarray:
    """Answers (futures,) that know only how often and how much; a future that nobody knows is taken for none."""
    mean = np.nanmean(np.where(np.isnan(futures).all(axis=0), 0, futures).astype(np.float32), axis=0)
    rate = mean.clip(1e-4, 1 - 1e-4)
    return np.where(is_any, np.log(rate / (1 - rate)), mean)
