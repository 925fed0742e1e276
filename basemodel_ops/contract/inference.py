"""Types of columns that nobody annotated, from name and data type alone. An annotation always wins."""

from basemodel_ops.contract.types import ColumnType

TEXTS = ("char", "text", "string", "bool", "uuid", "enum")
NUMBERS = ("int", "double", "float", "real", "decimal", "numeric", "number")
TIMES = ("timestamp", "date", "time")
BYTES = ("blob", "binary", "bytea")
OPAQUE = ("interval", "point", "struct", "map", "array", "list", "union", "object", "variant", "json")
FAMILIES = {
    "boolean": ("bool",),
    "text": TEXTS,
    "bytes": BYTES,
    "floating": ("double", "float", "real"),
    "number": ("int", "decimal", "numeric", "number"),
    "time": ("time",),
}
ID_ENDINGS = ("id", "_code", "_upc", "_key", "zip")


def is_moment(data_type: str) -> bool:
    """Whether a data type is a timestamp or a date."""
    return data_type.lower().startswith(("timestamp", "date"))


def family(data_type: str) -> str:
    """What a data type is in any warehouse: Snowflake's number is a bigint elsewhere, PostgreSQL's text a varchar."""
    kind = data_type.lower().strip()
    if kind.endswith("]") or kind.startswith(OPAQUE):
        return "nested"
    if is_moment(kind):
        return "moment"
    for name, words in FAMILIES.items():
        if any(word in kind for word in words):
            return name
    return kind


def infer_type(name: str, data_type: str) -> ColumnType:
    """Category for texts, booleans and integers that are named like ids; else what the data type says."""
    kind = data_type.lower()
    if kind.startswith(OPAQUE) or kind.endswith("]"):
        return ColumnType.IGNORE
    if any(word in kind for word in TEXTS):
        return ColumnType.CATEGORY
    if any(word in kind for word in BYTES):
        return ColumnType.IMAGE
    if kind.startswith(TIMES):
        return ColumnType.TIME
    if "int" in kind and name.lower().endswith(ID_ENDINGS):
        return ColumnType.CATEGORY
    if any(word in kind for word in NUMBERS):
        return ColumnType.NUMBER
    return ColumnType.IGNORE
