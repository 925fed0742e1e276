"""Who else belongs: against a population in which everyone's membership is known."""

import numpy as np
import pytest

from basemodel_ops.insight.audiences import FIRST, lift_of, membership

PEOPLE, NUMBERS = 3000, 12


def population(share: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings, who belongs, and who of them is a seed: so many of those who belong, at random."""
    draw = np.random.default_rng(seed)
    embeddings = draw.normal(size=(PEOPLE, NUMBERS))
    belongs = draw.random(PEOPLE) < 1 / (1 + np.exp(-(3 * embeddings[:, 0] + 2 * embeddings[:, 3] - 3)))
    return embeddings.astype(np.float16), belongs, belongs & (draw.random(PEOPLE) < share)


def test_those_who_belong_and_are_no_seeds_come_first() -> None:
    embeddings, belongs, seeds = population(0.4)
    result = membership([embeddings], seeds)
    others = ~seeds
    first = np.argsort(-result.probability[others])[:100]
    assert belongs[others][first].mean() > 0.7 > 2 * belongs[others].mean()


def test_the_probability_is_that_of_being_a_seed() -> None:
    embeddings, _, seeds = population(0.4)
    result = membership([embeddings], seeds).probability
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 1.0)):
        here = (result >= low) & (result < high)
        assert seeds[here].mean() == pytest.approx(result[here].mean(), abs=0.04)


def test_held_out_seeds_of_chance_are_found_by_chance() -> None:
    draw = np.random.default_rng(0)
    embeddings = draw.normal(size=(PEOPLE, NUMBERS))
    seeds = draw.random(PEOPLE) < 0.1
    result = membership([embeddings], seeds)
    assert 0.4 < result.auroc < 0.55  # below a half: what is held out is missing from what is learnt


def test_where_all_are_alike_everyone_has_the_share_of_seeds() -> None:
    draw = np.random.default_rng(0)
    seeds = draw.random(PEOPLE) < 0.1
    result = membership([np.ones((PEOPLE, NUMBERS), np.float16)], seeds)
    np.testing.assert_allclose(result.probability, seeds.mean(), atol=0.002)
    assert 0.4 < result.auroc < 0.55


def test_lift_counts_seeds_among_the_first() -> None:
    scores, seeds = np.arange(100.0), np.zeros(100, bool)
    seeds[[99, 98, 10, 0]] = True
    assert lift_of(scores, seeds, 0.02) == pytest.approx((2 / 2) / (4 / 100))
    assert lift_of(scores, seeds, 0.05) == pytest.approx((2 / 5) / (4 / 100))
    assert lift_of(scores, seeds, 0.0001) == pytest.approx(1 / (4 / 100))


def test_the_same_seeds_give_the_same_bytes_whatever_their_share() -> None:
    for share in (0.02, 0.9):
        embeddings, _, seeds = population(share)
        once, again = membership([embeddings], seeds, 5), membership([embeddings], seeds, 5)
        assert once.probability.tobytes() == again.probability.tobytes()
        assert len(once.lift) == len(FIRST)


def test_a_sample_of_others_leaves_the_probabilities_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, _, seeds = population(0.4)
    complete = membership([embeddings], seeds)
    monkeypatch.setattr("basemodel_ops.insight.audiences.MOST", 600)
    part = membership([embeddings[:900], embeddings[900:]], seeds)
    assert part.probability.mean() == pytest.approx(complete.probability.mean(), rel=0.15)
    assert np.corrcoef(part.probability, complete.probability)[0, 1] > 0.95


def test_entities_in_parts_are_scored_as_all_of_them_at_once() -> None:
    embeddings, _, seeds = population(0.4)
    complete = membership([embeddings], seeds)
    parts = membership([embeddings[:1], embeddings[1:700], embeddings[700:]], seeds)
    np.testing.assert_allclose(parts.probability, complete.probability, rtol=1e-5)
