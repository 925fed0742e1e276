"""Events made by the warehouse itself: functions of hashes, appended some weeks at a time, in bounded memory."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

END = date(2026, 1, 5)
"""The end of all generated data: a Monday."""

HISTORY_WEEKS = 8
"""Weeks before the first cutoff."""

ENTITY_WEEKS = 4_000_000
"""Pairs of an entity and a week that one statement looks at, about; each is a transaction of its own."""

# DuckDB joins the hashes of several values by exclusive or, which leaves them dependent; hashing once more mixes them.
FUNCTIONS = """
create temp macro unit(key, salt) as
    (cast(hash(hash(key, salt, {seed})) >> 12 as double) + 0.5::double) / 4503599627370496::double;
create temp macro whole(key, salt, size) as cast(floor(unit(key, salt) * size) as bigint);
create temp macro geometric(key, salt, mean) as
    cast(floor(least(ln(unit(key, salt)) / ln(greatest(mean, 1e-9) / (1 + greatest(mean, 1e-9))), 200)) as bigint);
create temp macro zipf(u, size) as least(cast(floor(power(size + 1, u)) as bigint) - 1, size - 1);
create temp macro moment(week, u) as
    timestamp '{start}' + to_days(cast(week * 7 as integer)) + to_seconds(floor(u * 604800));
"""


@dataclass(frozen=True)
class Size:
    """How much is generated: `events` are per entity over all `weeks`, and per source where there are several."""

    entities: int
    weeks: int
    events: float
    seed: int = 0

    @property
    def start(self) -> date:
        """The Monday on which the data begin."""
        return END - timedelta(weeks=self.weeks)

    @property
    def first_cutoff(self) -> date:
        """The first moment of the grid."""
        return self.start + timedelta(weeks=HISTORY_WEEKS)

    @property
    def cutoffs(self) -> int:
        """Moments of the grid; the last of them is the end of the data."""
        return self.weeks - HISTORY_WEEKS + 1


class Generator:
    """A connection with the functions of this file, and the seconds that each table took."""

    def __init__(self, path: Path, size: Size, memory: str) -> None:
        self.size = size
        self.seconds: dict[str, float] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {"memory_limit": memory, "preserve_insertion_order": "false", "threads": "2"}
        self.connection = duckdb.connect(str(path), config=config)
        start = datetime.combine(size.start, datetime.min.time())
        self.connection.execute(FUNCTIONS.format(seed=size.seed, start=start))
        self.connection.execute("create schema if not exists raw; create schema if not exists generator")

    def table(self, name: str, query: str, **values: Any) -> None:
        """Make a table of one query."""
        started = time.perf_counter()
        self.connection.execute(f"create or replace table {name} as {self._filled(query, values)}")
        self._spent(name, started)

    def weekly(self, name: str, query: str, **values: Any) -> None:
        """Make a table by a query over the weeks from `{first}` to before `{last}`, a few weeks at a time.

        So rows stand about in the order of time, as those of a warehouse that is loaded every day.
        """
        started = time.perf_counter()
        for row_index, (first, last) in enumerate(self._weeks()):
            how = f"insert into {name}" if row_index else f"create or replace table {name} as"
            self.connection.execute(f"{how} {self._filled(query, {**values, 'first': first, 'last': last})}")
        self._spent(name, started)

    def count(self, name: str) -> int:
        """Rows of a table."""
        return int(self.connection.execute(f"select count(*) from {name}").fetchall()[0][0])

    def close(self) -> None:
        """Write everything to the file."""
        self.connection.execute("checkpoint")
        self.connection.close()

    def _weeks(self) -> Iterator[tuple[int, int]]:
        step = max(1, ENTITY_WEEKS // self.size.entities)
        for first in range(0, self.size.weeks, step):
            yield first, min(first + step, self.size.weeks)

    def _filled(self, query: str, values: dict[str, Any]) -> str:
        size = self.size
        return query.format(entities=size.entities, weeks=size.weeks, events=size.events, **values)

    def _spent(self, name: str, started: float) -> None:
        self.seconds[name] = round(time.perf_counter() - started, 2)
