"""Images: bytes and paths, near and far, broken and huge."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from basemodel_ops.encoders.image import ImageEncoder
from basemodel_ops.errors import SettingsError


def noise(seed, side=64):
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((side, side))


def stored(image, kind="PNG"):
    sink = io.BytesIO()
    image.save(sink, kind)
    return sink.getvalue()


def test_a_smaller_copy_shares_most_cells():
    originals = [stored(noise(seed)) for seed in range(40)]
    copies = [stored(noise(seed).resize((48, 48)), "JPEG") for seed in range(40)]
    encoder = ImageEncoder.fit([pa.array(originals)])
    cells, near = encoder.cells(pa.array(originals)), encoder.cells(pa.array(copies))
    assert (cells == near).mean() > 0.6
    assert (cells == np.roll(near, 1, axis=0)).mean() < 0.2


def test_paths_are_read_like_bytes(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(stored(noise(0)))
    encoder = ImageEncoder.fit([pa.array([stored(noise(seed)) for seed in range(5)])])
    result = encoder.cells(pa.array([str(path), str(tmp_path / "absent.png"), None]))
    np.testing.assert_array_equal(result[0], encoder.cells(pa.array([stored(noise(0))]))[0])
    assert (result[1:] == -1).all()


def test_cut_off_and_oversized_images_are_unknown(monkeypatch):
    complete = stored(noise(0))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    encoder = ImageEncoder.fit([pa.array([complete])])
    bad = [
        complete[: len(complete) // 2],
        complete[:30],
        stored(noise(1, 140)),
        stored(noise(1, 400)),
        b"\x89PNG\r\n\x1a\n",
    ]
    assert (encoder.cells(pa.array(bad)) == -1).all()
    assert not encoder.features(pa.array(bad)).any()
    assert (encoder.cells(pa.array([complete])) >= 0).all()


def test_a_missing_network_is_named():
    with pytest.raises(SettingsError, match=r"timm is not installed|not at"):
        ImageEncoder.fit([pa.array([b""])], architecture="resnet18", weights="absent.safetensors")
