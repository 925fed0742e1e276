"""Peak memory of a stretch of this process, and giving back what is free."""

import ctypes
import gc
import resource
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


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


def release() -> None:
    """Give memory that is free back to the system, where the C library offers it: the next stage has its own use."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
