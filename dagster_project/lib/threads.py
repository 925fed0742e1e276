"""How threads of libraries wait for work: asleep. Spinning ones slow a shared machine, or a container of few cores."""

import os

CALM = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "17"}
"""For OpenMP, and for OpenBLAS in powers of two of the clock's cycles, of which it otherwise spins 67 million."""


def calm_threads() -> None:
    """Let idle threads sleep; has an effect only before numpy, torch or LightGBM are loaded."""
    for name, value in CALM.items():
        os.environ.setdefault(name, value)
