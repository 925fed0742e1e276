"""Retries of a connection: how long a call may take, and how long a broken one is tried again."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from basemodel_ops.errors import WarehouseError

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """Limits in seconds."""

    total: float = 300.0
    """From the first failure, without any progress in between, to giving up."""
    first: float = 0.5
    """The first pause; each next one may be twice as long, up to `longest`."""
    longest: float = 30.0
    response_timeout: float | None = None
    """The longest that one call may take before its connection counts as broken; None waits for ever."""

    def pauses(self, generator: random.Random) -> Iterator[float]:
        """Pauses with full jitter, so that readers that broke together do not come back together."""
        bound = self.first
        while True:
            yield generator.uniform(bound / 2, bound)
            bound = min(2 * bound, self.longest)


class Retries:
    """Failures in a row. Progress ends the row."""

    def __init__(self, retry_policy: RetryPolicy, generator: random.Random) -> None:
        self._retry_policy, self._generator = retry_policy, generator
        self.reset()

    def reset(self) -> None:
        """Something arrived: the next failure is the first of a new row."""
        self._tries, self._since = 0, 0.0
        self._pauses = self._retry_policy.pauses(self._generator)

    def wait(self, error: Exception) -> None:
        """Pause before the next try.

        Raises:
            WarehouseError: the limit is reached; says how often and how long it was tried.
        """
        now = time.monotonic()
        self._since = self._since or now
        self._tries += 1
        pause, passed = next(self._pauses), now - self._since
        if passed + pause > self._retry_policy.total:
            raise WarehouseError(
                f"The warehouse was asked {self._tries} times in {passed:.0f} s and did not answer: {error} "
                "Is it up, and can this machine reach it? Run again when it is."
            ) from error
        time.sleep(pause)


def within(seconds: float | None, call: Callable[[], T], late: Callable[[T | None], None] | None = None) -> T:
    """The result of a call that may block in a driver; TimeoutError when it takes longer.

    The call goes on in a thread of its own, and what it uses must be left alone until it ends: `late` is called then,
    with its result if it has one.
    """
    if seconds is None:
        return call()
    answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    is_given_up = threading.Event()

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:
            error = raised
        answers.put((result, error))
        if is_given_up.is_set() and late is not None:
            late(result)

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except Empty:
        is_given_up.set()
        raise TimeoutError(f"No answer in {seconds:g} s.") from None
    if error is not None:
        raise error
    return result
