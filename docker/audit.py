"""`python -m docker.audit LOCK`: pip-audit over a lock, in an environment of its own; says so when nobody answers."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

AUDITOR = "pip-audit==2.9.0"
SERVICE = "https://pypi.org/pypi/pip/24.0/json"
"""PyPI hands out the advisories of a version with its metadata. A mirror may not."""


def reached() -> str:
    """Empty if the service answers with advisories; else why not."""
    try:
        with urllib.request.urlopen(SERVICE, timeout=20) as answer:
            return "" if "vulnerabilities" in json.load(answer) else "it holds no advisories"
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        return str(getattr(error, "reason", error))


def auditable(lock: Path) -> str:
    """The lock without the hashes, and without the label of a CPU build, which no advisory knows."""
    pins = (line.split(" ")[0] for line in lock.read_text().splitlines() if "==" in line and not line.startswith("#"))
    return "\n".join(pin.split("+")[0] for pin in pins) + "\n"


def main() -> int:
    """Audit, or say why that is not possible: then nothing is proved, and the exit is 2."""
    if reason := reached():
        print(f"NOT AUDITED: {SERVICE} cannot be reached ({reason}). Run `make audit` where it can.", file=sys.stderr)
        return 2
    pins = Path(sys.prefix) / "audit.txt"
    pins.write_text(auditable(Path(sys.argv[1])))
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "tool", "run", "--quiet", "--from", AUDITOR, "pip-audit"]
    return subprocess.run([*command, "--disable-pip", "--no-deps", "--progress-spinner", "off", "-r", pins]).returncode


if __name__ == "__main__":
    sys.exit(main())
