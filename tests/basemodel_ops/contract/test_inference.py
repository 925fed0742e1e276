"""Types by name and data type."""

import pytest

from basemodel_ops.contract.inference import infer_type, is_moment


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
    assert is_moment(data_type) is expected
