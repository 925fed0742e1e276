"""Stages that turn the values of a category into vectors and codes. Nothing sees past training."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.cleora import embed_stream
from basemodel_ops.cleora.embedding import hash_ids
from basemodel_ops.cleora.windows import windows
from basemodel_ops.emde import DensityLSH, identity_codes
from basemodel_ops.encoders.hashing import pair_ids
from basemodel_ops.report import Report
from basemodel_ops.representation.batching import batched
from basemodel_ops.representation.events import NO_SESSION, Events, concat
from basemodel_ops.representation.sessions import session_indices
from basemodel_ops.scratch import scratch_folder
from basemodel_ops.stages.features.cold import NeighbourGroups, embed_cold_items, nearest_text_groups
from basemodel_ops.stages.features.embedding_artifact import CodesArtifact, EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import in_order, known_items
from basemodel_ops.stages.features.reading import column_reader, read_entities, read_events, sample_of
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.workspace import Workspace

IDENTITY_ROWS = 2
"""Depth rows of identity codes beside the density rows."""

CHUNK_ROWS = 2_000_000
"""Events whose hyperedges are in memory at once, about."""

WINDOW = 3
"""Adjacent sessions of an entity that are a hyperedge, where events carry no session."""

ATTRIBUTE_WEIGHT = 4.0
"""Weight of an item in the hyperedge of those that share a fact of it; 1 in all others."""

KINDS = ENTITY, SESSION, NEIGHBOURS, ATTRIBUTE = range(4)
"""Kinds of hyperedges, told by the remainder of their ids."""


def embeddings(ws: Workspace, source: str, column: str) -> Report:
    """Cleora vectors of the values of a column, from entities, sessions or windows, and shared facts as hyperedges.

    Items that no event mentioned get theirs from the items that their facts are shared with. Memory holds the vectors
    and one range of entities, however many events there are.
    """
    event, snapshot = ws.contract.event(source), ws.snapshot()
    (declared,) = (entry for entry in event.columns if entry.name == column)
    items = ws.contract.attribute(declared.references) if declared.references else None
    end, chosen = snapshot.times.training_end, sample_of(ws.settings.embedding_events, snapshot.events[source])

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        settings, encoder = ws.settings, EncoderArtifact.current(ws.store, source)
        vocabulary = encoder.vocabulary(column)
        size = len(vocabulary)
        with scratch_folder(settings.home, "incidences") as folder:
            with ws.warehouse() as warehouse:
                entities = read_entities(ws.contract, warehouse, to_datetime(end), chosen)
                reader = column_reader(event, entities, column, vocabulary)
                events = read_events(settings, warehouse, event, reader, to_datetime(end), chosen)
                files, mentioned = _save_incidences(events, column, size, folder)
                files += save_attribute_hyperedges(encoder, column, mentioned > 0, folder)
                known = None if items is None else known_items(warehouse, items, end)
            neighbour_groups = [] if known is None else _neighbour_groups(encoder, column, known)
            embedding = embed_stream(
                lambda: load_incidences(files),
                vocabulary.values.to_pylist(),
                settings.dimension,
                settings.iterations,
                seed=settings.seed,
            )
        connected = mentioned > 0
        embedding.vectors[~connected] = embed_cold_items(embedding, neighbour_groups, connected)
        EmbeddingArtifact.write(writer, **vars(embedding), is_connected=connected)
        return {
            "values": size,
            "incidences": int(mentioned.sum()),
            "connected_share": round(float(connected.mean()), 4) if size else 0.0,
            "embedded_from_facts": int((np.abs(embedding.vectors[~connected]).max(axis=1, initial=0) > 0).sum()),
        }, {}

    return ws.materialize(EmbeddingArtifact.key(source, column), write)


def _save_incidences(events: Iterable[Events], column: str, size: int, folder: Path) -> tuple[list[Path], np.ndarray]:
    """Files of (codes, hyperedges), each with whole hyperedges, of events in (entity, time) order.

    All items of an entity are one, and those of each of its sessions; or of its windows where events carry no session,
    so that their order is told. Items of one session that is shared by entities are seen together per entity.

    Returns:
        The files, and how many incidences each of the `size` values has.
    """
    files: list[Path] = []
    mentioned = np.zeros(size, np.int64)
    session_count = 0

    def save(codes: np.ndarray, hyperedges: np.ndarray, kind: int) -> None:
        np.add(mentioned, np.bincount(codes[codes >= 0], minlength=size), out=mentioned)
        files.append(_save(folder, len(files), codes, hyperedges, kind))

    for chunk in batched(events, len, CHUNK_ROWS, concat):
        entity_index, codes = chunk.entity_index.astype(np.int64), chunk.item_ids[column]
        save(codes, entity_index, ENTITY)
        if chunk.session is not None:
            known = chunk.session != NO_SESSION
            save(codes[known], pair_ids(entity_index[known], chunk.session[known]), SESSION)
        else:
            session_index = session_indices(entity_index, chunk.time)
            index, window = windows(entity_index, session_index, WINDOW)
            save(codes[index], window + session_count, NEIGHBOURS)
            session_count += int(session_index[-1]) + 1 if len(session_index) else 0
    return files, mentioned


def save_attribute_hyperedges(encoder: EncoderArtifact, column: str, is_known: np.ndarray, folder: Path) -> list[Path]:
    """Files of (codes, hyperedges): the known values that share a fact, a hyperedge per value of each fact."""
    files, groups = [], 0
    for number, codes in enumerate(encoder.attribute_codes(column).values()):
        sharing = np.flatnonzero(is_known & (codes >= 0))
        files.append(_save(folder, f"fact-{number}", sharing, groups + codes[sharing].astype(np.int64), ATTRIBUTE))
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
        is_attribute = hyperedges % len(KINDS) == ATTRIBUTE
        yield codes, hyperedges, np.where(is_attribute, np.float32(ATTRIBUTE_WEIGHT), np.float32(1))


def _neighbour_groups(encoder: EncoderArtifact, column: str, known: pa.Table) -> list[NeighbourGroups]:
    """Groups of values of a column that share a fact; `known` are the rows of its items: see `known_items`."""
    vocabulary = encoder.vocabulary(column)
    items = in_order(known, vocabulary.values)
    neighbour_groups = [NeighbourGroups.by_value(codes) for codes in encoder.attribute_codes(column).values()]
    for attribute, fitted in encoder.encoders(column).items():
        if fitted.is_density:
            neighbour_groups.append(
                nearest_text_groups(items.column(attribute).combine_chunks(), fitted, vocabulary.counts)
            )
    return neighbour_groups


def codes(ws: Workspace, source: str, column: str) -> Report:
    """Density and identity codes of the values of a column."""

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        encoder, embedding = (
            EncoderArtifact.current(ws.store, source),
            EmbeddingArtifact.current(ws.store, source, column),
        )
        settings = ws.settings
        vocabulary = encoder.vocabulary(column)
        vectors, is_connected = embedding.vectors, embedding.is_connected
        density = np.zeros((0, settings.depth), np.int32)
        if len(vocabulary):
            fitted = vectors[is_connected] if is_connected.any() else vectors
            density = DensityLSH.fit(fitted, settings.depth, settings.width, settings.seed).encode(vectors)
        identity = identity_codes(hash_ids(vocabulary.values.to_pylist()), IDENTITY_ROWS, settings.width)
        CodesArtifact.write(writer, np.hstack([density, identity]))
        used = (
            [len(np.unique(density[:, row])) / settings.width for row in range(settings.depth)] if len(density) else [0]
        )
        return {"values": len(vocabulary), "cells_used_share": round(float(np.mean(used)), 4)}, {}

    return ws.materialize(CodesArtifact.key(source, column), write)
