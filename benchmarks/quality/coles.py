"""CoLES as a reference: an encoder of event sequences learnt by telling slices of one history from those of others.

Babaev et al., "CoLES: Contrastive Learning for Event Sequences with Self-Supervision", SIGMOD 2022. Encoder, sampling
and loss are those of pytorch-lifestream, their authors' library. It pins what this project's constraints do not allow,
so it is installed without its dependencies; `INSTALL` says how.
"""

import importlib.util
import logging
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from basemodel_ops.errors import SettingsError
from benchmarks.quality.events import DAY, Events

INSTALL = (
    "pip install --no-deps pytorch-lifestream==0.7.0 pytorch-lightning lightning-utilities torchmetrics transformers "
    "huggingface-hub regex tqdm hydra-core 'omegaconf<2.4' antlr4-python3-runtime==4.9.3 pymonad dask toolz partd "
    "locket cloudpickle"
)

UNITS = ("lines", "baskets")
"""What is one event of a sequence: a line of a basket, or a basket as a whole."""

HIDDEN = 128
SLICES = {"lines": (25, 200), "baskets": (10, 60)}
"""Least and most events of a sub-sequence; of lines, those of the library's own examples."""


@dataclass(frozen=True)
class Stream:
    """Sequences of all entities end to end, sorted by entity and time."""

    start: np.ndarray  # (entities + 1,)
    key: np.ndarray  # (events,) ascending, as that of `Events`
    codes: dict[str, np.ndarray]  # (events,) int, above 0
    numbers: dict[str, np.ndarray]  # (events,) float


def stream_of(events: Events, unit: str) -> Stream:
    """The sequences with their categories, numbers, gaps, hours and weekdays; SettingsError names an unknown unit."""
    if unit not in UNITS:
        raise SettingsError(f"No unit {unit}. There are: {', '.join(UNITS)}.")
    first = np.arange(len(events.time)) if unit == "lines" else np.flatnonzero(events.is_first)
    entity_index, time = events.entity_index[first], events.time[first]
    gap = np.diff(time, prepend=time[0]) / DAY
    gap[np.append(True, entity_index[1:] != entity_index[:-1])] = 0
    codes = {"hour": time // (DAY // 24) % 24 + 1, "weekday": (time // DAY + 3) % 7 + 1}
    numbers = {name: np.add.reduceat(values, first) for name, values in events.numbers.items()}
    numbers |= {"gap": gap}
    if unit == "lines":
        codes["category"] = events.category + 2
    else:
        numbers["lines"] = np.diff(first, append=len(events.time)).astype(float)
    start = np.searchsorted(entity_index, np.arange(len(events.entities) + 1))
    return Stream(start, events.key[first], codes, {n: np.sign(v) * np.log1p(np.abs(v)) for n, v in numbers.items()})


def embeddings(
    events: Events, entity_index: np.ndarray, cutoff: np.ndarray, end: int, unit: str, epochs: int, seed: int
) -> np.ndarray:
    """State of the encoder after each owner's last event strictly before its cutoff, float32 (rows, HIDDEN).

    Args:
        events: All events; the encoder learns from those strictly before `end`.
        owner: (rows,) entities.
        cutoff: (rows,) microseconds.
        end: The end of training, microseconds.
        unit: One of `UNITS`.
        epochs: Passes over the entities, five slices of each at a time.
        seed: Of weights, slices and order.

    Raises:
        SettingsError: pytorch-lifestream is not installed.
    """
    if importlib.util.find_spec("ptls") is None:
        raise SettingsError(f"CoLES needs pytorch-lifestream, which is not installed. Run: {INSTALL}")
    stream, everyone = stream_of(events, unit), np.arange(len(events.entities))
    fitted = np.searchsorted(stream.key, events.key_of(everyone, np.full(len(everyone), end)))
    encoder = _learn(stream, fitted, unit, epochs, seed)
    return states(encoder, stream, entity_index, np.searchsorted(stream.key, events.key_of(entity_index, cutoff)))


def _learn(stream: Stream, stop: np.ndarray, unit: str, epochs: int, seed: int) -> torch.nn.Module:
    """The encoder, learnt from each entity's events before `stop` (entities,)."""
    import pytorch_lightning as lightning
    from ptls.frames.coles import ColesDataset, CoLESModule
    from ptls.frames.coles.split_strategy import SampleSlices
    from ptls.nn import RnnSeqEncoder, TrxEncoder

    lightning.seed_everything(seed, verbose=False)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    records = [_record(stream, low, high) for low, high in zip(stream.start[:-1], stop, strict=True) if high > low]
    loader = torch.utils.data.DataLoader(
        ColesDataset(records, SampleSlices(5, *SLICES[unit])),  # pyright: ignore[reportArgumentType]
        batch_size=64, shuffle=True, drop_last=True, collate_fn=ColesDataset.collate_fn,
    )  # fmt: skip
    layer = TrxEncoder(
        embeddings={
            name: {"in": int(current.max()) + 1, "out": 4 if current.max() < 30 else 16}
            for name, current in stream.codes.items()
        },
        numeric_values={name: "identity" for name in stream.numbers},
        embeddings_noise=0.003,
    )
    module = CoLESModule(
        seq_encoder=RnnSeqEncoder(trx_encoder=layer, hidden_size=HIDDEN, type="gru"),
        optimizer_partial=partial(torch.optim.Adam, lr=1e-3),
        lr_scheduler_partial=partial(torch.optim.lr_scheduler.StepLR, step_size=max(epochs // 2, 1), gamma=0.5),
    )
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library: workers, and logging without a logger
        trainer.fit(module, loader)
    return module.seq_encoder.eval()


def _record(stream: Stream, low: int, high: int) -> dict[str, torch.Tensor]:
    """Events `low` to `high` as the library wants them; it needs a time to cut by."""
    result = {name: torch.from_numpy(values[low:high].astype(np.int64)) for name, values in stream.codes.items()}
    result |= {name: torch.from_numpy(values[low:high].astype(np.float32)) for name, values in stream.numbers.items()}
    return {**result, "event_time": torch.arange(high - low)}


def states(encoder: Any, stream: Stream, entity_index: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """State after the last event before `stop` (rows,) of each owner, float32 (rows, HIDDEN); else zeros."""
    from ptls.data_load.utils import collate_feature_dict

    result = np.zeros((len(entity_index), HIDDEN), np.float32)
    seen = stop - stream.start[entity_index]
    longest = np.zeros(len(stream.start) - 1, np.int64)
    np.maximum.at(longest, entity_index, seen)
    order = np.argsort(longest, kind="stable")
    order = order[longest[order] > 0]
    encoder.is_reduce_sequence = False
    for low in range(0, len(order), 32):
        subset = order[low : low + 32]
        batch = collate_feature_dict([_record(stream, stream.start[e], stream.start[e] + longest[e]) for e in subset])
        with torch.no_grad():
            outputs = encoder(batch).payload.numpy()  # (entities, events, hidden)
        row_index = np.full(len(longest), -1)
        row_index[subset] = np.arange(len(subset))
        rows = np.flatnonzero((row_index[entity_index] >= 0) & (seen > 0))
        result[rows] = outputs[row_index[entity_index[rows]], seen[rows] - 1]
    return result
