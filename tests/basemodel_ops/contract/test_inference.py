"""Types by name and data type."""

import pytest

from basemodel_ops.contract.inference import family, infer_type, is_timestamp


@pytest.mark.parametrize(
    ("name", "data_type", "expected"),
    [
        ("product_id", "bigint", "category"),
        ("product_id", "INTEGER", "category"),
        ("PRODUCT_ID", "bigint", "category"),
        ("postal_code", "integer", "category"),
        ("zip", "integer", "category"),
        ("product_id", "double", "number"),
        ("quantity", "bigint", "number"),
        ("price", "decimal(18, 2)", "number"),
        ("price", "NUMBER(38,0)", "number"),
        ("share", "real", "number"),
        ("name", "varchar", "category"),
        ("name", "varchar(20)", "category"),
        ("name", "STRING", "category"),
        ("is_new", "boolean", "category"),
        ("token", "uuid", "category"),
        ("seen_at", "timestamp", "time"),
        ("seen_at", "timestamp with time zone", "time"),
        ("seen_on", "date", "time"),
        ("opens", "time", "time"),
        ("photo", "blob", "image"),
        ("photo", "BINARY", "image"),
        ("tags", "struct(a varchar)", "ignore"),
        ("tags", "varchar[]", "ignore"),
        ("tags", "integer[3]", "ignore"),
        ("tags", "json", "ignore"),
        ("delay", "interval", "ignore"),
        ("shape", "geometry", "ignore"),
    ],
)
def test_the_type_follows_from_name_and_data_type(name: str, data_type: str, expected: str) -> None:
    assert infer_type(name, data_type).value == expected


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [
        ("timestamp", True),
        ("TIMESTAMP_NTZ", True),
        ("date", True),
        ("DateTime", True),
        ("time", False),
        ("varchar", False),
        ("bigint", False),
        ("", False),
    ],
)
def test_a_moment_is_a_timestamp_or_a_date(data_type: str, expected: bool) -> None:
    assert is_timestamp(data_type) is expected


@pytest.mark.parametrize(
    "names",
    [
        ("bigint", "NUMBER", "integer", "INT8", "decimal(18,2)", "numeric"),
        ("double", "double precision", "FLOAT", "real"),
        ("varchar", "text", "character varying", "TEXT", "varchar(256)"),
        ("timestamp", "timestamp without time zone", "TIMESTAMP_NTZ", "date"),
        ("boolean", "BOOL"),
        ("blob", "bytea", "BINARY", "varbinary"),
        ("interval",),
        ("integer[]", "struct(a int)"),
    ],
)
def test_a_type_is_of_one_family_in_every_warehouse(names: tuple[str, ...]) -> None:
    families = {family(name) for name in names}
    assert len(families) == 1
    others = {family(name) for name in ("bigint", "double", "text", "date", "boolean", "blob", "integer[]")}
    assert len(others) == 7
