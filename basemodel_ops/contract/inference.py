"""Types of columns that nobody annotated, from name and data type alone. An annotation always wins."""

import re

from basemodel_ops.contract.types import ColumnType

TEXTS = ("char", "text", "string", "bool", "uuid", "enum")
NUMBERS = ("int", "double", "float", "real", "decimal", "numeric", "number")
TIMES = ("timestamp", "date", "time")
BYTES = ("blob", "binary", "bytea")
OPAQUE = (
    "interval", "point", "linestring", "struct", "map", "array", "list", "union", "object", "variant", "json", "bit",
    "time with time", "timetz", "time_tz", "uhugeint", "bignum", "varint",
)  # fmt: skip
"""Beginnings of data types that hold several values, or one that Arrow hands out as something else."""
FAMILIES = {
    "boolean": ("bool",),
    "text": TEXTS,
    "bytes": BYTES,
    "floating": ("double", "float", "real"),
    "number": ("int", "decimal", "numeric", "number"),
    "time": ("time",),
}
ID_NAME = re.compile(r"(^|_)(id|zip)$|_(code|upc|key)$", re.IGNORECASE)
CAMEL_ID = re.compile(r"[a-z0-9]I[dD]$")
"""`id` is a word of its own, as in `user_id` and `userId`: `amount_paid` and `bid` end in it by accident."""

WHOLE_NUMBER = re.compile(r"int|(number|numeric|decimal)\(\d+\s*,\s*0\)")

READABLE = {
    ColumnType.CATEGORY: ("boolean", "text", "bytes", "number", "floating", "moment"),
    ColumnType.NUMBER: ("boolean", "number", "floating"),
    ColumnType.TEXT: ("text", "bytes"),
    ColumnType.IMAGE: ("bytes", "text"),
    ColumnType.TIME: ("moment", "time"),
}
"""Families of data types that can be read as each type. A data type that no family knows may be an enum's name."""


def is_timestamp(data_type: str) -> bool:
    """Whether a data type is a timestamp or a date."""
    return data_type.lower().startswith(("timestamp", "date"))


def is_opaque(data_type: str) -> bool:
    """Whether values of a data type are several, or none that every warehouse hands out alike."""
    kind = data_type.lower().strip()
    return kind.startswith(OPAQUE) or kind.endswith(("]", "range"))


def is_readable(kind: ColumnType, data_type: str) -> bool:
    """Whether a column of that data type can be read as a type; JSON can as `text` only."""
    if kind is ColumnType.IGNORE or (kind is ColumnType.TEXT and data_type.lower().startswith("json")):
        return True
    result = family(data_type)
    known = {name for names in READABLE.values() for name in names} | {"nested"}
    return result in READABLE[kind] or result not in known


def join_kind(data_type: str) -> str:
    """What values of a data type are equal to: whole numbers of any width are one kind, so are texts.

    Data types are those of the warehouse itself. PostgreSQL pads its `character`, so it is no other text.
    """
    kind = data_type.lower().strip()
    result = family(kind)
    if result == "number":
        return "whole" if "hugeint" not in kind and ("int" in kind or kind == "number") else kind
    return "text" if result == "text" and kind not in ("character", "bpchar", "uuid") else kind.split("(")[0]


def is_named_like_an_id(name: str) -> bool:
    """Whether a column's name says that its numbers are names of items."""
    return bool(ID_NAME.search(name) or CAMEL_ID.search(name))


def family(data_type: str) -> str:
    """What a data type is in any warehouse: Snowflake's number is a bigint elsewhere, PostgreSQL's text a varchar."""
    kind = data_type.lower().strip()
    if is_opaque(kind):
        return "nested"
    if is_timestamp(kind):
        return "moment"
    for name, words in FAMILIES.items():
        if any(word in kind for word in words):
            return name
    return kind


def infer_type(name: str, data_type: str) -> ColumnType:
    """Category for texts, booleans and integers that are named like ids; else what the data type says."""
    kind = data_type.lower().strip()
    if is_opaque(kind):
        return ColumnType.IGNORE
    if any(word in kind for word in TEXTS):
        return ColumnType.CATEGORY
    if any(word in kind for word in BYTES):
        return ColumnType.IMAGE
    if kind.startswith(TIMES):
        return ColumnType.TIME
    if WHOLE_NUMBER.search(kind) and is_named_like_an_id(name):
        return ColumnType.CATEGORY
    if any(word in kind for word in NUMBERS):
        return ColumnType.NUMBER
    return ColumnType.IGNORE


def reading_fault(kind: ColumnType, data_type: str, planned: bool) -> str:
    """Why a column of a data type cannot be read as this, what goes and the way out; empty where it can."""
    if not is_readable(kind, data_type):
        return (
            f"{data_type} and cannot be read as `{kind.value}`, which takes {', '.join(READABLE[kind])}. Cast it in "
            "the model, or give it another type: `ignore` leaves it unread."
        )
    if planned and kind is not ColumnType.TIME:
        return (
            f"read as `{kind.value}` and cannot be `planned`, as moments are. Give it the type `time`, or remove "
            "`planned`."
        )
    return ""
