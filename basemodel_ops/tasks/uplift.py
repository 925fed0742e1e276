"""Effects of a treatment: targets of both at once, how well an order of effects pays, and what an effect is told by.

A target is the outcome, 0 or 1, and 2 more where the row was treated. An answer is the chance of the outcome without
the treatment and with it, (rows, 2); their difference is the effect. Nobody sees that of a row, as one of both happens.
"""

import numpy as np

TREATED = 2.0
"""What a treatment adds to the target."""

LEAST_PROPENSITY = 0.05
"""Chances of the treatment, and of none, are taken to be this at least: few rows would outweigh all others."""

SAMPLES = 200
"""Draws of entities that an interval is found by."""

Weight = np.ndarray | None
"""Of how many rows each speaks, (rows,); None where all speak of one."""


def target_of(outcome: np.ndarray, treatment: np.ndarray) -> np.ndarray:
    """Targets of outcomes and treatments, 0 or 1 each, (rows,)."""
    return outcome + TREATED * treatment


def outcome_of(target: np.ndarray) -> np.ndarray:
    """The outcome, 0 or 1, (rows,)."""
    return target % TREATED


def is_treated(target: np.ndarray) -> np.ndarray:
    """Whether each row was treated, bool (rows,)."""
    return target >= TREATED


def effect_of(prediction: np.ndarray) -> np.ndarray:
    """The change of the chance through treatment, (rows,), of the chances without and with it, (rows, 2)."""
    return prediction[:, 1] - prediction[:, 0]


def qini_curve(target: np.ndarray, effect: np.ndarray, weight: Weight = None) -> tuple[np.ndarray, np.ndarray]:
    """How many rows are reached, the largest effects first, and how many outcomes treatment gains among them.

    Of each number of rows the outcomes of the treated, less those of the untreated were these as many (Radcliffe 2007);
    equal effects are reached together. Both (points,), from 0 on.
    """
    weight = np.ones(len(target)) if weight is None else weight
    order = np.argsort(-effect, kind="stable")
    treated, weight = is_treated(target)[order], weight[order]
    yes = outcome_of(target)[order] * weight
    last = np.append(np.flatnonzero(np.diff(effect[order])), len(order) - 1)
    count_with, count_without, yes_with, yes_without = (
        np.cumsum(values)[last] for values in (weight * treated, weight * ~treated, yes * treated, yes * ~treated)
    )
    ratio = np.divide(count_with, count_without, out=np.zeros(len(last)), where=count_without > 0)
    return np.append(0.0, np.cumsum(weight)[last]), np.append(0.0, yes_with - yes_without * ratio)


def qini(target: np.ndarray, effect: np.ndarray, weight: Weight = None) -> float:
    """The Qini coefficient: the area between the curve and the line of a random order, as a part of the largest.

    0 is random, below it worse; 1 would be to reach first all who are treated and say yes, last all who are and say no.
    Not a number where nobody, or everyone, was treated, or all outcomes are the same.
    """
    treated = is_treated(target)
    if treated.all() or not treated.any() or len(np.unique(outcome_of(target))) < 2:
        return float("nan")
    best = outcome_of(target) * np.where(treated, 1, -1)
    reached, possible = (_area(*qini_curve(target, values, weight)) for values in (effect, best))
    return reached / possible if possible > 0 else float("nan")


def _area(rows: np.ndarray, gained: np.ndarray) -> float:
    """Between a curve and the line to its end."""
    return float(np.trapezoid(gained, rows) - rows[-1] * gained[-1] / 2)


def qini_samples(
    target: np.ndarray, effects: np.ndarray, entity_index: np.ndarray, weight: Weight, seed: int
) -> np.ndarray:
    """Qini coefficients (draws, effects) of `effects` (effects, rows) among as many entities, drawn with repeats.

    Draws in which it cannot be measured are left out.
    """
    entities, codes = np.unique(entity_index, return_inverse=True)
    generator, results = np.random.default_rng(seed), []
    for _ in range(SAMPLES):
        times = np.bincount(generator.integers(0, len(entities), len(entities)), minlength=len(entities))[codes]
        weights = times * (1.0 if weight is None else weight)
        kept = np.flatnonzero(weights)
        results.append([qini(target[kept], effect[kept], weights[kept]) for effect in effects])
    drawn = np.array(results).reshape(SAMPLES, len(effects))
    return drawn[np.isfinite(drawn).all(axis=1)]


def transformed_outcome(target: np.ndarray, propensity: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """A number of each row whose mean among like rows is their effect, (rows,).

    (y - m)(t - e) / (e (1 - e)), of the outcome y, the treatment t, its chance e and the chance m of the outcome
    whatever the treatment (Athey and Imbens 2015; without m it has the same mean and varies more).

    Args:
        target: (rows,).
        propensity: The chance of the treatment, (rows,) or one of all.
        expected: The chance of the outcome, likewise.
    """
    chance = np.clip(propensity, LEAST_PROPENSITY, 1 - LEAST_PROPENSITY)
    return (outcome_of(target) - expected) * (is_treated(target) - chance) / (chance * (1 - chance))


def chances_of(effect: np.ndarray, propensity: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The chances without and with the treatment, (rows, 2), that have an effect and a mean, as far as chances can."""
    without = np.clip(expected - propensity * effect, 0, 1)
    return np.stack([without, np.clip(without + effect, 0, 1)], axis=1)
