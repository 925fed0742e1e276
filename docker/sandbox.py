"""Runs commands in an image's files as a container engine would run them, with bubblewrap alone.

The root is read-only and the user is the image's, with no capabilities, no new privileges, processes and a network of
its own that holds nothing but loopback. What an engine adds on top, limits of memory and seccomp filters, is not here.
"""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

HOME = "/var/lib/basemodel"
TEMPORARY = 2**30
"""Bytes of the file system for temporary files."""


@dataclass(frozen=True)
class Sandbox:
    """An image's files and configuration, and what is mounted over them."""

    root: Path
    configuration: Mapping[str, Any]
    """`Env`, `Entrypoint`, `WorkingDir` and `User` of the image."""
    home: Path
    uid: int = 10001
    temporary: int = TEMPORARY
    is_alone: bool = True
    """Whether it has a network of its own, loopback only."""
    mounts: tuple[tuple[Path, str], ...] = ()
    """Files and directories of this machine, read-only, and where they are seen."""
    home_is_writable: bool = True
    home_at: str = HOME
    """Where the home is seen."""
    home_bytes: int | None = None
    """If given, the home is an empty file system of this size instead."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def having(self, **changes: Any) -> "Sandbox":
        """The same with something else in it."""
        return replace(self, **changes)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """bubblewrap's command line: it mounts as root, then becomes the user for good."""
        variables = dict(pair.split("=", 1) for pair in self.configuration["Env"]) | dict(self.environment)
        wrap = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"]
        wrap += ["--unshare-net"] if self.is_alone else []
        wrap += ["--ro-bind", str(self.root), "/", "--proc", "/proc", "--dev", "/dev"]
        wrap += ["--perms", "1777", "--size", str(64 * 2**20), "--tmpfs", "/dev/shm"]  # as engines do; dbt locks there
        wrap += ["--perms", "1777", "--size", str(self.temporary), "--tmpfs", "/tmp"]
        if self.home_bytes:
            wrap += ["--perms", "0777", "--size", str(self.home_bytes), "--tmpfs", self.home_at]
        else:
            wrap += ["--bind" if self.home_is_writable else "--ro-bind", str(self.home), self.home_at]
        if any(target.startswith("/run/") for _, target in self.mounts):
            wrap += ["--tmpfs", "/run"]  # where what is mounted may lack a place: an engine makes one
            for folder in sorted({str(Path(target).parent) for _, target in self.mounts if target.startswith("/run/")}):
                wrap += ["--perms", "0755", "--dir", folder]
        for source, target in self.mounts:
            wrap += ["--ro-bind", str(source), target]
        wrap += ["--chdir", self.configuration.get("WorkingDir") or "/", "--clearenv"]
        for name, value in variables.items():
            wrap += ["--setenv", name, value]
        # These four are what it takes to change the user and to give up all of them.
        wrap += ["--cap-drop", "ALL"]
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_READ_SEARCH"):
            wrap += ["--cap-add", capability]
        user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        rights = ["--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs"]
        return [*wrap, "--", *user, *rights, *arguments]

    def run(self, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(self.command(arguments), capture_output=True, text=True, timeout=seconds)

    def product(self, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run the image's entrypoint with arguments."""
        return self.run(*self.configuration["Entrypoint"], *arguments, seconds=seconds)


class Mounted:
    """An image's files under a path of this machine, as long as the `with` lasts."""

    def __init__(self, image: str) -> None:
        try:
            self._container = _output("buildah", "from", "--pull-never", image)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"No image {image} here: {error.stderr.strip()}. `make image` builds it.") from None
        self.root = Path(_output("buildah", "mount", self._container))
        # Docker's format, since the other has no place for a health check.
        self.configuration = json.loads(_output("buildah", "inspect", "--type", "image", image))["Docker"]["config"]

    def __enter__(self) -> "Mounted":
        return self

    def __exit__(self, *_: object) -> None:
        # A process that just ended may hold the mount for a moment.
        for _attempt in range(5):
            with suppress(subprocess.CalledProcessError):
                _output("buildah", "rm", self._container)
                return
            time.sleep(1)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
