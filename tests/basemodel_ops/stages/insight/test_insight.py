"""Tables about riders side by side: what they hold, what is refused, and who is forgotten from them."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Relation
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.insight.segments import Tree
from basemodel_ops.report import Report
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks import insight as checks
from basemodel_ops.stages.features.embedding_artifact import EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.insight.lookalikes import LOOKALIKES
from basemodel_ops.stages.insight.profiles import PROFILES, Words, profiles
from basemodel_ops.stages.insight.segmentation import SegmentationArtifact
from basemodel_ops.stages.insight.segments import SEGMENTS
from basemodel_ops.stages.insight.vectors import ENTITIES
from basemodel_ops.stages.insight.week import Week
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, timestamp_of

from ..riding import CUTOFFS
from ..trips import RIDERS

LAST, NEWEST = CUTOFFS[-2:]
STAMP = ("run_id", "scored_at")


def read(ws: Workspace, table: str, as_of: datetime | None = NEWEST) -> list[dict]:
    """Rows of a week, without what names the run."""
    with ws.warehouse() as warehouse:
        relation = ws.answer_relation(table)
        names = [name for name in warehouse.columns(relation) if name not in STAMP]
        query = rows_query(relation, names)
        here = query if as_of is None else query.where(column_of("as_of").eq(timestamp_of(as_of)))
        return warehouse.read(here).to_pylist()


def publish(ws: Workspace, as_of: datetime) -> dict[str, Report]:
    created = {
        "entity_embeddings": stages.entity_embeddings(ws, as_of, "r"),
        "lookalikes": stages.lookalikes(ws, as_of, "r"),
    }
    return created | stages.segments(ws, as_of, "r")


CHECKS = (checks.check_entity_embeddings, checks.check_lookalikes, checks.check_segments, checks.check_profiles)


@pytest.fixture(scope="module")
def ws(riders: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Riders in a home of their own: other tests share theirs, and here somebody is forgotten."""
    home = tmp_path_factory.mktemp("insight") / "home"
    shutil.copytree(riders.settings.home, home)
    current = Workspace.open(riders.settings.model_copy(update={"home": home}), riders.contract, lambda _: None)
    stages.segmentation(current)
    return current


@pytest.fixture(scope="module")
def published(ws: Workspace) -> dict[str, Report]:
    """Two weeks, one after the other; the reports of the second."""
    for week in (LAST, NEWEST):
        stages.entity_representation(ws, week)
    publish(ws, LAST)
    return publish(ws, NEWEST)


@pytest.mark.usefixtures("published")
def test_embeddings_are_those_that_are_kept(ws: Workspace) -> None:
    week = Week(ws.store, NEWEST)
    result = {row["rider"]: row for row in read(ws, ENTITIES)}
    assert len(result) == len(week) == RIDERS
    for rider, kept in zip(week.entities.values.to_pylist(), week.embeddings, strict=True):
        vector = np.array(result[rider]["embedding"].strip("[]").split(","), float)
        np.testing.assert_allclose(vector, kept.astype(float), rtol=1e-3, atol=1e-6)
        assert result[rider]["model_version"] == ws.store.current("foundation_model").version
    with duckdb.connect(str(ws.settings.warehouse_path), read_only=True) as connection:
        result = connection.execute("select max(len(embedding::float[])) from basemodel.entity_embeddings").fetchone()
    assert result == (week.embeddings.shape[1],)


@pytest.mark.usefixtures("published")
def test_look_alikes_are_the_largest_cosines(ws: Workspace) -> None:
    week = Week(ws.store, NEWEST)
    kept = week.embeddings.astype(np.float64)
    deviation = kept.std(axis=0)
    scaled = (kept - kept.mean(axis=0)) * np.where(deviation > 1e-6, 1 / np.sqrt(np.maximum(deviation, 1e-6)), 0)
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    rows = read(ws, LOOKALIKES)
    assert len(rows) == RIDERS * ws.settings.lookalikes
    row_index = {rider: number for number, rider in enumerate(week.entities.values.to_pylist())}
    for rider in row_index:
        current = sorted((row for row in rows if row["rider"] == rider), key=lambda row: row["rank"])
        cosine = unit @ unit[row_index[rider]]
        cosine[row_index[rider]] = -np.inf
        assert [row["rank"] for row in current] == list(range(1, len(current) + 1))
        best = np.sort(cosine)[::-1][: len(current)]
        np.testing.assert_allclose([row["similarity"] for row in current], best, atol=1e-4)
        np.testing.assert_allclose([cosine[row_index[row["neighbour"]]] for row in current], best, atol=1e-4)


@pytest.mark.usefixtures("published")
def test_similar_names_the_rows_of_the_table(ws: Workspace) -> None:
    rows = {row["rank"]: row for row in read(ws, LOOKALIKES) if row["rider"] == "rider 4"}
    result = stages.similar(ws, "rider 4", NEWEST, 5)
    assert [(entry.rank, entry.neighbour) for entry in result] == [
        (rank, rows[rank]["neighbour"]) for rank in range(1, 6)
    ]
    assert [entry.similarity for entry in result] == pytest.approx(
        [rows[rank]["similarity"] for rank in range(1, 6)], abs=1e-5
    )


