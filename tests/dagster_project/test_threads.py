"""Idle threads of libraries sleep: what says so stands in the environment before the libraries are loaded."""

import json
import os
import subprocess
import sys

import pytest

from dagster_project.lib.threads import CALM, calm_threads

PROGRAM = """
import json, os, sys
from dagster_project.cli.app import main
before = sorted({"numpy", "torch", "lightgbm"} & set(sys.modules))
main()
print(json.dumps([before, dict(os.environ)]))
"""


def test_the_command_line_says_so_before_it_loads_them() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in CALM}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    loaded, result = json.loads(done.stdout)
    assert not loaded
    assert result.items() >= CALM.items()


def test_what_is_given_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", "26")
    calm_threads()
    assert os.environ["OPENBLAS_THREAD_TIMEOUT"] == "26"
