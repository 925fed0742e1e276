"""What training takes is known before it begins, and what would not fit is refused with nothing written."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops import memory
from basemodel_ops.errors import BudgetError
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features import builder
from basemodel_ops.stages.features.builder import source_plans
from basemodel_ops.stages.planning import budget
from basemodel_ops.stages.planning.budget import Line, budgeted, check_scoring, exceeded, prepare
from basemodel_ops.stages.planning.widths import count_values, row_numbers

from ..conftest import encode
from ..trips import STATIONS, stations, workspace


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    ws = workspace(tmp_path_factory.mktemp("budget"))
    prepare(ws)
    return ws


def test_every_long_stage_has_a_line_that_is_kept(prepared: Workspace) -> None:
    stages = ("embeddings/trips__station", "training_examples", "foundation_model", "rides_14d/model")
    for stage in (*stages, budget.SCORES, budget.INSIGHT, budget.EXPLANATIONS):
        line = budgeted(prepared.settings, stage)
        assert line is not None
        assert line.rows > 0
        assert line.memory_mb > budget.BASE
    assert budgeted(prepared.settings, "encoders/trips") is None


def test_the_width_of_a_row_is_foretold(prepared: Workspace) -> None:
    with prepared.warehouse() as warehouse:
        values = count_values(prepared.contract, warehouse, prepared.snapshot())
    assert values["trips", "station"] == pytest.approx(STATIONS, rel=0.1)
    encode(prepared)
    settings = prepared.settings
    plans, _ = source_plans(prepared.contract, settings, prepared.store, prepared.snapshot())
    half_lives = settings.half_lives, settings.counted_half_lives, settings.windows
    real = builder.history_layout(plans, *half_lives).length
    assert real / 1.5 < row_numbers(prepared.contract, settings, values) < real * 1.5
    assert row_numbers(prepared.contract, settings.model_copy(update={"row_numbers": 50}), values) == 50


def test_items_with_attributes_count_though_no_event_mentions_them(tmp_path: Path) -> None:
    attributes = stations()
    number, many = attributes.schema.get_field_index("station"), 1_200
    more = pa.concat_tables([attributes.slice(0, 1)] * many)
    more = more.set_column(number, "station", pa.array(np.arange(many) + 10_000, pa.int64()))
    ws = workspace(tmp_path, stations=pa.concat_tables([attributes, more]))
    prepare(ws)
    with ws.warehouse() as warehouse:
        values = count_values(ws.contract, warehouse, ws.snapshot())
    assert values["trips", "station"] == pytest.approx(len(attributes) + many, rel=0.1)
    encode(ws)
    settings = ws.settings
    (plan, *_), _ = source_plans(ws.contract, ws.settings, ws.store, ws.snapshot())
    assert plan.codes.keys() == {"station"}  # so many are sketched
    real = builder.history_layout([plan], settings.half_lives, settings.counted_half_lives, settings.windows).length
    assert real / 1.5 < row_numbers(ws.contract, settings, values) < real * 1.5


def tight(home: Path, **settings: object) -> Workspace:
    ws = workspace(home)
    return Workspace.open(ws.settings.model_copy(update=settings), ws.contract, lambda _: None)


def test_scoring_that_does_not_fit_is_refused_with_numbers(riders: Workspace) -> None:
    check_scoring(riders)
    small = riders.settings.model_copy(update={"memory": "100MB"})
    with pytest.raises(BudgetError, match=r"of one cutoff would take about [\d,]+ MB of memory.* 100 MB may be used"):
        check_scoring(Workspace.open(small, riders.contract, lambda _: None))


def test_too_little_memory_is_refused_before_anything_is_learnt(tmp_path: Path) -> None:
    ws = tight(tmp_path, memory="1GB")
    with pytest.raises(BudgetError, match=r"about [12],\d\d\d MB of memory.* 1,024 MB may be used.*BASEMODEL_"):
        prepare(ws)
    assert {key for key, _ in ws.store.versions()} <= {"snapshot"}
    assert not (tmp_path / "budget.json").exists()


def test_a_full_disk_is_refused_before_anything_is_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ws = tight(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 2 * 2**20))  # pyright: ignore
    with pytest.raises(BudgetError, match=r"MB of disk are needed below .*, and 2 MB are free.*BASEMODEL_HOME"):
        prepare(ws)
    assert {key for key, _ in ws.store.versions()} <= {"snapshot"}


def test_a_stage_that_takes_much_more_than_its_budget_is_named() -> None:
    line = Line("foundation_model", 1000, 500, 10, 2000, 1)
    assert exceeded(line, 2900) == ""
    assert exceeded(line, 3100).startswith("foundation_model took 3,100 MB, 1.6 times the 2,000 MB of its budget")


@pytest.mark.parametrize(("text", "is_bounded"), [("max\n", False), ("1048576\n", True), ("", False)])
def test_a_container_is_bounded_by_its_own_limit(
    text: str, is_bounded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max", tmp_path / "none"))
    assert (memory.machine_bytes() == 2**20) == is_bounded
    assert Settings(memory="2GB").memory_bytes == 2 * 2**30


def test_more_rows_take_more(prepared: Workspace) -> None:
    snapshot = prepared.snapshot()
    small, large = (budget.budget(prepared.contract, prepared.settings, snapshot, length) for length in (1_000, 10_000))
    for entry, other in zip(small, large, strict=True):
        assert entry.memory_mb <= other.memory_mb
        assert entry.disk_mb <= other.disk_mb


@pytest.mark.parametrize(("text", "size"), [("256MB", 2**28), ("1.5GB", 3 * 2**29), ("2 GiB", 2**31), ("1tb", 2**40)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert memory.size_of(text) == size


@pytest.mark.parametrize("text", ["", "80%", "12", "GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        memory.size_of(text)
