"""What long work says of itself while it is done."""

import time
from collections.abc import Callable

Log = Callable[[str], None]
"""Takes a line for whoever looks on."""

Progress = Callable[[int, int], None]
"""Takes how much of long work is done, and of how much."""


def log_progress(log: Log, what: str) -> Progress:
    """Logs, from now on, how much of long work is done, and about how long the rest will take."""
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        left = (time.monotonic() - started) * (total - done) / max(done, 1)
        log(f"{what}: {done:,} of {total:,}" + (f", about {left / 60:.1f} min left" if left >= 30 else ""))

    return show
