"""Reading ahead: the warehouse works on the next batch while this one is worked on."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

POLL_SECONDS = 0.1


def prefetch(items: Iterable[Item], count: int = 2) -> Iterator[Item]:
    """The items in order, at most `count` of them prepared by a thread before they are asked for.

    An error of `items` is raised here, after the items before it. The thread ends when this generator is closed.
    """
    waiting: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(count)
    stopped = threading.Event()

    def put(is_item: bool, value: Item | BaseException | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put((is_item, value), timeout=POLL_SECONDS)
                break

    def work() -> None:
        try:
            for item in items:
                put(True, item)
                if stopped.is_set():
                    break
            put(False, None)
        except BaseException as error:  # handed to the reader, whatever it is
            put(False, error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="read ahead", daemon=True)
    thread.start()
    try:
        while True:
            is_item, value = waiting.get()
            if is_item:
                yield value  # type: ignore[misc]
            elif isinstance(value, BaseException):
                raise value
            else:
                return
    finally:
        stopped.set()
        thread.join()
