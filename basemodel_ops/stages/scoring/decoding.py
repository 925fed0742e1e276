"""Reading out of represented rows what their histories hold: counts that are kept exactly, or sketches."""

from collections.abc import Iterator

import numpy as np

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.emde import decoded_counts, query_sketch
from basemodel_ops.representation.build import RECENCY_HALF_LIFE
from basemodel_ops.representation.inversion import invert_sketch
from basemodel_ops.representation.observed import decay_factors
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.embedding_artifact import CodesArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.rows import Represented


def read_histories(
    store: ArtifactStore,
    settings: Settings,
    examples: Represented,
    row_index: np.ndarray,
    source: str,
    column: str,
    size: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Probability, decayed count and age of each of the `size` values of a column, (size,) each, per row at
    `row_index`.

    The files are read once, however many rows are asked.
    """
    half_lives = np.array(settings.half_lives)
    if not examples.layout.select("sketch", source, column):
        first_event_time = EncoderArtifact.current(store, source).first_event_time
        factor = decay_factors(examples.cutoffs, first_event_time, half_lives[[half_lives.argmax()]])[
            np.searchsorted(examples.cutoffs, examples.cutoff[row_index])
        ]
        counts = np.expm1(_block(examples, row_index, "count", source, column, f"{half_lives.max():g}")) / factor
        recencies = _block(examples, row_index, "recency", source, column, "")
        for kept, recency in zip(counts, recencies, strict=True):
            yield _exact(kept, recency, size)
        return
    codes, prior = _codes_and_prior(store, source, column)
    for sketch in _sketches(examples, row_index, source, column, (codes.shape[1], settings.width), half_lives):
        decoded = query_sketch(sketch, codes, half_lives, np.arange(size), prior)
        yield decoded.probability, decoded.count, decoded.age


def read_counts(
    store: ArtifactStore, settings: Settings, examples: Represented, row_index: np.ndarray, source: str, column: str
) -> Iterator[np.ndarray]:
    """The decayed counts of `read_histories` alone, of a sketched column: a third of the work, on all cores."""
    codes, prior = _codes_and_prior(store, source, column)
    longest = np.array([max(settings.half_lives)])

    def work(row: int) -> np.ndarray:
        (sketch,) = _sketches(examples, row_index[[row]], source, column, (codes.shape[1], settings.width), longest)
        return decoded_counts(sketch[0], codes, prior)

    return parallel_map(work, range(len(row_index)))


def _codes_and_prior(store: ArtifactStore, source: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Cells of the values of a column, (values, depth), and how frequent each is, (values,)."""
    codes = CodesArtifact.current(store, source, column).codes
    # Items that no event mentioned before the end of training may be in newer histories.
    return codes, EncoderArtifact.current(store, source).vocabulary(column).counts + 0.5


def _sketches(
    examples: Represented, row_index: np.ndarray, source: str, column: str, shape: tuple[int, int],
    half_lives: np.ndarray,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Decayed counts of cells, float64 (half-lives, depth, width), of each row; `shape` is (depth, width)."""
    depth, width = shape
    stored, cell_weights = (
        np.stack(
            [_block(examples, row_index, kind, source, column, f"{half_life:g}") for half_life in half_lives], axis=1
        )
        for kind in ("sketch", "total_weight")
    )  # (places, half-lives, cells) and (places, half-lives, 1)
    for rows, total_weight in zip(stored, np.expm1(cell_weights).repeat(depth, axis=2), strict=True):
        yield invert_sketch(rows.reshape(-1, width), total_weight.ravel()).reshape(len(half_lives), depth, width)


def _exact(kept: np.ndarray, recency: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values that are kept exactly; of the others nothing is known."""
    count, age = np.zeros(size), np.full(size, np.nan)
    count[: len(kept)] = kept
    there = recency > 0
    age[: len(kept)][there] = -RECENCY_HALF_LIFE * np.log2(recency[there])
    return (count > 0).astype(float), count, age


def _block(
    examples: Represented, row_index: np.ndarray, kind: str, source: str, column: str, detail: str
) -> np.ndarray:
    (block,) = [b for b in examples.layout.select(kind, source, column) if b.detail == detail]
    return examples.gather(row_index, np.arange(block.offset, block.end)).astype(np.float64)
