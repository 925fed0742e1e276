"""How much memory there is, the peak of a stretch of this process, and giving back what is free."""

import atexit
import ctypes
import gc
import os
import re
import resource
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says how much a container may use, in its second and first version; `max` where it is not bounded."""


def size_of(text: str) -> int:
    """Bytes of a size such as `256MB` or `1.5 GiB`.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B", text.strip(), re.IGNORECASE)
    if match is None:
        raise ValueError(f"{text!r} is no size such as 256MB.")
    return int(float(match[1]) * 2 ** (10 * (1 + "KMGT".index(match[2].upper()))))


def machine_bytes() -> int:
    """Memory of the machine, or of the container where it is bounded to less."""
    result = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in LIMITS:
        text = path.read_text().strip() if path.exists() else ""
        if text.isdigit():
            result = min(result, int(text))
    return result


def reset_peak() -> None:
    """Start a new stretch; without effect where the kernel does not offer it."""
    if CLEAR.exists():
        CLEAR.write_text("5")


def peak_mb() -> float:
    """Highest resident memory since `reset_peak`, in MiB; of the whole process where the kernel keeps no other."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def keep() -> None:
    """Spare collections of garbage, of which each stage begins with one, what is there: libraries stay loaded."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # what libraries count at the end is theirs to free


def release() -> None:
    """Give memory that is free back to the system, where the C library offers it: the next stage has its own use."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
