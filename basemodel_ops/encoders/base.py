"""What every modality's encoder can do, and how an encoder of a column's type is found."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pyarrow as pa

from basemodel_ops.errors import DataError, SettingsError


@dataclass(frozen=True)
class State:
    """A fitted encoder as JSON and arrays: all that is kept of it."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class Encoder(Protocol):
    """A fitted reader of one column. Nulls and unknown values have cells of -1 and features of 0; they never fail."""

    kind: ClassVar[str]
    """The column type that it reads."""
    is_density: ClassVar[bool]
    """Whether near values share cells, many rows of one width: those are sketched, others are counted cell by cell."""

    @classmethod
    def fit(cls, batches: Iterable[pa.Array], **options: Any) -> Self:
        """Learn from the column, batch by batch; memory is bounded.

        Raises:
            DataError: the column is of a type that it cannot read.
        """
        ...

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of cells in each row of `cells`."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        ...

    def cells(self, column: pa.Array) -> np.ndarray:
        """The cell of each value in each row of cells, int32 (rows, len(widths)): what a sketch counts."""
        ...

    def features(self, column: pa.Array) -> np.ndarray:
        """Numbers of each value, float32 (rows, len(names)): what a network reads."""
        ...

    def state(self) -> State:
        """What must be kept; `from_state` is the inverse."""
        ...

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The encoder that `state` was taken from."""
        ...


def encoder_types() -> dict[str, type[Encoder]]:
    """Every encoder of this package by the type of column it reads: each is the `ENCODER` of its module."""
    results = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        encoder = getattr(importlib.import_module(f"{__package__}.{module.name}"), "ENCODER", None)
        if encoder is not None:
            results[encoder.kind] = encoder
    return results


def fit_encoder(kind: str, batches: Iterable[pa.Array], **options: Any) -> Encoder:
    """Fit the encoder of a column type.

    Raises:
        SettingsError: no encoder reads that type.
        DataError: the column is of another type.
    """
    return _type_of(kind).fit((flat(batch) for batch in batches), **options)


def load_encoder(state: State) -> Encoder:
    """The encoder of a saved state."""
    return _type_of(state.kind).from_state(state)


def track_names(column: str, rows: int) -> list[str]:
    """Names of a column's rows of cells: the column itself where there is one, else with a number, as no column is."""
    return [column] if rows == 1 else [f"{column}/{row}" for row in range(rows)]


def track_column(track: str) -> str:
    """The column that a row of cells is of."""
    return track.rpartition("/")[0] or track


def _type_of(kind: str) -> type[Encoder]:
    types = encoder_types()
    if kind not in types:
        raise SettingsError(
            f"No encoder reads columns of type {kind!r}; there are {sorted(types)}. Annotate the column with one of "
            "them, or with `ignore`."
        )
    return types[kind]


def flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of plain values, without chunks and dictionaries."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array


@contextmanager
def named_column(column: str, source: str) -> Iterator[None]:
    """Errors within say which column of which model they are about."""
    try:
        yield
    except DataError as error:
        raise DataError(f"Column {column!r} of {source}: {error}") from error


def refuse(kind: str, column: pa.Array, readable: str) -> DataError:
    """The error for a column of a type that an encoder cannot read."""
    return DataError(
        f"A column of type {column.type} cannot be read as {kind}, which takes {readable}. Cast it in its dbt model, "
        "or annotate it with another type."
    )
