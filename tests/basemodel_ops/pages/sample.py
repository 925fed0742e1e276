"""Contents of a page with something in every section, and names that would break one that trusts them."""

import numpy as np

from basemodel_ops.pages.cards import Card, GroupWorth, Measured
from basemodel_ops.pages.contents import Contents, Reason, Segment, SegmentMap, TaskContents
from basemodel_ops.pages.effects import Effect
from basemodel_ops.pages.quality import (
    of_amounts,
    of_chances,
    of_classes,
    of_effects,
    of_label_efficiency,
    of_rankings,
)
from basemodel_ops.tasks.label_efficiency import LabelEfficiency

EVIL = "<script>alert('\"&')</script>"
LONG = "a name of an item that is longer than any column of a telephone is wide, " * 3


def contents() -> Contents:
    generator = np.random.default_rng(1)
    rows = 2000
    chance = generator.beta(1, 4, rows)
    columns = {
        "label": (generator.random(rows) < chance).astype(float), "prediction": chance,
        "baseline": np.clip(chance + generator.normal(0, 0.15, rows), 0, 1), "weight": np.ones(rows),
    }  # fmt: skip
    amounts = {**columns, "label": generator.gamma(2, 40_000, rows)}
    amounts |= {"prediction": amounts["label"] * generator.gamma(5, 0.2, rows), "baseline": np.full(rows, 8e4)}
    classes = np.array([EVIL, LONG, "low", "middle", "high"])[generator.integers(0, 5, rows)]
    guesses = np.where(generator.random(rows) < 0.6, classes, "low")
    rank = np.tile(np.arange(1, 21), 100)
    hits = [(generator.random(2000) < share / rank).astype(float) for share in (0.5, 0.3)]
    effects = {**columns, "label": columns["label"] + 2.0 * (generator.random(rows) < 0.5)}
    curve = LabelEfficiency("auroc", [0.03, 0.1, 0.3, 1.0], [30, 100, 300, 1000], {"linear": [None, 0.6, 0.7, 0.8]})
    drawn = {
        "voucher": of_effects(effects, "mixture", "plain", "Qini: shipped 0.01 [-0.02, 0.04]"),
        "churn": [*of_chances(columns, "mixture", "plain"), of_label_efficiency(curve)],
        "spend": of_amounts(amounts, "mixture", "plain"),
        EVIL: of_classes(classes, columns, guesses),
        "next": of_rankings(rank, hits[0], hits[1], np.repeat(generator.integers(0, 9, 100), 20)),
    }  # fmt: skip
    tasks = [
        TaskContents(
            card(name), pictures, "", {f"2024-09-{day:02}": generator.beta(2, 5, 500) for day in (9, 16, 23)},
            [
                Reason(source, column, value, size, size * sign, 7)
                for source, column, value, size, sign in (
                    ("behavior.purchases", "department", "GROCERY", 3.0, -1),
                    ("behavior.purchases", "any", EVIL, 2.0, 1),
                    ("behavior.purchases", "department", LONG, 1.5, 1), ("behavior.visits", "any", "any", 0.0, 1),
                )
            ],
            "score (chance)",
            [
                Effect(aggregate, f"{low:,} to {low + 9:,} days", 10, added, 0.5)
                for aggregate in (LONG, EVIL) for low, added in ((0, -0.0123), (10, 0.0), (1_234_567, 1_234.5))
            ],
        )
        for name, pictures in drawn.items()
    ]  # fmt: skip
    tasks.append(TaskContents(card("bare"), [], "No answered rows are kept.", {}, [], "score"))
    group = generator.integers(0, 4, 900)
    return Contents(
        entity="household", as_of="2024-09-30", versions={"foundation model": "0123456789abcdef"},
        events={"purchases": ([f"2024-{month:02}" for month in range(1, 10)], [1_234_567 * n for n in range(1, 10)])},
        profiles=[("purchases", EVIL, "category", 10_000, 12, 340)], losses=[2 / n for n in range(1, 400)],
        model_metrics={"loss_activity": 0.4321, "reason": EVIL}, tasks=tasks,
        segments=[
            *(Segment(str(n), 1, EVIL if n == 1 else LONG, 225, 0.25, [EVIL]) for n in range(1, 5)),
            Segment("1.1", 2, "within", 100, 0.11, []),
        ],
        map=SegmentMap(
            np.array([[0, 0], [4, 1], [1, 5], [-4, 2]])[group] + generator.normal(size=(900, 2)), np.array([0.4, 0.2]),
            [str(entry + 1) for entry in group],
        ),
        lookalikes=[(EVIL, "1", 1, "household 2", 0.987654321, "")], sketches=[("purchases.product_id", 0.91, 0.88)],
        anomalies=(["household", "p_value", "column_value"], [[EVIL, 1.2e-7, None]]),
    )  # fmt: skip


def card(task: str) -> Card:
    return Card(
        task=task, type="binary", entity="household", as_of="2024-09-30",
        window={"horizon_days": 28, "test rows": 9_876}, population={"rows of": "tasks.active", "target": EVIL},
        data={"sources": {"purchases": LONG}, "events": 12_345_678},
        metric="auroc", direction="↑", shipped="mixture", baseline="plain",
        measured={"shipped": Measured(0.86266, 0.85, 0.875), "baseline": Measured(0.8462, 0.83, 0.86)},
        metrics={"mixture": {"auroc": 0.86266, "brier": float("nan")}, EVIL: {"auroc": 0.5}},
        groups=[
            GroupWorth("households.income", EVIL, 432, Measured(0.84, 0.8, 0.88)),
            GroupWorth("households.age", LONG, 3, None),
        ],
        limits=[EVIL, LONG], hashes={"model": "0123456789abcdef"},
    )  # fmt: skip
