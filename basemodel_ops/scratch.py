"""Temporary folders under the home, which go with the process that made them, or at the latest with a later run."""

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

KINDS = ("sorting", "incidences")
"""What the folders are for; their names begin so."""

HELD = "held"
"""A file in each folder that its process keeps locked for as long as it lives."""

UNLOCKED_SECONDS = 3600
"""Age from which a folder without that file is taken for one of a killed run; a younger one may just be made."""


@contextmanager
def scratch_folder(home: Path, kind: str) -> Iterator[Path]:
    """A folder for as long as the block; those that killed processes left behind are removed first."""
    home.mkdir(parents=True, exist_ok=True)
    sweep(home)
    with TemporaryDirectory(dir=home, prefix=f"{kind}-") as name, Path(name, HELD).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield Path(name)


def sweep(home: Path, age: float = UNLOCKED_SECONDS) -> list[Path]:
    """Remove the folders whose process is gone, and those of at least `age` seconds that nobody ever held."""
    left = [folder for kind in KINDS for folder in home.glob(f"{kind}-*") if _is_abandoned(folder, age)]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)  # another process may sweep it too
    return left


def _is_abandoned(folder: Path, age: float) -> bool:
    try:
        with (folder / HELD).open() as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return folder.exists() and time.time() - folder.stat().st_mtime >= age
    except OSError:
        return False
    return True
