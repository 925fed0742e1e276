"""`python -m docker.check IMAGE`: the demo in an image, run as it is meant to run; then what should not be in there."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docker.files import Files, look
from docker.mistakes import complaint, mistakes
from docker.sandbox import Mounted, Sandbox

LARGEST_GB = 2.5
"""What the unpacked image for CPUs may take."""

SMALL = (Path(__file__).with_name("small.py"), "/tmp/small.py")
"""The demo on few households, mounted: the image does not hold it."""

PROBE = """
import json, os, pathlib, socket
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
def fails(attempt):
    try: attempt()
    except OSError as error: return error.strerror
    return ""
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
    "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "root": fails(lambda: pathlib.Path("/opt/basemodel/x").write_text("")),
    "network": fails(lambda: socket.create_connection(("192.0.2.1", 80), 3)),
}))
"""


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    passed: bool
    found: str


def confinement(sandbox: Sandbox) -> Iterator[Check]:
    """Whether the sandbox holds what it promises, without which the rest says little."""
    seen = json.loads(sandbox.run("python", "-c", PROBE).stdout)
    user = (seen["uid"], seen["gid"], seen["groups"])
    yield Check("user 10001, no other group", user == (10001, 10001, []), f"uid {user[0]}, gid {user[1]}, {user[2]}")
    rights = [word for word in seen["capabilities"] if int(word, 16)]
    yield Check(
        "no capabilities, no new privileges",
        not rights and seen["no_new_privileges"] == "1",
        ", ".join(rights) or "all sets are empty",
    )
    yield Check("root is read-only", bool(seen["root"]), seen["root"] or "written")
    yield Check(
        "loopback only",
        seen["interfaces"] == ["lo"] and bool(seen["network"]),
        f"{seen['interfaces']}; {seen['network']}",
    )


def demo(sandbox: Sandbox) -> Iterator[Check]:
    """The demo on few households, twice in the same home, as two containers would."""
    report = sandbox.home / "compiled.json"
    inside = sandbox.having(environment={"COMPILED": f"{sandbox.home_at}/compiled.json"}, mounts=(SMALL,))
    for name in ("the demo on 60 households", "again in the same home"):
        begun = time.monotonic()
        done = inside.run("python", SMALL[1], "run")
        seconds = time.monotonic() - begun
        last = (done.stdout + done.stderr).strip()
        print(last, flush=True)
        yield Check(name, done.returncode == 0, f"{seconds:.0f} s" if done.returncode == 0 else last[-300:])
        compiled = json.loads(report.read_text()) if report.exists() else {"kernels": ["?"], "seconds": 0.0}
        yield Check(
            "  seconds of compiling kernels",
            not compiled["kernels"],
            f"{compiled['seconds']:.1f} s, {len(compiled['kernels'])} kernels"
            + "".join(f" {kernel}" for kernel in compiled["kernels"][:3]),
        )
        report.unlink(missing_ok=True)


def contents(files: Files) -> Iterator[Check]:
    """What lies in the image."""
    for name, paths in (
        ("no world-writable files", files.writable),
        ("no setuid or setgid files", files.setuid),
        ("root owns all outside of the home", files.foreign),
        ("no caches, tools or leftovers of installing", files.leftovers),
        ("no secrets", files.secrets),
        ("bytecode beside every source", files.stale),
    ):
        yield Check(name, not paths, f"{len(paths)}: {', '.join(paths[:4])}" if paths else "none")


def checks(mounted: Mounted, folder: Path) -> Iterator[Check]:
    """All checks, in the order of the table."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, 10001, 10001)
    sandbox = Sandbox(mounted.root, mounted.configuration, home)
    configuration = mounted.configuration
    yield Check("image names user 10001", configuration["User"] == "10001:10001", configuration["User"])
    yield Check(
        "entrypoint is basemodel", configuration["Entrypoint"] == ["basemodel"], str(configuration["Entrypoint"])
    )
    yield from confinement(sandbox)
    test = (configuration.get("Healthcheck") or {}).get("Test") or []
    health = sandbox.run(*test[1:]) if test else sandbox.run("false")
    said = (health.stdout + health.stderr).strip()[-200:]
    yield Check("health check", health.returncode == 0, said or f"{test}: exit {health.returncode}")
    yield from demo(sandbox)
    wrong = folder / "wrong"
    wrong.mkdir()
    for mistake in mistakes(sandbox, wrong):
        said = complaint(mistake, "run")
        yield Check(f"clear error: {mistake.name}", not said, said or "one message, exit 1")
    files = look(mounted.root)
    yield from contents(files)
    size = files.bytes / 1e9
    yield Check("size unpacked", "gpu" in sys.argv[1] or size < LARGEST_GB, f"{size:.2f} GB")
    for package, taken in sorted(files.sizes.items(), key=lambda pair: -pair[1])[:8]:
        yield Check(f"  {package}", True, f"{taken / 1e6:.0f} MB")


def main() -> int:
    """Print a table; exit 1 if a check failed."""
    if os.geteuid() != 0:
        print("The checks mount the image's files and change users: run them as root.", file=sys.stderr)
        return 1
    found = []
    with Mounted(sys.argv[1]) as mounted, tempfile.TemporaryDirectory(prefix="image-") as name:
        Path(name).chmod(0o755)
        for check in checks(mounted, Path(name)):
            found.append(check)
    width = max(len(check.name) for check in found)
    for check in found:
        print(f"{'pass' if check.passed else 'FAIL'}  {check.name:<{width}}  {check.found}")
    failed = sum(not check.passed for check in found)
    print(f"{len(found) - failed} of {len(found)} checks passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
