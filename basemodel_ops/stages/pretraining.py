"""The stage that trains the foundation model ."""

import numpy as np

from basemodel_ops.artifacts import Draft
from basemodel_ops.foundation import FoundationModel, Shape, pretrain
from basemodel_ops.representation import Layout
from basemodel_ops.stages.examples import Examples
from basemodel_ops.stages.plots import loss_curve
from basemodel_ops.stages.report import Report
from basemodel_ops.stages.workspace import Workspace


def network_shape(inputs: Layout, futures: Layout, width: int, hidden: int) -> Shape:
    """Sizes of the network, and which inputs stand for the same thing or cell as an output."""
    scalars = [b.offset for b in inputs.blocks if b.kind == "scalar"]
    activity = sum(b.length for b in futures.blocks if b.kind in ("any", "amount", "wait"))
    features: dict[tuple[str, str], list[int]] = {}
    for block in inputs.blocks:
        if block.kind in ("count", "recency"):
            features.setdefault((block.kind, block.detail), []).extend(range(block.offset, block.end))
    spans = sorted({b.detail for b in futures.blocks if b.kind == "thing"}, key=int)
    sketches: dict[str, list[int]] = {}
    columns: dict[tuple[str, str], int] = {}
    for block in futures.blocks:
        if block.kind == "composition":
            columns[block.source, block.column] = block.length
    for (source, column), length in columns.items():
        for block in inputs.select("sketch", source, column):
            sketches.setdefault(block.detail, []).extend(range(block.offset, block.offset + length))
    composed = {b.detail for b in futures.blocks if b.kind == "composition"}
    return Shape(
        inputs=inputs.length,
        scalars=tuple(scalars),
        activity=activity,
        thing_inputs=tuple(tuple(row) for row in features.values()) if spans else (),
        thing_spans=len(spans) if features else 0,
        sketch_inputs=tuple(tuple(row) for row in sketches.values()),
        composition_spans=len(composed),
        width=width,
        hidden=hidden,
    )


def composition_order(futures: Layout, spans: int) -> np.ndarray:
    """Positions of the composition futures as (span, column, cell), the order of the network's outputs."""
    blocks = futures.select("composition")
    by_span = [blocks[start::spans] for start in range(spans)]
    return np.concatenate([np.arange(b.offset, b.end) for part in by_span for b in part] or [np.zeros(0, np.int64)])


def foundation_model(ws: Workspace) -> Report:
    """Pretrain on activity, things and composition futures."""
    examples, settings = Examples(ws.current("training_examples")), ws.settings
    inputs = [examples.artifact.version, settings.hidden, settings.epochs, settings.seed]

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        futures_layout = Layout.from_rows(examples.artifact.json("futures"))
        shape = network_shape(examples.layout, futures_layout, settings.width, settings.hidden)
        rows, futures = [], []
        for first, arrays in examples.shards():
            rows.append(arrays["values"][arrays["row"]])
            futures.append(arrays["futures"])
            ws.log(f"read training examples from row {first:,}")
        head = shape.activity + shape.thing_spans * shape.things
        order = np.concatenate([np.arange(head), composition_order(futures_layout, shape.composition_spans)])
        is_any = np.array([b.kind == "any" for b in futures_layout.blocks if b.offset < shape.activity])
        model, curve = pretrain(
            np.concatenate(rows),
            np.concatenate(futures)[:, order],
            is_any,
            shape,
            settings.epochs,
            settings.seed,
            ws.log,
        )
        draft.arrays("weights", model.arrays())
        draft.json("shape", shape.plain())
        numbers: dict[str, float | int | str] = {f"loss_{k}": round(v, 5) for k, v in curve.heldout.items()}
        numbers |= {f"unigram_{k}": round(v, 5) for k, v in curve.unigram.items()}
        numbers["steps"] = len(curve.steps)
        numbers["weights"] = sum(p.numel() for p in model.network.parameters())
        return numbers, {"loss": loss_curve(curve.steps)}

    return ws.made("foundation_model", inputs, fill)


def load_foundation(ws: Workspace) -> FoundationModel:
    """The current checkpoint."""
    artifact = ws.current("foundation_model")
    return FoundationModel.from_arrays(artifact.arrays("weights"), Shape.from_plain(artifact.json("shape")))
