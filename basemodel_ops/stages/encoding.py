"""Stages that turn columns into codes: vocabularies, Cleora vectors, sketch codes. Nothing sees past training."""

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.cleora import build_hypergraph, embed, join_hypergraphs
from basemodel_ops.cleora.embedding import hash_ids
from basemodel_ops.contract.types import AttributeSource, ColumnType, EventSource
from basemodel_ops.emde import density_codes, identity_codes
from basemodel_ops.encoders import NumberScale, Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.reading import Reader
from basemodel_ops.stages.workspace import Workspace, to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import counts_query, entities_query, rows_query

IDENTITY_ROWS = 2
"""Depth rows of identity codes beside the density rows."""

SKETCHED_ABOVE = 1000
"""Categories with more values than this are sketched; smaller ones are kept exactly."""


def categories(source: EventSource | AttributeSource) -> list[str]:
    """Names of the category columns."""
    return [column.name for column in source.columns if column.type is ColumnType.CATEGORY]


def numbers(source: EventSource | AttributeSource) -> list[str]:
    """Names of the number columns."""
    return [column.name for column in source.columns if column.type is ColumnType.NUMBER]


def encoders(ws: Workspace, source: str) -> Report:
    """Vocabularies and scales of a source, from what was there before the end of training."""
    is_event = source in {event.name for event in ws.contract.events}
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        if is_event:
            event = ws.contract.event(source)
            marks = [warehouse.fingerprint(event.relation, [event.time, *categories(event)])]
            for column in event.columns:
                if column.references:
                    thing = ws.contract.attribute(column.references)
                    marks.append(warehouse.fingerprint(thing.relation, [thing.key, *categories(thing)]))
        else:
            facts = ws.contract.attribute(source)
            names = [facts.key, *categories(facts), *numbers(facts)]
            marks = [warehouse.fingerprint(facts.relation, names)]

        def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
            sizes = (
                _fit_event(ws, warehouse, ws.contract.event(source), times.training_end, draft)
                if is_event
                else _fit_attributes(warehouse, ws.contract.attribute(source), draft)
            )
            return {f"values_{name}": size for name, size in sizes.items()}, {}

        return ws.made(f"encoders/{source}", [ws.contract.fingerprint, times.training_end, marks], fill)


def _fit_event(ws: Workspace, warehouse: Warehouse, event: EventSource, before: int, draft: Draft) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for column in event.columns:
        if column.type is not ColumnType.CATEGORY:
            continue
        vocabulary = Vocabulary.from_table(warehouse.read(counts_query(event, column.name, to_datetime(before))))
        draft.table(column.name, vocabulary.table())
        sizes[column.name] = len(vocabulary)
        if not column.references:
            continue
        thing = ws.contract.attribute(column.references)
        facts = warehouse.read(rows_query(thing.relation, [thing.key, *categories(thing)]))
        code = vocabulary.encode(facts.column(thing.key))
        if len(vocabulary) and not (code >= 0).any():
            raise DataError(
                f"No {column.name} of {event.name} is among the keys {thing.key} of {thing.name}. "
                f"Make both columns the same ids in their dbt models, or remove `references`."
            )
        for attribute in categories(thing):
            values = pa.nulls(len(vocabulary), facts.column(attribute).type).to_pandas()
            values.iloc[code[code >= 0]] = facts.column(attribute).to_pandas()[code >= 0].to_numpy()
            array = pa.Array.from_pandas(values, type=facts.column(attribute).type)
            derived, codes = Vocabulary.of_groups(array, vocabulary.counts)
            name = f"{column.name}.{attribute}"
            draft.table(name, derived.table())
            draft.arrays(f"map {name}", {"codes": codes})
            sizes[name] = len(derived)
    return sizes


def _fit_attributes(warehouse: Warehouse, facts: AttributeSource, draft: Draft) -> dict[str, int]:
    names = [*categories(facts), *numbers(facts)]
    table = warehouse.read(rows_query(facts.relation, [facts.key, *names]))
    sizes, scales = {}, {}
    for name in categories(facts):
        values = table.column(name).combine_chunks()
        vocabulary, _ = Vocabulary.of_groups(values, np.ones(len(values), np.int64))
        draft.table(name, vocabulary.table())
        sizes[name] = len(vocabulary)
    for name in numbers(facts):
        scale = NumberScale.fit(table.column(name).to_numpy().astype(np.float64))
        scales[name] = [scale.mean, scale.deviation]
    draft.json("scales", scales)
    return sizes


def vocabulary_of(encoder: Artifact, column: str) -> Vocabulary:
    """The vocabulary of a column in an encoder."""
    return Vocabulary.from_table(encoder.table(column))


def embeddings(ws: Workspace, source: str, column: str) -> Report:
    """Cleora vectors of the values of a column, from sessions and entities as hyperedges."""
    event, encoder = ws.contract.event(source), ws.current(f"encoders/{source}")
    settings = ws.settings
    inputs = [encoder.version, column, settings.dimension, settings.iterations, settings.seed]

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        vocabulary = vocabulary_of(encoder, column)
        with ws.warehouse() as warehouse:
            before = to_datetime(ws.times(warehouse).training_end)
            entities = Vocabulary.from_entities(warehouse.read(entities_query(ws.contract, before)))
            history = Reader(ws, warehouse, entities).read(event, before, [column], [])
        owner = np.repeat(np.arange(history.entities), np.diff(history.start))
        graph = build_hypergraph(history.codes[column], owner, len(vocabulary))
        if history.session is not None:
            sessions = build_hypergraph(history.codes[column], history.session, len(vocabulary))
            graph = join_hypergraphs(sessions, graph)
        found = embed(graph, vocabulary.values.to_pylist(), settings.dimension, settings.iterations, seed=settings.seed)
        draft.arrays(
            "embedding",
            {
                "vectors": found.vectors, "previous": found.previous, "mean": found.mean,
                "whitening": found.whitening,
            },
        )  # fmt: skip
        connected = float((np.diff(graph.node_start) > 0).mean()) if len(vocabulary) else 0.0
        return {
            "values": len(vocabulary), "hyperedges": graph.edges, "incidences": len(graph.edge_nodes),
            "connected_share": round(connected, 4),
        }, {}  # fmt: skip

    return ws.made(f"embeddings/{source}__{column}", inputs, fill)


def codes(ws: Workspace, source: str, column: str) -> Report:
    """Density and identity codes of the values of a column."""
    encoder, embedding = ws.current(f"encoders/{source}"), ws.current(f"embeddings/{source}__{column}")
    settings = ws.settings
    inputs = [embedding.version, settings.depth, settings.width, settings.seed]

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        vocabulary = vocabulary_of(encoder, column)
        vectors = embedding.arrays("embedding")["vectors"]
        density = np.zeros((0, settings.depth), np.int32)
        if len(vocabulary):
            density = density_codes(vectors, settings.depth, settings.width, settings.seed)
        identity = identity_codes(hash_ids(vocabulary.values.to_pylist()), IDENTITY_ROWS, settings.width)
        draft.arrays("codes", {"codes": np.hstack([density, identity])})
        used = (
            [len(np.unique(density[:, row])) / settings.width for row in range(settings.depth)] if len(density) else [0]
        )
        return {"values": len(vocabulary), "cells_used_share": round(float(np.mean(used)), 4)}, {}

    return ws.made(f"codes/{source}__{column}", inputs, fill)
