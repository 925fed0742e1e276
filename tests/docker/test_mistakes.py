"""Surroundings that are wrong, made with namespaces of the kernel: each ends in one message with the way out."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from docker.mistakes import complaint, mistakes
from docker.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
BASEMODEL = Path(sys.executable).with_name("basemodel")


def refused() -> str:
    """Why no sandbox can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "changing users takes root"
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed: `make image-tools` installs it"
    done = subprocess.run(["bwrap", "--unshare-net", "--ro-bind", "/", "/", "true"], capture_output=True, text=True)
    return f"namespaces are refused here: {done.stderr.strip()}" if done.returncode else ""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """This machine's own files, read-only, with the product of this environment as a user without rights."""
    if why := refused():
        pytest.skip(why)
    if any(not path.stat().st_mode & 0o005 for path in (*BASEMODEL.parents, *ROOT.parents, ROOT)):
        pytest.skip("another user may not enter the directory of this checkout")
    configuration = {
        "Env": [f"PATH={os.environ['PATH']}", "BASEMODEL_HOME=/tmp/home", f"BASEMODEL_DBT_PROJECT_DIR={ROOT / 'dbt'}"],
        "Entrypoint": [str(BASEMODEL)],
    }
    folder = tmp_path_factory.mktemp("sandbox")
    for path in (folder, *folder.parents):
        if path.owner() == "root" and path != Path("/") and "pytest" in path.name:
            path.chmod(0o755)
    return Sandbox(Path("/"), configuration, folder, home_at="/tmp/home")


def test_each_mistake_ends_in_one_message_with_the_way_out(sandbox: Sandbox, tmp_path: Path) -> None:
    created = list(mistakes(sandbox, tmp_path))
    with ThreadPoolExecutor(2) as pool:
        message = pool.map(lambda mistake: complaint(mistake, "health"), created)
        result = dict(zip((mistake.name for mistake in created), message, strict=True))
    assert len(result) == 9
    assert {name: message for name, message in result.items() if message} == {}


def test_a_user_without_a_name_may_run_in_a_home_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, 54321, 54321)
    done = sandbox.having(home=home, uid=54321).product("health")
    assert done.returncode == 0, done.stderr
