"""Stages that turn the values of a category into vectors and codes. Nothing sees past training."""

import numpy as np

from basemodel_ops.artifacts import Draft
from basemodel_ops.cleora import build_hypergraph, embed, join_hypergraphs
from basemodel_ops.cleora.embedding import hash_ids
from basemodel_ops.contract.types import EventSource
from basemodel_ops.emde import Partition, identity_codes
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.report import Report
from basemodel_ops.representation.events import NO_SESSION
from basemodel_ops.stages.cold import Kin, embed_cold, text_kin
from basemodel_ops.stages.encoding import encoders_of, in_order, known_things, vocabulary_of
from basemodel_ops.stages.reading import read_history
from basemodel_ops.stages.workspace import Workspace, to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import entities_query

IDENTITY_ROWS = 2
"""Depth rows of identity codes beside the density rows."""


def embeddings(ws: Workspace, source: str, column: str) -> Report:
    """Cleora vectors of the values of a column, from sessions and entities as hyperedges.

    Things that no event mentioned get theirs from the things that their facts are shared with.
    """
    event, encoder = ws.contract.event(source), ws.current(f"encoders/{source}")
    settings = ws.settings
    inputs = [encoder.version, column, settings.dimension, settings.iterations, settings.seed]

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        vocabulary = vocabulary_of(encoder, column)
        with ws.warehouse() as warehouse:
            end = ws.times(warehouse).training_end
            entities = Vocabulary.from_entities(warehouse.read(entities_query(ws.contract, to_datetime(end))))
            history = read_history(ws, warehouse, event, entities, to_datetime(end), column)
            kin = _kin(ws, warehouse, event, column, vocabulary, end)
        owner = np.repeat(np.arange(history.entities), np.diff(history.start))
        graph = build_hypergraph(history.codes[column], owner, len(vocabulary))
        if history.session is not None:
            told = history.session != NO_SESSION
            sessions = build_hypergraph(history.codes[column][told], history.session[told], len(vocabulary))
            graph = join_hypergraphs(sessions, graph)
        found = embed(graph, vocabulary.values.to_pylist(), settings.dimension, settings.iterations, seed=settings.seed)
        cold = ~graph.connected
        found.vectors[cold] = embed_cold(found, kin, graph.connected)
        draft.arrays(
            "embedding",
            {
                "vectors": found.vectors, "previous": found.previous, "mean": found.mean,
                "whitening": found.whitening, "connected": graph.connected,
            },
        )  # fmt: skip
        return {
            "values": len(vocabulary), "hyperedges": graph.edges, "incidences": len(graph.edge_nodes),
            "connected_share": round(float(graph.connected.mean()), 4) if len(vocabulary) else 0.0,
            "embedded_from_facts": int((np.abs(found.vectors[cold]).max(axis=1, initial=0) > 0).sum()),
        }, {}  # fmt: skip

    return ws.made(f"embeddings/{source}__{column}", inputs, fill)


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
