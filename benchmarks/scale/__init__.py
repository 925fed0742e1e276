"""The product on a generated population: seconds, memory and disk of each step, from raw tables to scores."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.scale.generation import Size

STEPS = ("generate", "dbt", "train", "score")


def run(rest: list[str]) -> dict[str, Any]:
    """Make the data, then build, train and score, each in a process of its own, until one fails."""
    # Not above: data are made in a process of this package that shall load nothing else.
    from benchmarks.scale.measurement import measured

    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--weeks", type=int, default=52, help="weeks of events")
    parser.add_argument("--sources", type=int, default=0, help="so many sources of long, narrow histories; 0: a shop")
    parser.add_argument("--events", type=float, help="per entity (100), and per source of narrow histories (20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help="keep everything here; a temporary folder if not given")
    parser.add_argument("--until", choices=STEPS, default="score", help="the last step to run")
    parser.add_argument("--memory", default="", help="BASEMODEL_MEMORY of train and score")
    parser.add_argument("--duckdb-memory", default="2GB", help="BASEMODEL_DUCKDB_MEMORY of train and score")
    parser.add_argument("--dbt-memory", default="2GB", help="what DuckDB may take while it generates and builds")
    chosen = parser.parse_args(rest)
    size = Size(chosen.entities, chosen.weeks, chosen.events or (20 if chosen.sources else 100), chosen.seed)
    home = (chosen.home or Path(tempfile.mkdtemp(prefix="basemodel-scale-"))).resolve()
    try:
        return measured(size, home, chosen, STEPS[: STEPS.index(chosen.until) + 1])
    finally:
        if chosen.home is None:
            shutil.rmtree(home, ignore_errors=True)
