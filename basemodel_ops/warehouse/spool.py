"""Rows on their way to a warehouse that loads files, as a Parquet file here."""

import tempfile
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from basemodel_ops.warehouse.values import zoned

FILE_BYTES = 128 * 2**20
"""A file of this size is sent off: BigQuery takes 1,500 load jobs of a table a day."""


class ParquetSpool:
    """One file at a time, in which moments are microseconds in UTC; it is gone when it is closed."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._file: IO[bytes] | None = None
        self._writer: pq.ParquetWriter | None = None

    def append(self, table: pa.Table) -> bool:
        """Write rows into the file; whether it is large enough to be sent."""
        if self._file is None or self._writer is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who takes it, or by `close`
            self._writer = pq.ParquetWriter(self._file, zoned(table.schema))
        self._writer.write_table(table.cast(self._writer.schema))
        return self._file.tell() >= FILE_BYTES

    def take(self) -> IO[bytes] | None:
        """The finished file at its beginning, to be closed by the caller; None where there are no rows."""
        file, writer = self._file, self._writer
        self._file = self._writer = None
        if file is None or writer is None:
            return None
        writer.close()
        file.seek(0)
        return file

    def close(self) -> None:
        """Drop what was not taken."""
        if (file := self.take()) is not None:
            file.close()
