"""Commands on one home take turns where two at once would read what the other has half written."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock of the machine, whose file is `path`, for as long as the block; a process that dies gives it back.

    Args:
        path: The file, which is made and stays empty.
        waiting: Called once where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
