"""The stage that trains the foundation model, and the checkpoint that answers."""

from collections.abc import Callable

import numpy as np

from basemodel_ops.artifacts import Draft
from basemodel_ops.foundation import FoundationModel, Shape, pretrain
from basemodel_ops.report import Report
from basemodel_ops.representation import Layout
from basemodel_ops.stages.plots import loss_curve
from basemodel_ops.stages.rows import Examples
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
    """Pretrain on activity, things and composition futures; keep the predicted activity of all training examples."""
    examples, settings = Examples(ws.current("training_examples")), ws.settings
    inputs = [examples.artifact.version, settings.hidden, settings.epochs, settings.seed]

    def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        layout = Layout.from_rows(examples.artifact.json("futures"))
        shape = network_shape(examples.layout, layout, settings.width, settings.hidden)
        rows, futures = [], []
        for (first, values), (_, arrays) in zip(examples.whole(), examples.shards("futures"), strict=True):
            rows.append(values[arrays["row"] - first])
            futures.append(arrays["values"])
        head = shape.activity + shape.thing_spans * shape.things
        order = np.concatenate([np.arange(head), composition_order(layout, shape.composition_spans)])
        is_any = np.array([b.kind == "any" for b in layout.blocks if b.offset < shape.activity])
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
        draft.json("examples", examples.artifact.version)
        draft.arrays("activity", {"values": np.concatenate([model.activity(values) for _, values in examples.whole()])})
        numbers: dict[str, float | int | str] = {f"loss_{k}": round(v, 5) for k, v in curve.heldout.items()}
        numbers |= {f"unigram_{k}": round(v, 5) for k, v in curve.unigram.items()}
        numbers["steps"] = len(curve.steps)
        numbers["weights"] = sum(p.numel() for p in model.network.parameters())
        return numbers, {"loss": loss_curve(curve.steps)}

    return ws.made("foundation_model", inputs, fill)


class Checkpoint:
    """The current foundation model and its answers for rows of representations."""

    def __init__(self, ws: Workspace) -> None:
        self._artifact = ws.current("foundation_model")
        shape = Shape.from_plain(self._artifact.json("shape"))
        self._model = FoundationModel.from_arrays(self._artifact.arrays("weights"), shape)

    def activity(self, examples: Examples, place: np.ndarray) -> np.ndarray:
        """Predicted activity of the rows at `place`, float32 (places, activity)."""
        if examples.artifact.version == self._artifact.json("examples"):
            return self._artifact.arrays("activity")["values"][place]
        return self._answers(examples, place, self._model.activity)

    def things(self, examples: Examples, place: np.ndarray, things: np.ndarray) -> np.ndarray:
        """Logits of the chosen things of the rows at `place`, float32 (places, spans, things)."""
        return self._answers(examples, place, lambda rows: self._model.things(rows)[:, :, things])

    def _answers(self, examples: Examples, place: np.ndarray, answer: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        found, index = [], []
        for first, values in examples.whole():
            mine = np.flatnonzero((place >= first) & (place < first + len(values)))
            found.append(answer(values[place[mine] - first]))
            index.append(mine)
        return np.concatenate(found)[np.argsort(np.concatenate(index))]
