"""The stages that publish vectors for other people's models: of entities every week, of values when they are learnt.

A vector is one text, `[0.12,-3.4,…]`: every warehouse holds it, and each casts it to what it has for vectors.
"""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.assets import published_columns
from basemodel_ops.code import code_behind
from basemodel_ops.contract.answers import published_name
from basemodel_ops.contract.types import Relation
from basemodel_ops.report import Report
from basemodel_ops.stages.features.embedding_artifact import EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.insight.week import Week, ended, ranges
from basemodel_ops.stages.workspace import Workspace

ENTITIES = "entity_embeddings"

MODULE = "stages.insight.vectors"


def entity_embeddings(ws: Workspace, as_of: datetime, run_id: str) -> Report:
    """Publish the embeddings that are kept of a week as `basemodel.entity_embeddings`; `model_version` says whose."""
    week = Week(ws.store, as_of)
    version = week.version

    def rows(part: slice) -> pa.Table:
        columns = {ws.contract.entity: week.entities.values[part], "embedding": texts(week.embeddings[part])}
        return week.stamped(columns, week.model_version, run_id)

    with (
        ws.warehouse() as warehouse,
        warehouse.publication(
            ws.answer_relation(ENTITIES),
            rows(slice(0, 0)).schema,
            {"as_of": as_of},
            version,
            code_behind(MODULE),
            run_id,
        ) as out,
    ):
        if out.is_needed:
            for part in ranges(len(week)):
                out.append(rows(part))
    numbers = {"rows": len(week), "numbers": week.embeddings.shape[1], "foundation_model": week.model_version}
    return Report(version, not out.is_written, numbers)


def item_relation(column: str, schema: str = "basemodel") -> Relation:
    """Where the vectors of the values of a column are written, in the schema of answers."""
    return Relation(schema_name=schema, name=f"{published_name(column)}_embeddings")


def item_embeddings(ws: Workspace, column: str, run_id: str) -> Report:
    """Publish the vectors of the values of a column as `basemodel.<column>_embeddings`, a partition per source.

    Values are texts where sources that have the column do not agree on their type.
    """
    sources = published_columns(ws.contract)[column]
    known = {source: EncoderArtifact.current(ws.store, source).vocabulary(column) for source in sources}
    kinds = {entry.values.type for entry in known.values() if len(entry)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    relation = item_relation(column, ws.settings.answers_schema)
    written, total, versions = False, 0, []
    with ws.warehouse() as warehouse:
        for source, vocabulary in known.items():
            embedding = EmbeddingArtifact.current(ws.store, source, column)
            vectors, values = embedding.vectors, vocabulary.values.cast(kind)
            version = embedding.artifact.version

            def rows(
                part: slice, source: str = source, values: pa.Array = values, counts: np.ndarray = vocabulary.counts,
                vectors: np.ndarray = vectors, version: str = version,
            ) -> pa.Table:  # fmt: skip
                its_values = values[part]
                table = pa.table(
                    {
                        "source": pa.repeat(source, len(its_values)), published_name(column): its_values,
                        "events": counts[part],
                        "embedding": texts(vectors[part]),
                    }
                )  # fmt: skip
                return ended(table, version, run_id)

            with warehouse.publication(
                relation, rows(slice(0, 0)).schema, {"source": source}, version, code_behind(MODULE), run_id
            ) as out:
                if out.is_needed:
                    for part in ranges(len(values)):
                        out.append(rows(part))
            written, total = written or out.is_written, total + len(values)
            versions.append(version)
    return Report(" ".join(versions), not written, {"rows": total, "sources": len(sources)})


def texts(vectors: np.ndarray) -> pa.Array:
    """Vectors (rows, numbers) as texts, to four digits: what a float16 holds, and all that a cosine needs."""
    values = vectors.astype(np.float64)
    scale = 10.0 ** (3 - np.floor(np.log10(np.maximum(np.abs(values), 1e-9))))
    numbers = pa.array((np.round(values * scale) / scale).ravel()).cast(pa.string())
    rows, length = vectors.shape
    lists = pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * length), numbers)
    return pc.binary_join_element_wise("[", pc.binary_join(lists, ","), "]", "")
