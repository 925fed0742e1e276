"""Artifacts: whole or not there, checked when read, the same bytes from the same inputs."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter, version_of
from basemodel_ops.artifacts.records import with_checksum
from basemodel_ops.errors import ArtifactError

ARRAYS = {
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "strided": np.arange(12, dtype=np.int64).reshape(3, 4)[:, ::2],
    "empty": np.zeros((0, 4), np.float32),
    "flags": np.array([True, False]),
}
TABLE = pa.table({"value": ["a", None, "ü"], "count": [3, 2, 1]})


def fill(writer: ArtifactWriter) -> None:
    writer.arrays("weights", ARRAYS)
    writer.table("vocabulary", TABLE)
    writer.json("report", {"b": [1, 2.5, None], "a": "ü"})
    writer.text("booster", "tree\nß")
    writer.plot("curve", b"\x89PNG")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "encoders" / "visits"


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_all(artifact: Artifact) -> None:
    artifact.arrays("weights")
    artifact.table("vocabulary")
    artifact.json("report")
    artifact.text("booster")


def test_what_is_written_is_read(store: ArtifactStore) -> None:
    written = store.write("encoders/visits", "v1", fill, {"seed": 0})
    current = store.current("encoders/visits")
    for artifact in (written, current):
        assert (artifact.key, artifact.version, artifact.manifest["about"]) == ("encoders/visits", "v1", {"seed": 0})
        arrays = artifact.arrays("weights")
        assert set(arrays) == set(ARRAYS)
        for name, expected in ARRAYS.items():
            assert arrays[name].dtype == expected.dtype
            np.testing.assert_array_equal(arrays[name], expected)
        assert artifact.table("vocabulary").equals(TABLE)
        assert artifact.json("report") == {"b": [1, 2.5, None], "a": "ü"}
        assert artifact.text("booster") == "tree\nß"
        assert artifact.names == sorted(
            ["booster.txt", "curve.png", "report.json", "vocabulary.parquet", "weights.safetensors"]
        )


def test_the_same_inputs_give_the_same_bytes(store: ArtifactStore, folder: Path) -> None:
    store.write("encoders/visits", "v1", fill, {"b": 1, "a": 2})
    first = everything(folder)
    store.write("encoders/visits", "v1", fill, {"a": 2, "b": 1})
    assert everything(folder) == first


@pytest.mark.parametrize("name", ["weights.safetensors", "vocabulary.parquet", "report.json", "booster.txt"])
@pytest.mark.parametrize("at", [0, 0.5, -1])
def test_one_flipped_byte_is_refused_by_name(store: ArtifactStore, folder: Path, name: str, at: float) -> None:
    store.write("encoders/visits", "v1", fill)
    path = folder / "v1" / name
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="does not match its hash") as caught:
        read_all(store.current("encoders/visits"))
    assert name in str(caught.value)
    assert "encoders/visits v1" in str(caught.value)
    assert "materialise" in str(caught.value)


def test_a_lost_file_is_refused_by_name(store: ArtifactStore, folder: Path) -> None:
    store.write("encoders/visits", "v1", fill)
    (folder / "v1" / "weights.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"weights\.safetensors .* materialise encoders/visits again"):
        store.current("encoders/visits").arrays("weights")


@pytest.mark.parametrize("name", ["v1/manifest.json", "current.json"])
@pytest.mark.parametrize("content", [b"", b'{"version": "v', b"[]", b"\xff\xfe"])
def test_a_broken_record_is_refused_by_name(store: ArtifactStore, folder: Path, name: str, content: bytes) -> None:
    store.write("encoders/visits", "v1", fill)
    (folder / name).write_bytes(content)
    with pytest.raises(ArtifactError, match="materialise encoders/visits again") as caught:
        store.current("encoders/visits")
    assert name in str(caught.value)


def test_a_file_that_was_never_written_names_those_that_were(store: ArtifactStore) -> None:
    artifact = store.write("encoders/visits", "v1", fill)
    with pytest.raises(ArtifactError, match=r"no file wieghts\.safetensors") as caught:
        artifact.arrays("wieghts")
    assert "weights.safetensors" in str(caught.value)


def test_an_artifact_that_was_never_made_names_its_asset(store: ArtifactStore) -> None:
    assert store.find("encoders/visits", "v1") is None
    with pytest.raises(ArtifactError, match="Materialise the asset encoders/visits first"):
        store.current("encoders/visits")


def test_a_current_version_without_its_files_is_incomplete(store: ArtifactStore, folder: Path) -> None:
    store.write("encoders/visits", "v1", fill)
    (folder / "v1" / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="encoders/visits v1 is incomplete"):
        store.current("encoders/visits")


def broken(writer: ArtifactWriter) -> None:
    writer.text("half", "written")
    raise RuntimeError("power cut")


def test_a_failure_leaves_nothing_visible(store: ArtifactStore, folder: Path) -> None:
    with pytest.raises(RuntimeError, match="power cut"):
        store.write("encoders/visits", "v1", broken)
    assert store.find("encoders/visits", "v1") is None
    assert everything(folder) == {}
    with pytest.raises(ArtifactError):
        store.current("encoders/visits")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_failure_leaves_the_current_artifact_as_it_was(store: ArtifactStore, folder: Path, version: str) -> None:
    store.write("encoders/visits", "v1", fill)
    before = everything(folder)
    with pytest.raises(RuntimeError, match="power cut"):
        store.write("encoders/visits", version, broken)
    assert everything(folder) == before
    assert store.current("encoders/visits").version == "v1"


def test_the_newest_is_current_and_older_ones_stay(store: ArtifactStore) -> None:
    store.write("encoders/visits", "v1", fill)
    store.write("encoders/visits", "v2", fill)
    assert store.current("encoders/visits").version == "v2"
    assert store.find("encoders/visits", "v1") is not None
    store.point("encoders/visits", "v1")
    assert store.current("encoders/visits").version == "v1"


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("is_hash_forged", [False, True])
@pytest.mark.parametrize("name", ["weights.safetensors", "vocabulary.parquet", "report.json"])
def test_a_pickle_is_refused_and_never_run(
    store: ArtifactStore, folder: Path, tmp_path: Path, name: str, is_hash_forged: bool
) -> None:
    store.write("encoders/visits", "v1", fill)
    sprung = tmp_path / "sprung"
    payload = pickle.dumps(Trap(sprung))
    (folder / "v1" / name).write_bytes(payload)
    if is_hash_forged:
        record = folder / "v1" / "manifest.json"
        manifest = json.loads(record.read_text())
        other = store.write("forged", "v1", lambda writer: writer.plot("payload", payload))
        manifest["files"][name] = other.manifest["files"]["payload.png"]
        del manifest["seal"]
        record.write_bytes(with_checksum(manifest))
    with pytest.raises(ArtifactError, match=name):
        read_all(store.current("encoders/visits"))
    assert not sprung.exists()
    pickle.loads(payload)
    assert sprung.exists()  # the trap works


def test_versions_follow_what_an_artifact_is_made_from() -> None:
    assert version_of({"a": 1, "b": [2.5]}, "x") == version_of({"b": [2.5], "a": 1}, "x")
    different = [version_of(*parts) for parts in ([1, 2], [2, 1], [[1], 2], [12], ["1", 2], [1, 2, None])]
    assert len(set(different)) == len(different)
    assert all(len(version) == 16 for version in different)


def test_pointing_at_the_current_version_writes_nothing(store: ArtifactStore, folder: Path) -> None:
    store.write("encoders/visits", "v1", fill)
    store.write("encoders/visits", "v2", fill)
    written = (folder / "current.json").stat().st_mtime_ns
    store.point("encoders/visits", "v2")
    assert (folder / "current.json").stat().st_mtime_ns == written
    store.point("encoders/visits", "v1")
    assert store.current("encoders/visits").version == "v1"
    (folder / "current.json").write_text("{")
    store.point("encoders/visits", "v1")
    assert store.current("encoders/visits").version == "v1"


def test_the_fingerprint_of_all_artifacts_follows_every_file(store: ArtifactStore, folder: Path) -> None:
    seen = [store.fingerprint()]
    store.write("encoders/visits", "v1", fill)
    seen.append(store.fingerprint())
    assert store.fingerprint() == seen[-1]
    assert ArtifactStore(str(folder.parents[1])).fingerprint() == seen[-1]
    (folder / "v1" / "report.json").write_text("{}")
    seen.append(store.fingerprint())
    (folder / "v1" / "report.json").unlink()
    seen.append(store.fingerprint())
    assert len(set(seen)) == len(seen)
