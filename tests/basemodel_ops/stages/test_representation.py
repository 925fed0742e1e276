"""A column of every type in the representation, against counts of plain rows."""

from collections import defaultdict
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from basemodel_ops import stages
from basemodel_ops.errors import DataError, SettingsError
from basemodel_ops.representation import explain_layout
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features import builder
from basemodel_ops.stages.features.embedding_artifact import EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.features.feature_store import WIDE
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.snapshot.times import to_datetime

from .conftest import encode, represent
from .trips import FIRST, NEW_STATION, NOW, RIDERS, contract, riders, stations, trips, workspace

DAY = 86_400.0


def examples(ws: Workspace, as_of: datetime = NOW) -> RowsInMemory:
    return represent(ws, as_of)


def block(result: RowsInMemory, kind: str, column: str, detail: str = "365") -> np.ndarray:
    """A block of all riders, float64 (riders, length)."""
    (entry,) = [b for b in result.layout.select(kind, None, column) if b.detail == detail]
    return result.gather(np.arange(len(result.entities)), np.arange(entry.offset, entry.end)).astype(np.float64)


def decay(moment: datetime, life: float = 365, now: datetime = NOW) -> float:
    return 2 ** (-(now - moment).total_seconds() / DAY / life)


@cache
def observed_days(now: datetime = NOW) -> float:
    """Days since the first trip of all."""
    return (now - min(trips().column("started_at").to_pylist())).total_seconds() / DAY


def complete(moment: datetime) -> float:
    """The weight of an event in amounts that stand for a history that had always been observed."""
    return decay(moment) / (1 - 2 ** (-observed_days() / 365))


def rows_by_rider(result: RowsInMemory) -> list[list[dict]]:
    """The trips of every rider before now, in the order of time."""
    by_rider: dict[str, list[dict]] = defaultdict(list)
    for row in sorted(trips().to_pylist(), key=lambda row: row["started_at"]):
        if row["started_at"] < NOW:
            by_rider[row["rider"]].append(row)
    return [by_rider[name] for name in result.entities.values.to_pylist()]


def test_every_type_of_column_has_its_blocks(ws: Workspace) -> None:
    result = {(b.kind, b.source, b.column) for b in examples(ws).layout.blocks}
    expected = {
        ("count", "trips", "station"), ("sketch", "trips", "station"), ("pooled", "trips", "station"),
        ("count", "trips", "station.zone"), ("density", "trips", "station.title"),
        ("density", "trips", "station.photo"),
        ("cell", "trips", "station.docks"), ("cell", "trips", "station.opened_at/2"), ("mean", "trips", "fare"),
        ("last", "trips", "fare"), ("cell", "trips", "fare"), ("cell", "trips", "nothing"),
        ("density", "trips", "note"), ("density", "trips", "scan"), ("cell", "trips", "booked_at/0"),
        ("cell", "trips", "started_at/1"), ("attribute", "riders", "tariff"), ("attribute", "riders", "age"),
        ("attribute", "riders", "about"),
    }  # fmt: skip
    assert expected <= result
    assert ("cell", "trips", "started_at/2") not in result


def test_the_layout_explains_every_number(ws: Workspace) -> None:
    result = examples(ws)
    rows = explain_layout(result.layout).to_pylist()
    assert [row["offset"] for row in rows[1:]] == [row["offset"] + row["length"] for row in rows[:-1]]
    assert rows[-1]["offset"] + rows[-1]["length"] == result.layout.length
    assert all(row["meaning"] for row in rows)
    assert {row["half_life"] for row in rows if row["block"] == "sketch"} == {28.0, 365.0}


def test_hours_and_weekdays_are_counted(ws: Workspace) -> None:
    result = examples(ws)
    for track, size, part in (
        ("started_at/0", 24, "hour"),
        ("started_at/1", 7, "weekday"),
        ("booked_at/0", 24, "hour"),
    ):
        expected = np.zeros((len(result.entities), size))
        for rider, rows in enumerate(rows_by_rider(result)):
            for row in rows:
                moment = row[track.split("/")[0]]
                if moment is not None:
                    cell = moment.hour if part == "hour" else moment.weekday()
                    expected[rider, cell] += complete(row["started_at"])
        np.testing.assert_allclose(np.expm1(block(result, "cell", track)), expected, rtol=5e-3, atol=2e-3)


def test_numbers_have_sums_means_a_last_value_and_quantile_cells(ws: Workspace) -> None:
    result = examples(ws)
    cells = block(result, "cell", "fare")
    for rider, rows in enumerate(rows_by_rider(result)):
        seen = [(row["fare"], complete(row["started_at"])) for row in rows if np.isfinite(row["fare"])]
        total, total_weight = sum(v * w for v, w in seen), sum(w for _, w in seen)
        squashed = [np.sign(v) * np.log1p(abs(v)) for v in (total, total / total_weight, seen[-1][0])]
        kinds = (("sum", "365"), ("mean", "365"), ("last", ""))
        for (kind, detail), value in zip(kinds, squashed, strict=True):
            assert block(result, kind, "fare", detail)[rider, 0] == pytest.approx(value, rel=2e-3)
        assert np.expm1(cells[rider]).sum() == pytest.approx(total_weight, rel=5e-3)
    assert not block(result, "cell", "nothing").any()
    assert not block(result, "last", "nothing", "").any()


