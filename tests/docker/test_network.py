"""The whole path on DuckDB in a network of its own, which holds nothing but loopback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASEMODEL = Path(sys.executable).with_name("basemodel")
SMALL = {"BASEMODEL_HIDDEN": "32", "BASEMODEL_PRETRAINING_ROWS": "2000"}
INTERFACES = "import socket; print([name for _, name in socket.if_nameindex()])"


def alone() -> list[str]:
    """A command that starts another in a network of its own; skips where the kernel refuses."""
    for command in (
        ["bwrap", "--unshare-net", "--die-with-parent", "--dev-bind", "/", "/"],
        ["unshare", "--net", "--map-root-user", "--"],
        ["unshare", "--net", "--"],
    ):
        if shutil.which(command[0]):
            done = subprocess.run([*command, sys.executable, "-c", INTERFACES], capture_output=True, text=True)
            if done.returncode == 0 and done.stdout.strip() == "['lo']":
                return command
    pytest.skip("network namespaces are refused here")


@pytest.mark.slow
def test_a_project_runs_from_raw_rows_to_scores_without_a_network(tmp_path: Path) -> None:
    command = alone()
    variables = {
        "BASEMODEL_DBT_PROJECT_DIR": str(ROOT / "tests" / "projects" / "visits"),
        "BASEMODEL_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [*command, str(BASEMODEL), "run"], env=os.environ | SMALL | variables, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "returns_14d" in done.stdout