@pytest.mark.usefixtures("published")
def test_more_look_alikes_than_riders_are_all_others(ws: Workspace) -> None:
    result = stages.similar(ws, "rider 4", NEWEST, 10_000)
    assert {entry.neighbour for entry in result} == {f"rider {number}" for number in range(RIDERS) if number != 4}


def test_every_rider_has_a_segment_and_every_segment_its_size(ws: Workspace, published: dict[str, Report]) -> None:
    rows = read(ws, SEGMENTS)
    first = [row for row in rows if row["level"] == 1]
    assert {row["rider"] for row in first} == set(Week(ws.store, NEWEST).entities.values.to_pylist())
    assert len(first) == RIDERS
    sizes = {segment: sum(row["segment"] == segment for row in rows) for segment in {row["segment"] for row in rows}}
    for row in read(ws, PROFILES):
        assert row["size"] == sizes[row["segment"]]
        assert row["share"] == pytest.approx(sizes[row["segment"]] / RIDERS)
        assert row["lift_low"] <= row["lift"] <= row["lift_high"]
    assert published["segments"].metrics["groups_1"] == len({row["segment"] for row in first})
    assert published["segments"].metrics["compared_with"] == f"{LAST:%Y-%m-%d}"


@pytest.mark.usefixtures("published")
def test_names_say_what_is_told_of_the_members_or_whose_part_they_are(ws: Workspace) -> None:
    """Riders by the zone that they keep to, and those of the first zone again, of whom nobody else is left."""
    week = Week(ws.store, NEWEST)
    zone = [int(rider.split()[1]) % 3 for rider in week.entities.values.to_pylist()]
    group = np.array([[entry, 3 if entry == 0 else -1, -1] for entry in zone])
    tree = Tree(np.zeros((4, 1), np.float32), np.array([-1, -1, -1, 0]), np.ones(4))
    words = Words(ws.contract, ws.store, week.traits.names)
    for before in ({}, {"1": "another", "1.1": "another · part 1"}):
        first, *others, within = profiles(words, week, tree, ["1", "2", "3", "1.1"], group, before)
        assert first.name == f"station {first.differences[0].value}"
        assert [other.name for other in others] == ["segment 2", "segment 3"]
        assert (within.name, within.differences) == (f"{first.name} · part 1", [])


def test_what_is_there_is_not_written_again(ws: Workspace, published: dict[str, Report]) -> None:
    before = {relation: read(ws, relation) for relation in (ENTITIES, LOOKALIKES, SEGMENTS, PROFILES)}
    again = publish(ws, NEWEST)
    assert all(report.reused for report in again.values())
    assert {name: report.version for name, report in again.items()} == {n: r.version for n, r in published.items()}
    assert {relation: read(ws, relation) for relation in before} == before


@pytest.mark.usefixtures("published")
def test_the_checks_pass_and_fail_where_rows_are_missing(ws: Workspace) -> None:
    assert [check(ws, NEWEST).passed for check in CHECKS] == [True] * 4
    kept = {relation: _all(ws, relation) for relation in (ENTITIES, LOOKALIKES, SEGMENTS)}
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        for relation, table in kept.items():
            warehouse.load(ws.answer_relation(relation), table.slice(0, table.num_rows - 1))
    assert [check(ws, NEWEST).passed for check in CHECKS[:2]] == [False] * 2
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        for relation, table in kept.items():
            warehouse.load(ws.answer_relation(relation), table)


def _all(ws: Workspace, table: str) -> pa.Table:
    with ws.warehouse() as warehouse:
        relation = ws.answer_relation(table)
        names = sorted(warehouse.columns(relation), key=lambda name: name != "as_of")
        return warehouse.read(rows_query(relation, names))


@pytest.mark.usefixtures("published")
def test_a_week_that_is_divided_later_keeps_the_ids_and_the_borders(ws: Workspace) -> None:
    """Groups that are numbered anew, as after a training, are those of the last week by their members."""
    trained = SegmentationArtifact.current(ws.store)
    tree = trained.tree
    order = np.concatenate([np.flatnonzero(tree.level == level)[::-1] for level in (1, 2, 3)])
    row_index = np.argsort(order)
    parent = np.where(tree.parent[order] >= 0, row_index[tree.parent[order]], -1)
    other = Tree(tree.centre[order], parent, tree.agreement[order])

    def fill(writer: ArtifactWriter) -> None:
        SegmentationArtifact.write(writer, other)
        writer.report({})

    before = read(ws, SEGMENTS)
    ws.store.write(trained.key, "a" * 16, fill, trained.artifact.manifest["about"])
    try:
        stages.segments(ws, NEWEST, "r")
        now = read(ws, SEGMENTS)
        assert [(r["rider"], r["segment"]) for r in now] == [(r["rider"], r["segment"]) for r in before]
    finally:
        ws.store.point(trained.key, trained.artifact.version)
        stages.segments(ws, NEWEST, "r")