def test_texts_and_images_hold_the_mass_of_those_that_can_be_read(ws: Workspace) -> None:
    result = examples(ws)
    readable = {
        "note": lambda row: row["note"] is not None,
        "scan": lambda row: row["scan"] is not None,
        "station.title": lambda row: True,
        "station.photo": lambda row: row["station"] != 1,
    }
    for column, is_known in readable.items():
        expected = [sum(decay(row["started_at"]) for row in rows if is_known(row)) for rows in rows_by_rider(result)]
        np.testing.assert_allclose(np.expm1(block(result, "total_weight", column))[:, 0], expected, rtol=5e-3)


def test_attributes_of_items_are_those_of_their_events(ws: Workspace) -> None:
    result = examples(ws)
    attributes = {row["station"]: row for row in stations().to_pylist()}
    zones = EncoderArtifact.current(ws.store, "trips").vocabulary("station.zone").values.to_pylist()
    docks = EncoderArtifact.current(ws.store, "trips").encoders("station")["docks"]
    for rider, rows in enumerate(rows_by_rider(result)):
        by_zone, by_cell = np.zeros(len(zones)), np.zeros(docks.widths[0])
        for row in rows:
            attribute = attributes[row["station"]]
            if attribute["zone"] is not None:
                by_zone[zones.index(attribute["zone"])] += complete(row["started_at"])
            (cell,) = docks.cells(pa.array([attribute["docks"]], pa.int64()))[0]
            if cell >= 0:
                by_cell[cell] += complete(row["started_at"])
        np.testing.assert_allclose(np.expm1(block(result, "count", "station.zone")[rider]), by_zone, rtol=5e-3)
        np.testing.assert_allclose(np.expm1(block(result, "cell", "station.docks")[rider]), by_cell, rtol=5e-3)


def test_each_event_without_a_session_is_one_of_its_own(ws: Workspace) -> None:
    result = examples(ws)
    (sessions,) = [b for b in result.layout.select("scalar") if b.detail == "sessions_all"]
    counted = np.expm1(result.gather(np.arange(RIDERS), np.array([sessions.offset])).astype(np.float64))[:, 0]
    for rider, rows in enumerate(rows_by_rider(result)):
        named = {row["booking"] for row in rows if row["booking"] is not None}
        alone = sum(row["booking"] is None for row in rows)
        assert counted[rider] == pytest.approx((len(named) + alone) * 365 / observed_days(), rel=3e-3)


def test_attributes_are_seen_only_after_they_are_known(ws: Workspace) -> None:
    for as_of, tariff in ((datetime(2024, 5, 1), "basic"), (datetime(2024, 5, 6), "gold")):
        result = examples(ws, as_of)
        values = EncoderArtifact.current(ws.store, "riders").vocabulary("tariff").values.to_pylist()
        one_hot = block(result, "attribute", "tariff", "")
        assert (one_hot.argmax(axis=1) == values.index(tariff)).all()


def test_before_the_first_event_there_is_nobody(ws: Workspace) -> None:
    assert len(examples(ws, FIRST).entities) == 0


def assert_same_files(ours: Workspace, theirs: Workspace, *keys: str) -> None:
    """Every array and table of these artifacts is the same to the byte."""
    for key in keys:
        entry, other = ours.store.current(key), theirs.store.current(key)
        names = [name for name in entry.names if name.endswith((".safetensors", ".parquet"))]
        assert names
        assert {n: entry.manifest["files"][n] for n in names} == {n: other.manifest["files"][n] for n in names}


def test_nothing_at_or_after_the_end_of_training_changes_a_byte(ws: Workspace, tmp_path: Path) -> None:
    with ws.warehouse() as warehouse:
        end = to_datetime(ws.times(warehouse).training_end)
    moment = pc.scalar(pa.scalar(end, pa.timestamp("us")))
    exactly = trips(seed=2).slice(0, 40)
    exactly = exactly.set_column(1, "started_at", pa.array([end] * 40, pa.timestamp("us")))
    before, after = trips().filter(pc.field("started_at") < moment), trips(1).filter(pc.field("started_at") > moment)
    ours = workspace(tmp_path, trips=pa.concat_tables([exactly, after, before]))
    encode(ours)
    assert_same_files(ws, ours, "encoders/trips", "embeddings/trips__station", "codes/trips__station")
    np.testing.assert_array_equal(represent(ws, end).values, represent(ours, end).values)


