"""`python -m benchmarks NAME [--json] [options]`: run one benchmark and print one JSON object."""

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

from rich.console import Console

HELPERS = {"__main__", "cleora_data", "cleora_pages", "measure"}
"""Modules beside the benchmarks that are none."""


def names() -> list[str]:
    """Names of all benchmarks: the modules of this package that have `run`."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name not in HELPERS
    )


def main() -> None:
    """Run the benchmark that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", action="store_true", help="one line of JSON and nothing else on standard output")
    chosen, rest = parser.parse_known_args()
    module = importlib.import_module(f"benchmarks.{chosen.name}")
    result = module.run(rest)
    if chosen.json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        Console().print_json(json.dumps(result))


if __name__ == "__main__":
    main()
