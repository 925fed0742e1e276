"""Stages that turn the values of a category into vectors and codes. Nothing sees past training."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.cleora import embed_stream
from basemodel_ops.cleora.embedding import hash_ids
from basemodel_ops.cleora.windows import windows
from basemodel_ops.contract.types import EventSource
from basemodel_ops.emde import Partition, identity_codes
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.encoders.hashing import pair_ids
from basemodel_ops.report import Report
from basemodel_ops.representation.events import NO_SESSION, joined
from basemodel_ops.representation.gathering import gathered
from basemodel_ops.representation.occasions import occasions
from basemodel_ops.scratch import scratch_folder
from basemodel_ops.stages.features.cold import Kin, embed_cold, text_kin
from basemodel_ops.stages.features.encoding import encoders_of, facts_of, in_order, known_things, vocabulary_of
from basemodel_ops.stages.features.reading import Chosen, column_reader, read_entities, read_events, sample_of
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse

IDENTITY_ROWS = 2
"""Depth rows of identity codes beside the density rows."""

CHUNK_ROWS = 2_000_000
"""Events whose hyperedges are in memory at once, about."""

WINDOW = 3
"""Adjacent occasions of an entity that are a hyperedge, where events carry no session."""

FACT_WEIGHT = 4.0
"""Weight of a thing in the hyperedge of those that share a fact of it; 1 in all others."""

KINDS = ENTITY, SESSION, NEIGHBOURS, FACT = range(4)
"""Kinds of hyperedges, told by the remainder of their ids."""


def embeddings(ws: Workspace, source: str, column: str) -> Report:
    """Cleora vectors of the values of a column, from entities, sessions or windows, and shared facts as hyperedges.

    Things that no event mentioned get theirs from the things that their facts are shared with. Memory holds the vectors
    and one range of entities, however many events there are.
    """
    event, snapshot = ws.contract.event(source), ws.snapshot()
    end, chosen = snapshot.times.training_end, sample_of(ws.settings.embedding_events, snapshot.events[source])

    def fill(ws: Workspace, draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        settings, encoder = ws.settings, ws.current(f"encoders/{source}")
        vocabulary = vocabulary_of(encoder, column)
        size = len(vocabulary)
        with scratch_folder(settings.home, "incidences") as folder:
            with ws.warehouse() as warehouse:
                files, mentioned = _save_incidences(
                    ws, warehouse, event, column, size, to_datetime(end), folder, chosen
                )
                files += save_facts(encoder, column, mentioned > 0, folder)
                kin = _kin(ws, warehouse, event, column, vocabulary, end)
            found = embed_stream(
                lambda: load_incidences(files),
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

    return ws.made(f"embeddings/{source}__{column}", fill)


def _save_incidences(
    ws: Workspace, warehouse: Warehouse, event: EventSource, column: str, size: int, before: datetime, folder: Path,
    chosen: Chosen,
) -> tuple[list[Path], np.ndarray]:  # fmt: skip
    """Files of (codes, hyperedges), each with whole hyperedges.

    All things of an entity are one, and those of each of its sessions; or of its windows where events carry no session,
    so that their order is told. Things of one session that is shared by entities are seen together per entity.

    Returns:
        The files, and how many incidences each of the `size` values has.
    """
    files: list[Path] = []
    mentioned = np.zeros(size, np.int64)
    told = 0

    def save(codes: np.ndarray, hyperedges: np.ndarray, kind: int) -> None:
        np.add(mentioned, np.bincount(codes[codes >= 0], minlength=size), out=mentioned)
        files.append(_save(folder, len(files), codes, hyperedges, kind))

    entities = read_entities(ws, warehouse, before, chosen)
    reader = column_reader(ws, event, entities, column)
    for events in gathered(read_events(ws, warehouse, event, reader, before, chosen), len, CHUNK_ROWS, joined):
        owner, codes = events.owner.astype(np.int64), events.codes[column]
        save(codes, owner, ENTITY)
        if events.session is not None:
            known = events.session != NO_SESSION
            save(codes[known], pair_ids(owner[known], events.session[known]), SESSION)
        else:
            occasion = occasions(owner, events.time)
            place, window = windows(owner, occasion, WINDOW)
            save(codes[place], window + told, NEIGHBOURS)
            told += int(occasion[-1]) + 1 if len(occasion) else 0
    return files, mentioned


def save_facts(encoder: Artifact, column: str, is_known: np.ndarray, folder: Path) -> list[Path]:
    """Files of (codes, hyperedges): the known values that share a fact, a hyperedge per value of each fact."""
    files, groups = [], 0
    for number, codes in enumerate(facts_of(encoder, column).values()):
        sharing = np.flatnonzero(is_known & (codes >= 0))
        files.append(_save(folder, f"fact-{number}", sharing, groups + codes[sharing].astype(np.int64), FACT))
        groups += int(codes.max(initial=-1)) + 1
    return files


def _save(folder: Path, name: int | str, codes: np.ndarray, hyperedges: np.ndarray, kind: int) -> Path:
    path = folder / f"{name}.npy"
    np.save(path, np.stack([codes.astype(np.int64), hyperedges * len(KINDS) + kind]))
    return path


def load_incidences(files: list[Path]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Codes, hyperedges and weights of each file."""
    for file in files:
        codes, hyperedges = np.load(file)
        is_fact = hyperedges % len(KINDS) == FACT
        yield codes, hyperedges, np.where(is_fact, np.float32(FACT_WEIGHT), np.float32(1))


def _kin(
    ws: Workspace, warehouse: Warehouse, event: EventSource, column: str, vocabulary: Vocabulary, end: int
) -> list[Kin]:
    """Groups of values that share a fact; none where the column refers to no things."""
    declared = next(one for one in event.columns if one.name == column)
    if not declared.references:
        return []
    artifact, source = ws.current(f"encoders/{event.name}"), ws.contract.attribute(declared.references)
    things = in_order(known_things(warehouse, source, end), vocabulary.values)
    kin = [Kin.sharing(codes) for codes in facts_of(artifact, column).values()]
    for attribute, encoder in encoders_of(artifact, column).items():
        if encoder.is_density:
            kin.append(text_kin(things.column(attribute).combine_chunks(), encoder, vocabulary.counts))
    return kin


def codes(ws: Workspace, source: str, column: str) -> Report:
    """Density and identity codes of the values of a column."""

    def fill(ws: Workspace, draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        encoder, embedding = ws.current(f"encoders/{source}"), ws.current(f"embeddings/{source}__{column}")
        settings = ws.settings
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

    return ws.made(f"codes/{source}__{column}", fill)
