"""What an embedding will need, said before it starts."""

import os
from pathlib import Path

from basemodel_ops.cleora.simd import SIMD_WIDTH
from basemodel_ops.errors import SettingsError

GIGABYTE = 1e9


def estimate(
    nodes: int,
    dimension: int,
    threads: int,
    keeps_previous: bool = True,
    whitens: bool = True,
    incidences: int = 0,
    chunk: int = 0,
) -> dict[str, int]:
    """Bytes that an embedding allocates beside its hypergraph, by what they are for.

    Args:
        nodes: Number of nodes.
        dimension: Length of a vector.
        threads: CPU threads; 0 for a GPU, which sums in a matrix of its own.
        keeps_previous: The vectors before the last step are kept for unseen nodes.
        whitens: Each step is whitened.
        incidences: Incidences of a hypergraph that is held.
        chunk: Incidences in a chunk of the streamed mode; 0 where the hypergraph is held.
    """
    wide = -(-dimension // SIMD_WIDTH) * SIMD_WIDTH
    need = {"vectors": 4 * nodes * wide, "hashes, degrees and order": 48 * nodes}
    if dimension % SIMD_WIDTH:
        need["a copy without the padding"] = 4 * nodes * dimension
    if keeps_previous:
        need["vectors before the last step"] = 4 * nodes * dimension
    if chunk or not threads:
        need["sums under way"] = 4 * nodes * wide
    else:
        need["sums of the threads' blocks"] = 4 * nodes * SIMD_WIDTH * min(threads, wide // SIMD_WIDTH)
    if incidences:
        need["rows of the incidences"] = 4 * incidences
    if whitens:
        need["whitening"] = 48 * wide * wide
    if chunk:
        # Sorting holds the keys twice beside the rows they come from and the hypergraph they become.
        need["a chunk of incidences"] = 48 * chunk
    return need


def available() -> int:
    """Bytes that this process may still take: of the machine's memory, or of its container's limit if that is less."""
    meminfo, group = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        free = 1024 * int(lines["MemAvailable"].split()[0])
    else:
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit, used = (group / "memory.max").read_text().strip(), (group / "memory.current").read_text()
        return free if limit == "max" else max(0, min(free, int(limit) - int(used)))
    except OSError:
        return free


def refuse_beyond(need: dict[str, int], limit: int, way_out: str) -> None:
    """Refuse what does not fit.

    Raises:
        SettingsError: the sum of `need` exceeds `limit`; holds the numbers and the way out.
    """
    total = sum(need.values())
    if total > limit:
        parts = ", ".join(f"{what} {size / GIGABYTE:.3g} GB" for what, size in need.items())
        raise SettingsError(
            f"The embedding needs {total / GIGABYTE:.3g} GB and {limit / GIGABYTE:.3g} GB are available: {parts}. "
            f"{way_out}"
        )
