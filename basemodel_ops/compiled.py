"""Kernels compiled when an image was built, for machines where nothing may be written beside the code.

numba keeps compiled kernels only in a directory that it may write to. Here it gets one, made anew for each version of
the code, whose files are links to those of the image: what the image holds is loaded, and anything else is compiled
once and kept there. The image names this locator in `NUMBA_CACHE_LOCATOR_CLASSES`.
"""

import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import config
from numba.core.caching import UserProvidedCacheLocator

from basemodel_ops.code import code_version
from basemodel_ops.errors import SettingsError

KERNELS_VARIABLE = "BASEMODEL_KERNELS"
"""Names the directory of the image's kernels."""

LEVELS = {"x86-64-v3": ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")}
"""What a processor must know to run kernels compiled for these names."""


class LinkedCacheLocator(UserProvidedCacheLocator):
    """Finds kernels in `NUMBA_CACHE_DIR`, or in a directory of this process, filled with links to the image's."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._folder = Path(self.get_suitable_cache_subpath(py_file))
        self._cache_path = str(_writable(config.CACHE_DIR) / self._folder)  # pyright: ignore[reportAttributeAccessIssue]

    def ensure_cache_path(self) -> None:
        """Make the directory, with its links."""
        super().ensure_cache_path()
        check_processor(config.CPU_NAME, llvm.get_host_cpu_features())  # pyright: ignore[reportAttributeAccessIssue]
        link(Path(os.environ[KERNELS_VARIABLE]) / self._folder, Path(self._cache_path))

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "LinkedCacheLocator":
        """A locator for the kernels of a file."""
        locator = cls(py_func, py_file)
        locator.ensure_cache_path()
        return locator


@functools.cache
def _writable(directory: str) -> Path:
    """A directory for this version of the code under the wanted one; a temporary one where that cannot be written."""
    # A kernel holds the code of those it calls, whose sources numba does not look at: so all sources count.
    version = f"{code_version()}-{numba.__version__}"
    with suppress(OSError):
        wanted = Path(directory or os.devnull) / version
        wanted.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=wanted).close()
        return wanted
    return Path(tempfile.mkdtemp(prefix="basemodel-kernels-"))


@functools.cache
def link(compiled: Path, here: Path) -> None:
    """Link compiled kernels, and copy the indices, which numba reads whole before it adds to them; once a process."""
    for path in sorted(compiled.glob("*.nb?")):
        with suppress(FileExistsError):
            if path.suffix == ".nbc":
                (here / path.name).symlink_to(path)
            elif not (here / path.name).exists():
                # Other processes may do the same just now: none may see half an index.
                part = here / f"{path.name}.{os.getpid()}"
                shutil.copyfile(path, part)
                part.replace(here / path.name)


@functools.cache
def _lacking(name: str, known: frozenset[str]) -> tuple[str, ...]:
    return tuple(feature for feature in LEVELS.get(name, ()) if feature not in known)


def check_processor(name: str | None, features: dict[str, bool]) -> None:
    """SettingsError if this processor cannot run kernels compiled for `name`, which would end the process otherwise."""
    lacking = _lacking(name or "", frozenset(feature for feature, has in features.items() if has))
    if lacking:
        raise SettingsError(
            f"The kernels here are compiled for {name}, and this processor lacks {', '.join(lacking)}. Set "
            "NUMBA_CPU_NAME=generic: kernels are then compiled at the first run, which takes a minute or two."
        )
