"""Kernels of an image are found where nothing can be written beside them, and kept where something can."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from basemodel_ops.compiled import LEVELS, check_processor, link
from basemodel_ops.errors import SettingsError

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
from numba.core import event
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
sys.path.insert(0, sys.argv[1])
from kernel import double
double(np.zeros(3, dtype=sys.argv[2]))
stats = double.stats
print(json.dumps({"compiled": len(compiled.buffer), "where": stats.cache_path}))
"""
KERNEL = """
from numba import njit

@njit(cache=True)
def double(values):
    return values[0] + values[0]
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    (tmp_path / "kernel.py").write_text(KERNEL)
    return tmp_path


def run(kernel: Path, dtype: str, **variables: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(kernel), dtype],
        env=os.environ | {"NUMBA_CPU_NAME": "generic"} | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_the_image_holds_is_not_compiled_and_what_it_lacks_is_compiled_once(kernel: Path) -> None:
    image, home = kernel / "image", kernel / "home"
    assert run(kernel, "f8", NUMBA_CACHE_DIR=str(image))["compiled"] > 0
    before = {path: path.read_bytes() for path in image.rglob("*") if path.is_file()}
    linked = {
        "NUMBA_CACHE_DIR": str(home),
        "BASEMODEL_KERNELS": str(image),
        "NUMBA_CACHE_LOCATOR_CLASSES": "basemodel_ops.compiled.LinkedCacheLocator",
    }
    assert run(kernel, "f8", **linked)["compiled"] == 0
    assert run(kernel, "i4", **linked)["compiled"] > 0
    again = run(kernel, "i4", **linked)
    assert again["compiled"] == 0
    assert Path(again["where"]).is_relative_to(home)
    assert {path: path.read_bytes() for path in image.rglob("*") if path.is_file()} == before
    # A home that cannot be written is no reason to compile what the image holds.
    elsewhere = run(kernel, "f8", **linked | {"NUMBA_CACHE_DIR": "/proc/nothing", "TMPDIR": str(kernel)})
    assert elsewhere["compiled"] == 0
    assert not Path(elsewhere["where"]).is_relative_to(home)


def test_links_do_not_replace_what_was_compiled_here(tmp_path: Path) -> None:
    prefetched, here = tmp_path / "ahead", tmp_path / "here"
    for folder in (prefetched, here):
        folder.mkdir()
    (prefetched / "kernel.nbi").write_text("index of the image")
    (prefetched / "kernel.1.nbc").write_text("code of the image")
    (here / "kernel.nbi").write_text("index from here")
    link(prefetched, here)
    assert (here / "kernel.nbi").read_text() == "index from here"
    assert (here / "kernel.1.nbc").is_symlink()
    link.cache_clear()
    link(prefetched, here)


def test_a_processor_that_would_end_the_process_is_refused_with_the_way_out() -> None:
    every = dict.fromkeys(LEVELS["x86-64-v3"], True)
    check_processor("x86-64-v3", every)
    check_processor("generic", {})
    check_processor(None, {})
    with pytest.raises(SettingsError, match=r"lacks avx2.*NUMBA_CPU_NAME=generic"):
        check_processor("x86-64-v3", every | {"avx2": False})
