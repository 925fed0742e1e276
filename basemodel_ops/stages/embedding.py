"""Stages that turn the values of a category into vectors and codes. Nothing sees past training."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from basemodel_ops.artifacts import Draft
from basemodel_ops.cleora import embed_stream
from basemodel_ops.cleora.embedding import hash_ids
from basemodel_ops.contract.types import EventSource
from basemodel_ops.emde import Partition, identity_codes
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.encoders.hashing import pair_ids
from basemodel_ops.report import Report
from basemodel_ops.representation.events import NO_SESSION, joined
from basemodel_ops.representation.gathering import gathered
from basemodel_ops.stages.cold import Kin, embed_cold, text_kin
from basemodel_ops.stages.encoding import encoders_of, in_order, known_things, vocabulary_of
from basemodel_ops.stages.reading import column_reader, read_events
from basemodel_ops.stages.workspace import Workspace, to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import entities_query

IDENTITY_ROWS = 2
"""Depth rows of identity codes beside the density rows."""

CHUNK_ROWS = 2_000_000
"""Events whose hyperedges are in memory at once, about."""


def embeddings(ws: Workspace, source: str, column: str) -> Report:
    """Cleora vectors of the values of a column, from sessions and entities as hyperedges.

    Things that no event mentioned get theirs from the things that their facts are shared with. Memory holds the vectors
    and one range of entities, however many events there are.
    """
    event, encoder = ws.contract.event(source), ws.current(f"encoders/{source}")
    settings = ws.settings
    inputs = [encoder.version, column, settings.dimension, settings.iterations, settings.seed]

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        vocabulary = vocabulary_of(encoder, column)
        size = len(vocabulary)
        with TemporaryDirectory(dir=settings.home, prefix="incidences-") as folder:
            with ws.warehouse() as warehouse:
                end = ws.times(warehouse).training_end
                files, mentioned = _save_incidences(ws, warehouse, event, column, size, to_datetime(end), Path(folder))
                kin = _kin(ws, warehouse, event, column, vocabulary, end)
            found = embed_stream(
                lambda: _load(files),
                vocabulary.values.to_pylist(),
                settings.dimension,
                settings.iterations,
                seed=settings.seed,
            )
        connected = mentioned > 0
        found.vectors[~connected] = embed_cold(found, kin, connected)
        draft.arrays(
            "embedding",
            {
                "vectors": found.vectors, "previous": found.previous, "mean": found.mean,
                "whitening": found.whitening, "connected": connected,
            },
        )  # fmt: skip
        return {
            "values": size,
            "incidences": int(mentioned.sum()),
            "connected_share": round(float(connected.mean()), 4) if size else 0.0,
            "embedded_from_facts": int((np.abs(found.vectors[~connected]).max(axis=1, initial=0) > 0).sum()),
        }, {}

    return ws.made(f"embeddings/{source}__{column}", inputs, fill)


def _save_incidences(
    ws: Workspace, warehouse: Warehouse, event: EventSource, column: str, size: int, before: datetime, folder: Path
) -> tuple[list[Path], np.ndarray]:
    """Files of (codes, hyperedges), each with whole hyperedges: all things of an entity, and those of its sessions.

    Things of one session that is shared by entities are seen together per entity.

    Returns:
        The files, and how many incidences each of the `size` values has.
    """
    files: list[Path] = []
    mentioned = np.zeros(size, np.int64)

    def save(codes: np.ndarray, hyperedges: np.ndarray) -> None:
        np.add(mentioned, np.bincount(codes[codes >= 0], minlength=size), out=mentioned)
        files.append(folder / f"{len(files)}.npy")
        np.save(files[-1], np.stack([codes.astype(np.int64), hyperedges]))

    entities = Vocabulary.from_entities(warehouse.read(entities_query(ws.contract, before)))
    reader = column_reader(ws, event, entities, column)
    for events in gathered(read_events(ws, warehouse, event, reader, before), len, CHUNK_ROWS, joined):
        owner, codes = events.owner.astype(np.int64), events.codes[column]
        save(codes, owner * 2)  # even numbers, so that no session is taken for an entity
        if events.session is not None:
            told = events.session != NO_SESSION
            save(codes[told], pair_ids(owner[told], events.session[told]) | 1)
    return files, mentioned


def _load(files: list[Path]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for file in files:
        codes, hyperedges = np.load(file)
        yield codes, hyperedges


def _kin(
    ws: Workspace, warehouse: Warehouse, event: EventSource, column: str, vocabulary: Vocabulary, end: int
) -> list[Kin]:
    """Groups of values that share a fact; none where the column refers to no things."""
    declared = next(one for one in event.columns if one.name == column)
    if not declared.references:
        return []
    artifact, source = ws.current(f"encoders/{event.name}"), ws.contract.attribute(declared.references)
    things = in_order(known_things(warehouse, source, end), vocabulary.values)
    kin = []
    for name in artifact.names:
        if name.startswith(f"map {column}."):
            kin.append(Kin.sharing(artifact.arrays(name.removesuffix(".safetensors"))["codes"]))
    for attribute, encoder in encoders_of(artifact, column).items():
        if encoder.is_density:
            kin.append(text_kin(things.column(attribute).combine_chunks(), encoder, vocabulary.counts))
    return kin


def codes(ws: Workspace, source: str, column: str) -> Report:
    """Density and identity codes of the values of a column."""
    encoder, embedding = ws.current(f"encoders/{source}"), ws.current(f"embeddings/{source}__{column}")
    settings = ws.settings
    inputs = [embedding.version, settings.depth, settings.width, settings.seed]

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        vocabulary = vocabulary_of(encoder, column)
        arrays = embedding.arrays("embedding")
        vectors = arrays["vectors"]
        density = np.zeros((0, settings.depth), np.int32)
        if len(vocabulary):
            told = vectors[arrays["connected"]] if arrays["connected"].any() else vectors
            density = Partition.fit(told, settings.depth, settings.width, settings.seed).encode(vectors)
        identity = identity_codes(hash_ids(vocabulary.values.to_pylist()), IDENTITY_ROWS, settings.width)
        draft.arrays("codes", {"codes": np.hstack([density, identity])})
        used = (
            [len(np.unique(density[:, row])) / settings.width for row in range(settings.depth)] if len(density) else [0]
        )
        return {"values": len(vocabulary), "cells_used_share": round(float(np.mean(used)), 4)}, {}

    return ws.made(f"codes/{source}__{column}", inputs, fill)
