"""SIGKILL while a partition is written, and in the moment between commit and acknowledgement."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from basemodel_ops.errors import WarehouseError

from .locations import Location, Outcome, is_whole, publish, stages

ROOT = Path(__file__).parents[2]
COUNT = 20_000


class Writer:
    """The process of `writer`, ready to begin."""

    def __init__(self, location: Location, turn: int, dies: bool = False) -> None:
        order = {"kind": location.kind, "where": location.where, "turn": turn, "count": COUNT, "dies": dies}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.writer", json.dumps(order)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def write(self) -> dict[str, Any] | None:
        """Let it write to its end: what it says, or None if it died."""
        out, _ = self.process.communicate("go\n", timeout=120)
        return json.loads(out) if out else None

    def killed_after(self, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        time.sleep(seconds)
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)


def random_kills(location: Location, times: int, generator: random.Random) -> Outcome:
    """The partition is wholly old or wholly new, the ledger agrees, and a rerun finishes the work."""
    with location.open() as warehouse:
        publish(warehouse, 0, COUNT)
    first = Writer(location, 1).write()
    assert first is not None
    turn, bad = 1, 0
    for number in range(2, times + 2):
        writer = Writer(location, number)
        # Evenly over the whole publish, and a little beyond its end.
        writer.killed_after(generator.uniform(0, 1.15 * first["seconds"]))
        location.settle()
        try:
            with location.open() as warehouse:
                sound = is_whole(warehouse, {turn, number}, COUNT)
                publish(warehouse, number, COUNT)
                sound &= is_whole(warehouse, {number}, COUNT)
                # A rerun that writes drops leftovers; one that has nothing to write leaves them to the next.
                publish(warehouse, 0, COUNT)
                publish(warehouse, number, COUNT)
                sound &= stages(warehouse) == 0
        except WarehouseError:
            sound = False
        bad += not sound
        turn = number
    return Outcome("SIGKILL at a random point of a publish", location.kind, times, bad)


def unacknowledged(location: Location, times: int) -> Outcome:
    """Killed between commit and acknowledgement: the rerun writes no rows."""
    with location.open() as warehouse:
        publish(warehouse, 0, COUNT)
    bad = 0
    for turn in range(1, times + 1):
        assert Writer(location, turn, dies=True).write() is None
        location.settle()
        again = Writer(location, turn).write()
        with location.open() as warehouse:
            bad += again is None or again["written"] or not is_whole(warehouse, {turn}, COUNT)
    return Outcome("kill between commit and acknowledgement", location.kind, times, bad)
