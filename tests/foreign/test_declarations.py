"""Columns as they are declared: each has a stated reading, or a problem before anything is read."""

from pathlib import Path
from typing import Any

import pytest

from basemodel_ops.contract.inference import join_kind
from basemodel_ops.data_quality.profiles import inference_report, unread

from ..basemodel_ops.manifests import hospital, problems, read
from .outcomes import shows

INFERRED = {
    ("user_id", "bigint"): "category",
    ("userId", "bigint"): "category",
    ("ID", "integer"): "category",
    ("zip", "integer"): "category",
    ("account_id", "number(38,0)"): "category",
    ("account_id", "decimal(23, 0)"): "category",
    ("account_id", "hugeint"): "category",
    ("amount_paid", "integer"): "number",
    ("prepaid", "bigint"): "number",
    ("bid", "integer"): "number",
    ("grid", "integer"): "number",
    ("account_id", "decimal(23, 2)"): "number",
    ("mood", "enum('a', 'b')"): "category",
    ("opens", "time"): "time",
    ("seen_at", "timestamp_ns"): "time",
    ("seen_at", "timestamp_tz(9)"): "time",
    ("opens", "time with time zone"): "ignore",
    ("opens", "timetz"): "ignore",
    ("span", "interval day to second"): "ignore",
    ("span", "int4range"): "ignore",
    ("span", "daterange"): "ignore",
    ("flags", "bit(3)"): "ignore",
    ("flags", "bit varying"): "ignore",
    ("place", "struct(city varchar)"): "ignore",
    ("tags", "varchar[]"): "ignore",
    ("tags", "map(varchar, integer)"): "ignore",
    ("tags", "ARRAY"): "ignore",
    ("extra", "json"): "ignore",
    ("extra", "jsonb"): "ignore",
    ("extra", "variant"): "ignore",
    ("track", "linestring"): "ignore",
    ("address", "inet"): "ignore",
    ("huge", "uhugeint"): "ignore",
}


@pytest.mark.parametrize(("name", "data_type"), INFERRED)
def test_a_column_that_nobody_annotated_has_one_reading(tmp_path: Path, name: str, data_type: str) -> None:
    models = hospital()
    models["visits"]["columns"][name] = {"name": name, "data_type": data_type, "config": {}}
    result = {column.name: column.type for column in read(tmp_path, models).event("visits").columns}
    assert result[name] == INFERRED[name, data_type]


ANNOTATED: dict[tuple[str, str], str] = {
    ("number", "boolean"): "",
    ("number", "varchar"): "takes boolean, number, floating",
    ("number", "timestamp"): "cannot be read as `number`",
    ("number", "interval"): "cannot be read as `number`",
    ("category", "boolean"): "",
    ("category", "date"): "",
    ("category", "struct(a varchar)"): "cannot be read as `category`",
    ("category", "varchar[]"): "cannot be read as `category`",
    ("category", "bit"): "cannot be read as `category`",
    ("category", "json"): "cannot be read as `category`",
    ("category", "time"): "cannot be read as `category`",
    ("category", "mood"): "",  # the name of an enum in PostgreSQL
    ("text", "json"): "",
    ("text", "bigint"): "takes text, bytes",
    ("image", "blob"): "",
    ("image", "double"): "takes bytes, text",
    ("time", "time"): "",
    ("time", "varchar"): "takes moment, time",
    ("time", "timetz"): "cannot be read as `time`",
    ("ignore", "struct(a varchar)"): "",
}


@pytest.mark.parametrize(("kind", "data_type"), ANNOTATED)
def test_an_annotation_that_a_data_type_cannot_be_read_as_is_a_problem(
    tmp_path: Path, kind: str, data_type: str
) -> None:
    models, meta = hospital(), {"meta": {"basemodel": {"type": kind}}}
    models["visits"]["columns"]["odd"] = {"name": "odd", "data_type": data_type, "config": meta}
    result, words = problems(tmp_path, models), ANNOTATED[kind, data_type]
    if words:
        shows(" ".join(result), ("Model visits", "'odd'", data_type, words, "`ignore`"))
    assert len(result) == bool(words)


ROLES: dict[str, tuple[str, str]] = {
    "entity": ("patient_id", "varchar[]"),
    "session": ("stay_id", "interval"),
    "time": ("visited_at", "time with time zone"),
    "key": ("clinic_id", "bit"),
    "target": ("returns", "struct(a integer)"),
}


def test_nobody_is_called_by_a_time_of_day(tmp_path: Path) -> None:
    """Tables of answers have a column for every type that an entity may be of, and none for this one."""
    models = hospital()
    for model in models.values():
        if "patient_id" in model["columns"]:
            model["columns"]["patient_id"]["data_type"] = "time"
    result = problems(tmp_path, models)
    shows(" ".join(result), ("Model visits", "entity column 'patient_id'", "declared as time", "Cast it in the model"))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_played_by_no_column_whose_values_cannot_be_told_apart(tmp_path: Path, role: str) -> None:
    (name, data_type), models = ROLES[role], hospital()
    (of,) = {"key": ["clinics"], "target": ["returns_14d"]}.get(role, ["visits"])
    models[of]["columns"][name]["data_type"] = data_type
    shows(" ".join(problems(tmp_path, models)), (f"Model {of}", role, repr(name), data_type, "Cast it in the model"))


SAME: list[tuple[str, ...]] = [
    ("INTEGER", "BIGINT", "smallint", "UBIGINT", "NUMBER", "int8"),
    ("VARCHAR", "TEXT", "character varying", "ENUM('a')"),
    ("HUGEINT",),
    ("DECIMAL(23,0)",),
    ("UUID",),
    ("character",),
    ("DOUBLE",),
]


def test_whole_numbers_match_whatever_their_width_and_nothing_matches_by_accident() -> None:
    kinds: list[Any] = [{join_kind(name) for name in names} for names in SAME]
    assert [len(entry) for entry in kinds] == [1] * len(SAME)
    assert len(set().union(*kinds)) == len(SAME)


def test_what_is_not_read_is_said_with_its_data_type(tmp_path: Path) -> None:
    models = hospital()
    for name, data_type in (("delay", "interval"), ("tags", "varchar[]"), ("reason_id", "bigint")):
        models["visits"]["columns"][name] = {"name": name, "data_type": data_type, "config": {}}
    report = inference_report([], unread(read(tmp_path, models).events))
    assert "Not read: `visits.delay` (interval), `visits.tags` (varchar[])." in report
    assert "Not read" not in inference_report([])
