"""Seconds and peak memory of a function, in a process of its own."""

import importlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROGRAM = "from benchmarks.measure import child; child()"


def apart(function: str, **arguments: Any) -> dict[str, Any]:
    """Call `module:function` with JSON-able arguments in a fresh process.

    Returns:
        `seconds` of the call, `peak_mb` of the process and the call's own JSON-able `result`.

    Raises:
        RuntimeError: the process failed; holds the end of its standard error.
    """
    request = json.dumps({"function": function, "arguments": arguments})
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=request, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{function} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def child() -> None:
    """The other side of `apart`."""
    request = json.loads(sys.stdin.read())
    module, name = request["function"].split(":")
    function = getattr(importlib.import_module(module), name)
    started = time.perf_counter()
    result = function(**request["arguments"])
    seconds = time.perf_counter() - started
    peak = peak_mb()
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "peak_mb": peak, "result": result}) + "\n")


def peak_mb() -> float:
    """Peak resident memory of this process since it started its program.

    From /proc, as the `ru_maxrss` of a started process begins at its parent's size.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
