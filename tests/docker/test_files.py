"""What the look through an image's files finds, planted one by one."""

import os
from pathlib import Path

import pytest

from docker.files import look

KEY = "-----BEGIN PRIVATE KEY-----\n" + "QUJD" * 80 + "\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image in which nothing is wrong."""
    for name in ("opt/basemodel/lib/python3.11/site-packages/good", "var/lib/basemodel", "usr/bin", "tmp", "root"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "tmp").chmod(0o1777)
    source = tmp_path / "opt/basemodel/lib/python3.11/site-packages/good/__init__.py"
    source.write_text("1")
    (source.parent / "__pycache__").mkdir()
    (source.parent / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"")
    (tmp_path / "usr/bin/tool").write_bytes(b"x" * 1000)
    return tmp_path


def problems(root: Path) -> dict[str, list[str]]:
    result = look(root)
    names = ("writable", "setuid", "leftovers", "secrets", "stale")
    return {name: paths for name in names if (paths := getattr(result, name))}


def test_nothing_is_found_where_nothing_is_wrong(root: Path) -> None:
    assert problems(root) == {}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("var/lib/apt/lists/some_Packages", "leftovers"),
        ("root/.cache/uv/wheel", "leftovers"),
        ("opt/basemodel/bin/uv", "leftovers"),
        ("opt/basemodel/lib/python3.11/site-packages/pip", "leftovers"),
        ("srv/torch.whl", "leftovers"),
        ("home/x/.pgpass", "secrets"),
        ("opt/basemodel/lib/python3.11/site-packages/good/slow.py", "stale"),
    ],
)
def test_what_is_left_behind_is_found(root: Path, path: str, kind: str) -> None:
    planted = root / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("x")
    assert path in problems(root)[kind]


def test_files_that_give_rights_are_found(root: Path) -> None:
    (root / "usr/bin/tool").chmod(0o4755)
    assert problems(root) == {"setuid": ["usr/bin/tool"]}
    (root / "usr/bin/tool").chmod(0o666)
    assert problems(root) == {"writable": ["usr/bin/tool"]}


def test_a_private_key_is_found_whatever_its_file_is_called(root: Path) -> None:
    (root / "usr/bin/tool").write_text(f"# notes\n{KEY}")
    assert problems(root) == {"secrets": ["usr/bin/tool"]}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_others_are_found_outside_of_the_home(root: Path) -> None:
    for path in root.rglob("*"):
        os.chown(path, 0, 0)
    os.chown(root / "var/lib/basemodel", 10001, 10001)
    assert look(root).foreign == []
    os.chown(root / "usr/bin/tool", 10001, 10001)
    assert look(root).foreign == ["usr/bin/tool"]


def test_a_file_with_two_names_is_counted_once(root: Path) -> None:
    before = look(root).bytes
    os.link(root / "usr/bin/tool", root / "usr/bin/alias")
    assert look(root).bytes == before
