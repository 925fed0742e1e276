"""A command in a process of its own, watched: seconds, memory of all its processes, disk, and what each stage took."""

import os
import re
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEMORY_EVERY, DISK_EVERY = 0.2, 3.0
"""Seconds between two looks."""

STEP = re.compile(r"[✓✗] (\S+)(?:\s+([\d.]+) s)?")
KEPT_LINES = 60


@dataclass
class Peaks:
    """The largest of what was seen, in MiB."""

    resident: float = 0.0
    """Resident memory of all processes at one moment; files that are mapped count where they are in memory."""
    anonymous: float = 0.0
    """The part of it that no file stands behind, which the kernel cannot drop."""

    def see(self, resident: float, anonymous: float) -> None:
        """Take one look into account."""
        self.resident, self.anonymous = max(self.resident, resident), max(self.anonymous, anonymous)

    def plain(self) -> dict[str, float]:
        """For JSON."""
        return {"peak_mb": round(self.resident, 1), "peak_anonymous_mb": round(self.anonymous, 1)}


@dataclass
class Stages:
    """What the lines of progress say: a stage is over when its line comes, and what was seen since is its own."""

    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    peaks: Peaks = field(default_factory=Peaks)
    lines: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, line: str) -> None:
        """Take a line of standard error into account, and pass it on."""
        sys.stderr.write(line)
        with self.lock:
            self.lines = [*self.lines, line.rstrip()][-KEPT_LINES:]
            step = STEP.search(line)
            if step is not None:
                seconds = {} if step[2] is None else {"seconds": float(step[2])}
                seen = self.peaks.plain() if self.peaks.resident else {}  # some are shorter than two looks are apart
                self.steps[step[1]] = {**seconds, **seen}
                self.peaks = Peaks()

    def see(self, resident: float, anonymous: float) -> None:
        """Take one look at memory into account."""
        with self.lock:
            self.peaks.see(resident, anonymous)


def watched(command: list[str], environment: dict[str, str], folder: Path, home: Path) -> dict[str, Any]:
    """Run a command in `folder` until it ends.

    Returns:
        `seconds`, `cpu_seconds` of all its processes, peaks of memory, `disk_mb` (the most that lay in `home` beside
        the warehouse's own file, in files that have a name), `stages`, and `error`, the end of what it printed, if it
        failed.
    """
    stages, peaks, disk, looked = Stages(), Peaks(), 0.0, 0.0
    started, used = time.perf_counter(), children_seconds()
    printed: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        readers = [
            threading.Thread(target=lambda: [stages.read(line) for line in process.stderr or []], daemon=True),
            threading.Thread(target=lambda: printed.extend(process.stdout or []), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            while process.poll() is None:
                resident, anonymous, highest = memory_mb(process.pid)
                peaks.see(max(resident, highest), anonymous)
                stages.see(resident, anonymous)
                if time.perf_counter() - looked > DISK_EVERY:
                    looked, disk = time.perf_counter(), max(disk, stored_mb(home))
                time.sleep(MEMORY_EVERY)
        finally:
            process.kill()  # one that has ended is left alone; an interrupted benchmark leaves none behind
        seconds = time.perf_counter() - started
        for reader in readers:
            reader.join()
    result = {
        "command": " ".join([Path(command[0]).name, *command[1:]]), "seconds": round(seconds, 1),
        "cpu_seconds": round(children_seconds() - used, 1), **peaks.plain(),
        "disk_mb": round(max(disk, stored_mb(home)), 1), "stages": stages.steps,
    }  # fmt: skip
    if process.returncode:
        result["error"] = f"exit status {process.returncode}\n" + "\n".join([*printed[-KEPT_LINES:], *stages.lines])
    return result


def children_seconds() -> float:
    """Seconds of processors that all processes below this one took, those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_mb(root: int) -> tuple[float, float, float]:
    """Of a process and all below it: resident and anonymous memory, and the highest that any one of them had."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:  # it has just ended
                continue
    tree, added = {root}, True
    while added:
        more = {current for current, parent in parents.items() if parent in tree} - tree
        tree, added = tree | more, bool(more)
    resident, anonymous, highest = 0.0, 0.0, 0.0
    for current in tree:
        try:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{current}/status").read_text().splitlines())
        except OSError:
            continue
        if "VmRSS" in status:
            resident += int(status["VmRSS"].split()[0]) / 1024
            anonymous += int(status["RssAnon"].split()[0]) / 1024
            highest = max(highest, int(status["VmHWM"].split()[0]) / 1024)
    return resident, anonymous, highest


def size_mb(folder: Path) -> float:
    """Disk that the files below a folder take; those that go meanwhile count nothing."""
    total, left = 0, [folder]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total / 2**20


def stored_mb(home: Path) -> float:
    """Disk that a home takes beside the warehouse's own file and its log."""
    current = sum(
        path.stat().st_blocks * 512 / 2**20
        for path in (home / "warehouse.duckdb", home / "warehouse.duckdb.wal")
        if path.exists()
    )
    return size_mb(home) - current
