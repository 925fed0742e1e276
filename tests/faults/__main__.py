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
from .places import Outcome, Place, duckdb_place, postgres_place, snowflake_place

KILLS, PUBLISHES, TIMES, STALL = 50, 100, 20, 30.0


def outcomes(folder: Path, postgres: dict[str, str], snowflake: dict[str, str]) -> Iterator[Outcome]:
    """All of them, each over an empty warehouse."""
    generator, numbers = random.Random(0), count()

    def on(work: Callable[[Place], Outcome], *kinds: str) -> Iterator[Outcome]:
        for kind in kinds:
            name = f"faults_{next(numbers)}"
            if kind == "duckdb":
                with duckdb_place(folder, name) as place:
                    yield work(place)
            elif kind == "postgres":
                with postgres_place(postgres, name) as place:
                    yield work(place)
            else:
                yield work(snowflake_place(snowflake, name))

    local, every = ("duckdb", "postgres"), ("duckdb", "postgres", "snowflake")
    yield from on(lambda place: kills.random_kills(place, KILLS, generator), *local)
    yield from on(lambda place: kills.unacknowledged(place, 5), *local)
    yield from on(lambda place: races.reruns(place, 3), *every)
    yield from on(lambda place: races.polling(place, PUBLISHES), *every)
    yield from on(lambda place: races.two_writers(place, TIMES), *local)
    yield from on(lambda place: races.two_writers(place, 3), "snowflake")
    yield from on(lambda place: races.failed_inserts(place, TIMES), *every)
    yield from on(lambda place: races.changes_during_reads(place, TIMES), *every)
    yield from on(files.drifts, *every)
    yield files.cut_logs(folder, TIMES, generator)
    for name in ("staging", "checkpoint"):
        disk = folder / f"disk_{name}"
        disk.mkdir()
        found = files.on_small_disk(disk, name)
        if isinstance(found, str):
            raise SystemExit(f"A small disk for {name} cannot be mounted here: {found}")
        yield from found
    with postgres_place(postgres, "network") as place:
        yield from networks.postgres_breaks(place, TIMES, STALL, generator)
    yield from networks.snowflake_breaks(snowflake_place(snowflake, "network"), TIMES, STALL, generator)


def main() -> None:
    """Exit 1 when anything was wrong."""
    console = Console(stderr=True)
    table = Table("fault", "warehouse", "tried", "bad", "seconds")
    found: list[Outcome] = []
    with (
        servers.short_folder() as folder,
        servers.postgres(folder / "postgres") as postgres,
        servers.snowflake(folder / "snowflake") as snowflake,
        tempfile.TemporaryDirectory() as files_folder,
    ):
        began = time.monotonic()
        for outcome in outcomes(Path(files_folder), postgres, snowflake):
            passed, began = time.monotonic() - began, time.monotonic()
            console.print(f"{outcome.name}, {outcome.warehouse}: {outcome.bad} of {outcome.tried} bad, {passed:.0f} s")
            found.append(outcome)
            table.add_row(outcome.name, outcome.warehouse, str(outcome.tried), str(outcome.bad), f"{passed:.0f}")
    Console().print(table)
    sys.stdout.write(json.dumps({"faults": [outcome.json() for outcome in found]}) + "\n")
    sys.exit(int(any(outcome.bad for outcome in found)))


if __name__ == "__main__":
    main()
