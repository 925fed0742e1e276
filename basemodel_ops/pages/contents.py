"""What a page is about, section by section; what is not there is said in one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from basemodel_ops.pages import measures
from basemodel_ops.pages.axes import SERIES, Axis, Plane
from basemodel_ops.pages.cards import Card
from basemodel_ops.pages.document import Section, document, gallery, none, section
from basemodel_ops.pages.effects import Effect, effects_picture
from basemodel_ops.pages.markup import Markup, concatenated, details, element, listing, paragraph, table
from basemodel_ops.pages.pictures import Picture, curves, histogram, of_plane
from basemodel_ops.pages.treemap import Part, treemap

WORDS = 3
"""What sets a segment apart, as many lines of it."""


@dataclass(frozen=True)
class Reason:
    """What events of one source, column and value add to scores: on average, in absolute terms, and to how many."""

    source: str
    column: str
    value: str
    size: float
    added: float
    scores: int


@dataclass(frozen=True)
class TaskContents:
    """What is shown of a task."""

    card: Card
    pictures: Sequence[Picture]
    """Of the test rows."""
    why_none: str
    """Why there are no pictures, where there are none."""
    weeks: Mapping[str, np.ndarray]
    """A sample of the scores of each scored week, the oldest first."""
    reasons: Sequence[Reason]
    unit: str
    """What a score is, with its unit."""
    effects: Sequence[Effect] = ()
    """How scores move along the aggregates that move them most, bin by bin."""

    @property
    def drift(self) -> list[tuple[str, int, float, float | None]]:
        """Of each week: scores looked at, their mean, and the stability index against the week before."""
        results, before = [], None
        for week, scores in self.weeks.items():
            index = None if before is None else measures.stability(before, scores)
            results.append((week, len(scores), float(scores.mean()), index))
            before = scores
        return results


@dataclass(frozen=True)
class Segment:
    """A group of entities: its id, level, name, size, share of all, and what sets it apart in words."""

    key: str
    level: int
    name: str
    size: int
    share: float
    words: Sequence[str]


@dataclass(frozen=True)
class SegmentMap:
    """A sample of the entities on a plane, and the first-level segment of each ("" where it has none)."""

    coordinates: np.ndarray
    variance: np.ndarray
    segment: Sequence[str]


@dataclass(frozen=True)
class Contents:
    """All of a page."""

    entity: str
    as_of: str
    versions: Mapping[str, str]
    events: Mapping[str, tuple[Sequence[str], Sequence[int]]]
    """By source: months and events in each."""
    profiles: Sequence[tuple[str, str, str, int, int, int]]
    """Source, column, type, all rows, nulls among them, distinct values in a sample of them."""
    losses: Sequence[float]
    model_metrics: Mapping[str, float | int | str]
    """What is reported of the foundation model."""
    tasks: Sequence[TaskContents]
    segments: Sequence[Segment]
    map: SegmentMap | None
    lookalikes: Sequence[tuple[str, str, int, str, float, str]]
    """Entity and its segment, rank, neighbour, similarity, and the neighbour's segment."""
    sketches: Sequence[tuple[str, float, float]]
    """Column, precision of the ten largest values, and rank correlation with the truth."""
    anomalies: tuple[Sequence[str], Sequence[Sequence[object]]] | None = None
    """Headings and rows."""
    pictures: dict[str, Picture] = field(default_factory=dict)
    """The main ones, filled as the page is drawn: for other places than the page."""


def page(contents: Contents) -> str:
    """The page of a run as text."""
    content = contents
    sections = [
        _data(content),
        _learning(content),
        *(_task(content, task) for task in content.tasks),
        _segments(content),
        _lookalikes(content),
        _sketches(content),
        _anomalies(content),
    ]
    title = f"BaseModel report, {content.as_of}"
    lead = f"What was learnt of each {content.entity}, and how well it answers, as of {content.as_of}."
    return document(title, lead, sections, "; ".join(f"{name} {value}" for name, value in content.versions.items()))


