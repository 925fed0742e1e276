"""Artifacts somebody else had in their hands: refused by name, nothing run, nothing read outside."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.artifacts import ArtifactStore, ArtifactWriter
from basemodel_ops.artifacts.records import with_checksum
from basemodel_ops.errors import ArtifactError

from ..hostile import NASTY

KEY = "foundation_model"


def fill(writer: ArtifactWriter) -> None:
    writer.arrays("weights", {"x": np.arange(40, dtype=np.float32)})
    writer.table("entities", pa.table({"value": ["a", "b"]}))
    writer.json("report", {"seconds": 1.5})
    writer.text("tree", "tree\n")
    writer.plot("loss", b"\x89PNG and so on")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    created = ArtifactStore(str(tmp_path / "artifacts"))
    created.write(KEY, "v1", fill, {"inputs": ["ü"]})
    return created


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / KEY


def use(store: ArtifactStore) -> None:
    artifact = store.current(KEY)
    artifact.verify()
    artifact.arrays("weights")
    artifact.table("entities")
    artifact.json("report")
    artifact.text("tree")


def forge(folder: Path, change: Callable[[dict], None]) -> None:
    """Change the manifest, and seal it as the store would."""
    path = folder / "v1" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["seal"]
    change(manifest)
    path.write_bytes(with_checksum(manifest))


def put(store: ArtifactStore, folder: Path, name: str, data: bytes) -> None:
    """Replace a file, and its hash in the manifest."""
    (folder / "v1" / name).write_bytes(data)
    other = store.write("other", "v1", lambda writer: writer.plot("data", data))
    forge(folder, lambda manifest: manifest["files"].update({name: other.manifest["files"]["data.png"]}))


def test_a_flipped_bit_of_any_byte_of_any_file_is_refused_by_name(store: ArtifactStore, folder: Path) -> None:
    """Every byte of the manifest and the pointer too; the bit goes round with the place."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {
        "weights.safetensors", "entities.parquet", "report.json", "tree.txt", "loss.png",
        "manifest.json", "current.json",
    }  # fmt: skip
    for path in files:
        data = path.read_bytes()
        for row_index in range(len(data)):
            broken = bytearray(data)
            broken[row_index] ^= 1 << row_index % 8
            path.write_bytes(bytes(broken))
            with pytest.raises(ArtifactError) as refused:
                use(store)
            assert path.name in str(refused.value)
            assert KEY in str(refused.value)
        path.write_bytes(data)
    use(store)


def test_a_file_more_than_the_manifest_has_is_refused_by_name(store: ArtifactStore, folder: Path) -> None:
    (folder / "v1" / "planted.safetensors").write_bytes(b"x")
    with pytest.raises(ArtifactError, match=r"planted\.safetensors .* not in the manifest"):
        use(store)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["weights.safetensors", "entities.parquet", "report.json"])
def test_a_pickle_with_a_forged_hash_is_refused_and_not_run(
    store: ArtifactStore, folder: Path, tmp_path: Path, name: str, protocol: int
) -> None:
    put(store, folder, name, pickle.dumps(Trap(tmp_path / "sprung"), protocol))
    with pytest.raises(ArtifactError, match=name):
        use(store)
    assert not (tmp_path / "sprung").exists()


HEADER = json.dumps({"x": {"dtype": "F32", "shape": [40], "data_offsets": [0, 160]}}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", len(HEADER)) + HEADER[:-5],
        struct.pack("<Q", 2**63) + HEADER,
        struct.pack("<Q", 10**9) + HEADER + bytes(160),
        struct.pack("<Q", len(HEADER)) + HEADER + bytes(159),
        struct.pack("<Q", len(HEADER)) + HEADER.replace(b"160]", b"999]") + bytes(160),
        struct.pack("<Q", len(HEADER)) + HEADER.replace(b"[40]", b"[-4]") + bytes(160),
        struct.pack("<Q", 5) + b"[" * 5 + bytes(160),
    ],
    ids=["empty", "short", "cut header", "2^63", "1 GB", "cut data", "far offset", "negative shape", "no object"],
)
def test_a_broken_header_with_a_forged_hash_is_refused(store: ArtifactStore, folder: Path, data: bytes) -> None:
    put(store, folder, "weights.safetensors", data)
    with pytest.raises(ArtifactError, match=r"weights\.safetensors"):
        use(store)


def test_json_that_is_nested_too_deep_is_refused(store: ArtifactStore, folder: Path) -> None:
    put(store, folder, "report.json", b"[" * 200_000)
    with pytest.raises(ArtifactError, match=r"report\.json"):
        use(store)


TRAVERSALS = [
    "../secret.json",
    "../../../secret.json",
    "/etc/passwd",
    "a/../../secret.json",
    "..\\secret.json",
    ".",
    "..",
]


@pytest.mark.parametrize("name", [*TRAVERSALS, "", "a\0b", ".hidden"])
def test_a_manifest_that_names_a_file_elsewhere_is_refused(store: ArtifactStore, folder: Path, name: str) -> None:
    (folder.parent.parent / "secret.json").write_text("{}")
    forge(folder, lambda manifest: manifest["files"].update({name: "0" * 64}))
    with pytest.raises(ArtifactError, match=r"manifest\.json is broken") as refused:
        store.current(KEY)
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize("version", [*TRAVERSALS, ""])
def test_a_pointer_to_elsewhere_is_refused(store: ArtifactStore, folder: Path, version: str) -> None:
    (folder / "current.json").write_bytes(with_checksum({"version": version}))
    with pytest.raises(ArtifactError):
        store.current(KEY)


@pytest.mark.parametrize("digest", ["", "0" * 63, "g" * 64, None, ["0" * 64]])
def test_a_hash_that_is_none_is_refused(store: ArtifactStore, folder: Path, digest: object) -> None:
    forge(folder, lambda manifest: manifest["files"].update({"weights.safetensors": digest}))
    with pytest.raises(ArtifactError, match=r"weights\.safetensors"):
        store.current(KEY)


def test_an_artifact_in_the_place_of_another_is_refused(store: ArtifactStore, folder: Path) -> None:
    (folder / "v1").rename(folder / "v2")
    (folder / "current.json").write_bytes(with_checksum({"version": "v2"}))
    with pytest.raises(ArtifactError, match="it is of foundation_model v1"):
        store.current(KEY)


@pytest.mark.parametrize("name", [*TRAVERSALS, *NASTY])
def test_nothing_is_written_outside_the_root(store: ArtifactStore, tmp_path: Path, name: str) -> None:
    refused = []
    for write in (
        lambda: store.write(f"encoders/{name}", "v1", fill),
        lambda: store.write("encoders", name or "..", fill),
        lambda: store.write("encoders", "v1", lambda writer: writer.json(name, 1)),
    ):
        try:
            write()
        except ArtifactError as error:
            refused.append(str(error))
    assert all("cannot be the name" in text for text in refused)
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]
    outside = [path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "artifacts")]
    assert outside == []
    use(store)


@given(data=st.binary(max_size=200), name=st.sampled_from(["manifest.json", "current.json"]))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_bytes_in_the_place_of_a_record_are_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    root = tmp_path_factory.mktemp("bytes")
    store = ArtifactStore(str(root))
    store.write(KEY, "v1", lambda writer: writer.text("tree", "x"))
    path = root / KEY / name if name == "current.json" else root / KEY / "v1" / name
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=name):
        store.current(KEY)
