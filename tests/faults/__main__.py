"""`python -m tests.faults`: every fault in full; a table, and last one line of JSON."""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .. import servers
from . import files, kills, networks, races
from .locations import Location, Outcome, duckdb_location, postgres_location, snowflake_location

KILLS, PUBLISHES, TIMES, STALL = 50, 100, 20, 30.0


def outcomes(folder: Path, postgres: dict[str, str], snowflake: dict[str, str]) -> Iterator[Outcome]:
    """All of them, each over an empty warehouse."""
    generator, numbers = random.Random(0), count()

    def on(work: Callable[[Location], Outcome], *kinds: str) -> Iterator[Outcome]:
        for kind in kinds:
            name = f"faults_{next(numbers)}"
            if kind == "duckdb":
                with duckdb_location(folder, name) as location:
                    yield work(location)
            elif kind == "postgres":
                with postgres_location(postgres, name) as location:
                    yield work(location)
            else:
                yield work(snowflake_location(snowflake, name))

    local, every = ("duckdb", "postgres"), ("duckdb", "postgres", "snowflake")
    yield from on(lambda location: kills.random_kills(location, KILLS, generator), *local)
    yield from on(lambda location: kills.unacknowledged(location, 5), *local)
    yield from on(lambda location: races.reruns(location, 3), *every)
    yield from on(lambda location: races.polling(location, PUBLISHES), *every)
    yield from on(lambda location: races.two_writers(location, TIMES), *local)
    yield from on(lambda location: races.two_writers(location, 3), "snowflake")
    yield from on(lambda location: races.failed_inserts(location, TIMES), *every)
    yield from on(lambda location: races.changes_during_reads(location, TIMES), *every)
    yield from on(files.drifts, *every)
    yield files.cut_logs(folder, TIMES, generator)
    for name in ("staging", "checkpoint"):
        disk = folder / f"disk_{name}"
        disk.mkdir()
        result = files.on_small_disk(disk, name)
        if isinstance(result, str):
            raise SystemExit(f"A small disk for {name} cannot be mounted here: {result}")
        yield from result
    with postgres_location(postgres, "network") as location:
        yield from networks.postgres_breaks(location, TIMES, STALL, generator)
    yield from networks.snowflake_breaks(snowflake_location(snowflake, "network"), TIMES, STALL, generator)


def main() -> None:
    """Exit 1 when anything was wrong."""
    console = Console(stderr=True)
    table = Table("fault", "warehouse", "tried", "bad", "seconds")
    result: list[Outcome] = []
    with (
        servers.short_folder() as folder,
        servers.postgres(folder / "postgres") as postgres,
        servers.snowflake(folder / "snowflake") as snowflake,
        tempfile.TemporaryDirectory() as files_folder,
    ):
        started = time.monotonic()
        for outcome in outcomes(Path(files_folder), postgres, snowflake):
            passed, started = time.monotonic() - started, time.monotonic()
            console.print(f"{outcome.name}, {outcome.warehouse}: {outcome.bad} of {outcome.tried} bad, {passed:.0f} s")
            result.append(outcome)
            table.add_row(outcome.name, outcome.warehouse, str(outcome.tried), str(outcome.bad), f"{passed:.0f}")
    Console().print(table)
    sys.stdout.write(json.dumps({"faults": [outcome.json() for outcome in result]}) + "\n")
    sys.exit(int(any(outcome.bad for outcome in result)))


if __name__ == "__main__":
    main()