def _data(contents: Contents) -> Section:
    new_plots = []
    months = sorted({month for names, _ in contents.events.values() for month in names})
    if len(months) > 1:
        index = {month: number for number, month in enumerate(months)}
        lines = {
            source: ([index[name] for name in names], list(counts))
            for source, (names, counts) in contents.events.items()
        }
        shown = [(index[month], month) for month in months[:: max(-(-len(months) // 4), 1)]]
        new_plots.append(
            curves("Events", "Events of each source by month; the last may not be over.", "month", "events (count)",
                   lines, None, (None, None, 0, None), shown)
        )  # fmt: skip
    rows = [(*row[:4], f"{row[4] / max(row[3], 1):.1%}", row[5]) for row in contents.profiles]
    headings = ["source", "column", "read as", "rows", "null", "distinct in a sample"]
    profile = table(headings, rows, "Columns that are read", (3, 4, 5)) if rows else none("No columns.")
    return section("Data", gallery("data", new_plots), profile)


def _learning(contents: Contents) -> Section:
    if not contents.losses:
        return section("Foundation model", none("Its losses are not kept: an older version learnt it."))
    steps, loss = np.arange(1, len(contents.losses) + 1), np.asarray(contents.losses)
    width = max(len(loss) // 40, 1)
    smooth = np.convolve(loss, np.ones(width) / width, "valid")
    steps_shown = np.unique(np.linspace(0, len(loss) - 1, min(len(loss), 300)).astype(int))
    lines = {"each step": (steps[steps_shown], loss[steps_shown])}
    if width > 1:
        even = np.unique(np.linspace(0, len(smooth) - 1, 100).astype(int))
        lines["mean of steps"] = (steps[width - 1 :][even], smooth[even])
    plot = curves(
        "Pretraining", "The loss of the network of items, step by step.", "step (count)", "loss (nats)", lines
    )
    contents.pictures["pretraining"] = plot
    numbers = [(name.replace("_", " "), value) for name, value in contents.model_metrics.items()]
    return section("Foundation model", gallery("learning", [plot]), details("All that is reported", listing(numbers)))


def _task(contents: Contents, task: TaskContents) -> Section:
    name, card = task.card.task, task.card
    worth = [(what, str(measured)) for what, measured in card.measured.items()]
    kinds = {"shipped": card.shipped, "baseline": card.baseline, "difference": "shipped less baseline"}
    figures = table(
        ["", "", f"{card.metric} {card.direction}, 95 % interval"],
        [(what, kinds.get(what, ""), value) for what, value in worth],
        f"What {name} is worth on the test", (2,),
    )  # fmt: skip
    for plot in task.pictures:
        contents.pictures[f"{name}: {plot.title}"] = plot
    quality = concatenated([gallery(name, task.pictures), none(task.why_none) if task.why_none else ""])
    body = [
        figures, quality, element("h3", "Scores and drift"), _drift(contents, task), element("h3", "Reasons"),
        _reasons(contents, task), card.section(),
    ]  # fmt: skip
    return Section(f"Task {name}", concatenated(body))


def _drift(contents: Contents, task: TaskContents) -> Markup:
    if not task.weeks:
        return none("No week is scored yet.")
    latest = dict(list(task.weeks.items())[-2:][::-1])
    edges = measures.edges_of(np.concatenate(list(latest.values())))
    plot = histogram(
        "Score distribution", "Of the newest scored week and of the one before.", task.unit, "share of scores",
        edges,
        {week: measures.shares(scores, edges) for week, scores in latest.items()},
    )  # fmt: skip
    contents.pictures[f"{task.card.task}: scores"] = plot
    rows = [(week, count, mean, "–" if index is None else index) for week, count, mean, index in task.drift]
    headings = ["week", "scores looked at", "mean", "stability index"]
    moved = table(headings, rows, "Drift; an index below 0.1 is stable, above 0.25 moved", (1, 2, 3))
    return concatenated([gallery(f"{task.card.task}-drift", [plot]), moved])


def _reasons(contents: Contents, task: TaskContents) -> Markup:
    if not task.reasons:
        return none("No score of this task is explained: BASEMODEL_EXPLAINED is 0, or it has moments of its own.")
    sources: dict[str, dict[str, list[Reason]]] = {}
    for reason in task.reasons:
        sources.setdefault(reason.source, {}).setdefault(reason.column, []).append(reason)
    parts = []
    for source, columns in sources.items():
        inner = []
        for column, reasons in columns.items():
            values = tuple(Part(reason.value, reason.size, reason.added) for reason in reasons)
            inner.append(Part(column, sum(part.size for part in values), 0.0, values))
        parts.append(Part(source, sum(part.size for part in inner), 0.0, tuple(inner)))
    plot = treemap("Reasons", "What moves the explained scores: source, column, value; areas by how far.", parts)
    contents.pictures[f"{task.card.task}: reasons"] = plot
    rows = [(r.source, r.column, r.value, r.scores, r.size, r.added) for r in task.reasons]
    headings = ["source", "column", "value", "scores", "moves a score by, on average", "adds on average"]
    every = [details("All of them as a table", table(headings, rows, "Reasons", (3, 4, 5)))]
    plots = [plot]
    if task.effects:
        plots.append(effects_picture(task.effects, task.unit))
        contents.pictures[f"{task.card.task}: effects"] = plots[-1]
        bins = [(e.aggregate, e.words, e.entities, e.added, e.score) for e in task.effects]
        headings = ["aggregate", "from to", "entities", "adds on average", "score, mean"]
        every.append(details("Scores along all aggregates as a table", table(headings, bins, "Effects", (2, 3, 4))))
    return concatenated([gallery(f"{task.card.task}-reasons", plots), *every])


def _segments(contents: Contents) -> Section:
    if not contents.segments:
        return section("Segments", none("No segments of this week are published."))
    body: list[Markup] = []
    if contents.map is not None:
        first = [segment for segment in contents.segments if segment.level == 1]
        plot = _map(contents.entity, contents.map, first)
        contents.pictures["segments"] = plot
        body.append(gallery("segments", [plot]))
    rows = [
        ("– " * (segment.level - 1) + segment.key, segment.name, segment.size, f"{segment.share:.1%}",
         concatenated(element("div", words) for words in segment.words[:WORDS]) if segment.words else "–")
        for segment in contents.segments
    ]  # fmt: skip
    headings = ["segment", "name", f"{contents.entity}s", "share", "what sets it apart"]
    return section("Segments", *body, table(headings, rows, "Groups and those within them", (2, 3)))


def _map(entity: str, segment_map: SegmentMap, first: Sequence[Segment]) -> Picture:
    across, down = segment_map.coordinates[:, 0], segment_map.coordinates[:, 1]
    shown = [f"component {n} ({share:.0%} of variance)" for n, share in enumerate(segment_map.variance, 1)]
    limits = [np.quantile(values, [0.005, 0.995]) for values in (across, down)]
    x, y = (Axis(name, float(low), float(high)) for name, (low, high) in zip(shown, limits, strict=False))
    plane, groups = Plane(x, y, 300), np.asarray(segment_map.segment)
    inside = (across >= x.low) & (across <= x.high) & (down >= y.low) & (down <= y.high)
    for series, segment in enumerate(first):
        is_member = inside & (groups == segment.key)
        if is_member.any():
            plane.dots(across[is_member], down[is_member], f"{segment.key}: {segment.name}", series % SERIES)
    for segment in first:
        if (is_member := inside & (groups == segment.key)).any():
            plane.text(float(np.median(across[is_member])), float(np.median(down[is_member])), segment.key)
    words = f"A sample of {len(groups):,}, each a point; near ones behave alike. Numbers stand amid their segments."
    return of_plane(f"Each {entity} on a map", words, plane)


def _lookalikes(contents: Contents) -> Section:
    if not contents.lookalikes:
        return section("Look-alikes", none("No look-alikes of this week are published."))
    headings = [contents.entity, "its segment", "rank", "nearest", "similarity", "the other's segment"]
    return section(
        "Look-alikes", table(headings, contents.lookalikes, "Examples; similarity 1 is the same direction", (2, 4))
    )


def _sketches(contents: Contents) -> Section:
    if not contents.sketches:
        return section(
            "Sketch queries", none("No column is sketched in this project, or the check of sketches did not pass.")
        )
    headings = ["column", "precision of the ten largest", "rank correlation"]
    words = "What a sketch says of an entity's history, against its events: 1 is no error."
    return section(
        "Sketch queries", paragraph(words), table(headings, contents.sketches, "Measured on 50 entities", (1, 2))
    )


def _anomalies(contents: Contents) -> Section:
    if contents.anomalies is None:
        return section("Anomalies", none("No anomalies of this week are published."))
    headings, rows = contents.anomalies
    if not rows:
        return section("Anomalies", none("Nobody of this week is odd."))
    return section("Anomalies", table(headings, rows, "The oddest of this week, the oddest first"))
