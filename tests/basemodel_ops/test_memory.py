"""What is kept is left out of collections of garbage, and is given back at the end of the process."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from basemodel_ops.memory import keep, release


class Node:
    """Something that refers to itself."""

    alive = 0

    def __init__(self) -> None:
        self.itself = self
        Node.alive += 1

    def __del__(self) -> None:
        Node.alive -= 1


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Nothing of these tests stays."""
    yield
    gc.unfreeze()
    release()
    keep()


def test_what_came_after_is_collected_and_what_was_kept_is_not() -> None:
    kept = Node()
    keep()
    later = Node()
    del kept, later
    release()
    assert Node.alive == 1
    gc.unfreeze()
    release()
    assert Node.alive == 0


def test_a_process_that_kept_its_libraries_ends_without_a_word() -> None:
    program = "import duckdb, lightgbm; from basemodel_ops.memory import keep; duckdb.connect(); keep()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
