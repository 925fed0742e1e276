"""Libraries that later steps load, loaded while this process waits for another."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread

from basemodel_ops.memory import keep


@contextmanager
def loading(*modules: str) -> Iterator[None]:
    """Import modules beside what the block does, which is to be waiting, mostly; they are there once it ends.

    What cannot be imported is left to whoever needs it, who says so. Half a million objects are then there to stay.
    """

    def load() -> None:
        for module in modules:
            with suppress(ImportError):
                import_module(module)

    is_new = not sys.modules.keys() >= set(modules)
    thread = Thread(target=load, name="loading", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if is_new:
            keep()