@pytest.mark.usefixtures("published")
def test_vectors_of_stations_are_those_that_were_learnt(ws: Workspace) -> None:
    report = stages.item_embeddings(ws, "station", "r")
    rows = read(ws, "station_embeddings", None)
    vectors = EmbeddingArtifact.current(ws.store, "trips", "station").vectors
    known = EncoderArtifact.current(ws.store, "trips").vocabulary("station").table().to_pylist()
    assert report.metrics["rows"] == len(rows) == len(known)
    result = {row["station"]: row for row in rows}
    for entry, vector in zip(known, vectors, strict=True):
        text = result[entry["value"]]["embedding"]
        np.testing.assert_allclose(np.array(text.strip("[]").split(","), float), vector, rtol=1e-3, atol=1e-5)
        assert (result[entry["value"]]["events"], result[entry["value"]]["source"]) == (entry["count"], "trips")
    assert stages.item_embeddings(ws, "station", "r").reused


def kept(ws: Workspace, as_of: datetime, embeddings: np.ndarray) -> datetime:
    """A week of riders with these embeddings."""
    week, similar = Week(ws.store, NEWEST), RepresentationArtifact.current(ws.store, NEWEST)
    riders = len(embeddings)

    def fill(writer: ArtifactWriter) -> tuple[dict, dict]:
        entities = Vocabulary(similar.entities.values[:riders], similar.entities.counts[:riders])
        RepresentationArtifact.write_entities(writer, entities, similar.layout, similar.cutoff)
        if riders:
            traits = {name: values[:riders] for name, values in next(similar.traits()).items()}
            RepresentationArtifact.write_embeddings(writer, 0, embeddings, traits)
        return {"rows": riders}, {}

    about = RepresentationArtifact.inputs_of(week.model_version)
    ws.write(RepresentationArtifact.key(as_of), f"{riders:016d}", fill, about)
    return as_of


ODD = NEWEST + timedelta(weeks=40)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("embeddings", "why"),
    [
        (lambda week: np.ones_like(week), "all embeddings are equal"),
        (lambda week: week[:1], "one entity"),
        (lambda week: week[:0], "no entities"),
    ],
)
def test_where_nobody_is_like_anybody_the_table_is_empty_and_says_why(
    ws: Workspace, embeddings: Callable[[np.ndarray], np.ndarray], why: str
) -> None:
    current = embeddings(Week(ws.store, NEWEST).embeddings)
    week = kept(ws, ODD, current)
    created = publish(ws, week)
    assert why in str(created["lookalikes"].metrics["why_none"])
    assert read(ws, LOOKALIKES, week) == []
    assert len([row for row in read(ws, SEGMENTS, week) if row["level"] == 1]) == len(current)
    assert [check(ws, week).passed for check in CHECKS] == [True] * 4
    with pytest.raises(DataError, match=why if len(current) else "is among the 0"):
        stages.similar(ws, "rider 0", week, 3)


@pytest.mark.usefixtures("published")
def test_who_is_not_there_and_a_week_that_is_not_kept_are_named(ws: Workspace) -> None:
    with pytest.raises(DataError, match=r"No rider nobody is among the 30 .* There are such as \['rider"):
        stages.similar(ws, "nobody", NEWEST, 3)
    missing = NEWEST - timedelta(weeks=1000)
    for stage in (stages.entity_embeddings, stages.lookalikes, stages.segments):
        with pytest.raises(DataError, match=f"basemodel score --as-of {missing:%Y-%m-%d}"):
            stage(ws, missing, "r")


@pytest.mark.usefixtures("published")
def test_groups_of_another_foundation_model_divide_nobody(ws: Workspace) -> None:
    trained = SegmentationArtifact.current(ws.store)
    about = {**trained.artifact.manifest["about"], "inputs": {"artifacts": {"foundation_model": "another"}}}
    ws.store.write(trained.key, "b" * 16, lambda writer: SegmentationArtifact.write(writer, trained.tree), about)
    try:
        with pytest.raises(DataError, match="learnt with the foundation model another"):
            stages.segments(ws, NEWEST, "r")
    finally:
        ws.store.point(trained.key, trained.artifact.version)


@pytest.mark.usefixtures("published")
def test_who_is_forgotten_is_nobodys_look_alike(ws: Workspace) -> None:
    """Last: it takes rows and artifacts away."""
    gone = read(ws, LOOKALIKES)[0]["neighbour"]
    requests = Relation(schema_name="privacy", name="requests")
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(requests, pa.table({"rider": [gone]}))
    stages.forget(ws, requests)
    for relation in (ENTITIES, LOOKALIKES, SEGMENTS):
        rows = read(ws, relation, None)
        assert rows
        assert gone not in {row["rider"] for row in rows} | {row.get("neighbour") for row in rows}
