"""What the locks promise to whoever installs from them."""

import fnmatch
import re
from pathlib import Path

import pytest

from docker.licences import REVIEWED
from docker.packages import locked

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
LOCKS = sorted(path.name for path in REQUIREMENTS.glob("*.txt"))
CUDA = re.compile(r"^(nvidia|cuda|cupy|triton)")


def pins(name: str) -> dict[str, str]:
    return {package: version for package, version, _ in locked(REQUIREMENTS / name)}


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    result = locked(REQUIREMENTS / name)
    lines = [line for line in (REQUIREMENTS / name).read_text().splitlines() if line and line[0] not in " #"]
    assert len(result) == len(lines) > 0
    assert [package for package, _, hashes in result if not hashes] == []


def test_machines_without_a_gpu_get_nothing_made_for_one() -> None:
    assert [package for package in pins("cpu.txt") if CUDA.match(package)] == []
    assert pins("cpu.txt")["torch"].endswith("+cpu")


def test_both_kinds_of_machines_run_the_same_versions() -> None:
    cpu, gpu = pins("cpu.txt"), pins("gpu.txt")
    assert {name: version.split("+")[0] for name, version in cpu.items()} == {name: gpu[name] for name in cpu}


def test_what_only_gpu_machines_get_has_been_reviewed() -> None:
    extra = pins("gpu.txt").keys() - pins("cpu.txt").keys()
    assert extra
    assert [name for name in extra if not any(fnmatch.fnmatch(name, pattern) for pattern in REVIEWED)] == []


def test_tools_do_not_move_what_the_product_runs_on() -> None:
    for name in ("dev.txt", "bench.txt"):
        assert pins(name).keys() & pins("cpu.txt").keys() == set()