def test_rows_in_any_order_give_the_same_bytes(ws: Workspace, tmp_path: Path) -> None:
    shuffled = trips().take(np.random.default_rng(3).permutation(trips().num_rows))
    ours = workspace(tmp_path, trips=shuffled)
    encode(ours)
    assert_same_files(ws, ours, "encoders/trips", "embeddings/trips__station")
    np.testing.assert_array_equal(represent(ws, NOW).values, represent(ours, NOW).values)


def test_training_examples_hold_the_representation_of_each_cutoff(ws: Workspace) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "SKETCHED_ABOVE", 10)
        patch.setattr(builder, "SHARD", 7)
        stages.training_examples(ws)
    together = ExamplesArtifact.current(ws.store)
    moments, count = np.unique(together.cutoff[together.is_wide], return_counts=True)
    cutoff = int(moments[count.argmax()])
    alone = examples(ws, to_datetime(cutoff))
    assert together.layout.blocks == alone.layout.blocks
    row_index = together.locate(alone.entities.values, np.full(len(alone.entities), cutoff))
    there = np.flatnonzero(row_index >= 0)
    assert len(there) > RIDERS / 2
    narrow = np.setdiff1d(np.arange(alone.layout.length), together.positions(*WIDE))
    wide = there[together.is_wide[row_index[there]]]
    assert len(wide) > 0
    for rows, inputs in ((there, narrow), (wide, np.arange(alone.layout.length))):
        np.testing.assert_allclose(
            together.gather(row_index[rows], inputs).astype(float),
            alone.gather(rows, inputs).astype(float),
            rtol=3e-3,
            atol=2e-3,
        )


def test_an_item_that_no_event_mentioned_is_near_its_like(ws: Workspace) -> None:
    """The new station has no zone and no trip before the end of training; its name and picture place it."""
    known = EncoderArtifact.current(ws.store, "trips").vocabulary("station")
    code = known.values.to_pylist().index(NEW_STATION)
    assert known.counts[code] == 0
    vectors = EmbeddingArtifact.current(ws.store, "trips", "station").vectors
    near = np.argsort(-(vectors @ vectors[code]))[1:6]
    assert {int(known.values[int(row_index)].as_py()) % 3 for row_index in near} == {0}
    result = examples(ws)
    taken = [any(row["station"] == NEW_STATION for row in rows) for rows in rows_by_rider(result)]
    assert any(taken)
    counted = np.expm1(block(result, "count", "station")).sum(axis=1)
    expected = [sum(complete(row["started_at"]) for row in rows) for rows in rows_by_rider(result)]
    np.testing.assert_allclose(counted, expected, rtol=5e-3)


def test_without_attributes_such_an_item_is_unknown(tmp_path: Path) -> None:
    ours = workspace(tmp_path, contract(references=None))
    encode(ours)
    assert NEW_STATION not in EncoderArtifact.current(ours.store, "trips").vocabulary("station").values.to_pylist()


def test_ids_of_another_type_are_refused_not_missed(tmp_path: Path) -> None:
    text_keys = stations().set_column(0, "station", pa.array([str(i) for i in range(len(stations()))]))
    ours = workspace(tmp_path, stations=text_keys)
    with pytest.raises(DataError, match="none could match"):
        encode(ours)
    created = {path.relative_to(tmp_path / "artifacts").parts[0] for path in tmp_path.rglob("manifest.json")}
    assert created == {"snapshot"}


def test_items_that_share_no_id_with_the_events_are_refused(tmp_path: Path) -> None:
    elsewhere = stations().set_column(0, "station", pa.array(np.arange(len(stations())) + 1000))
    with pytest.raises(DataError, match=r"No station of trips is among the keys station of stations"):
        encode(workspace(tmp_path, stations=elsewhere))


def test_an_attribute_of_one_rider_does_not_change_another(ws: Workspace, tmp_path: Path) -> None:
    table = riders()
    changed = table.set_column(3, "age", pa.array([99.0, *table["age"].to_pylist()[1:]]))
    ours = workspace(tmp_path, riders=changed)
    encode(ours)
    before, after = examples(ws), examples(ours)
    everything, row = np.arange(before.layout.length), before.entities.values.to_pylist().index("rider 1")
    kept = np.setdiff1d(everything, before.positions("attribute"))
    row_indices = np.array([row])
    np.testing.assert_array_equal(before.gather(row_indices, kept), after.gather(row_indices, kept))


def test_a_network_for_images_needs_its_weights(tmp_path: Path) -> None:
    ours = workspace(tmp_path)
    settings = ours.settings.model_copy(
        update={"image_architecture": "resnet18", "image_weights": "nowhere.safetensors"}
    )
    with pytest.raises(SettingsError, match=r"timm is not installed|not at 'nowhere.safetensors'"):
        encode(Workspace.open(settings, ours.contract, lambda _: None))
