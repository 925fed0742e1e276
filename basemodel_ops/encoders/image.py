"""Images: perceptual hashes, colours and a thumbnail; or the network whose weights the user gives."""

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from basemodel_ops.emde import DensityLSH
from basemodel_ops.encoders.base import State, flat, refuse
from basemodel_ops.encoders.distinct import DistinctRows
from basemodel_ops.errors import SettingsError

SIDE = 4
"""Side of the thumbnail whose colours are features."""

PIXELS = 256
"""Larger images are shrunk to this side before anything is computed."""

SAMPLE = 5_000
"""Distinct images from which the partition is fitted."""


@dataclass(frozen=True)
class ImageEncoder:
    """Density cells of an image's features (`depth` rows of `width`), and the features.

    Images are bytes, or paths to files. Those that cannot be opened count as unknown.
    """

    kind: ClassVar[str] = "image"
    is_density: ClassVar[bool] = True
    density_lsh: DensityLSH
    architecture: str = ""
    weights: str = ""
    _network: Any = None
    _cells: DistinctRows = field(default_factory=DistinctRows, compare=False)
    _features: DistinctRows = field(default_factory=DistinctRows, compare=False)

    @classmethod
    def fit(
        cls,
        batches: Iterable[pa.Array],
        depth: int = 8,
        width: int = 64,
        architecture: str = "",
        weights: str = "",
        seed: int = 0,
    ) -> "ImageEncoder":
        """Fit the partition on the first distinct images.

        Args:
            batches: The column: bytes of images, or paths.
            depth: Rows of cells.
            width: Cells in a row; a power of two.
            architecture: Name of a timm model; empty for perceptual hashes and colours.
            weights: Its weights, a safetensors file of the user's.
            seed: Of the random directions.

        Raises:
            SettingsError: timm or the weights are not there.
        """
        network = _open_network(architecture, weights) if architecture else None
        seen: dict[bytes | str, None] = {}
        for batch in batches:
            if len(seen) < SAMPLE:
                seen.update(dict.fromkeys(_readable(batch).drop_null().unique().to_pylist()))
        rows = _vectors(list(seen)[:SAMPLE], network)
        known = rows[np.isfinite(rows[:, 0])]
        vectors = known if len(known) else np.zeros((1, rows.shape[1]), np.float32)
        return cls(DensityLSH.fit(vectors, depth, width, seed), architecture, weights, network)

    @property
    def widths(self) -> tuple[int, ...]:
        """`depth` times `width`."""
        return (self.density_lsh.width,) * self.density_lsh.depth

    @property
    def names(self) -> tuple[str, ...]:
        """Positions of the feature vector."""
        return tuple(f"image_{i}" for i in range(len(self.density_lsh.mean)))

    def cells(self, column: pa.Array) -> np.ndarray:
        """Density cells, int32 (rows, depth)."""
        return self._cells.rows(_readable(column), self._encode, np.full(self.density_lsh.depth, -1, np.int32))

    def _encode(self, images: pa.Array) -> np.ndarray:
        rows = _vectors(images.to_pylist(), self._network)
        return np.where(np.isfinite(rows[:, :1]), self.density_lsh.encode(rows), -1).astype(np.int32)

    def features(self, column: pa.Array) -> np.ndarray:
        """Features, float32 (rows, dimension); zeros where there is no readable image."""
        return self._features.rows(
            _readable(column),
            lambda images: np.nan_to_num(_vectors(images.to_pylist(), self._network)),
            np.zeros(len(self.names), np.float32),
        )

    def state(self) -> State:
        """The partition, and which network it was fitted with."""
        settings = {"architecture": self.architecture, "weights": self.weights}
        return State(self.kind, settings, self.density_lsh.arrays())

    @classmethod
    def from_state(cls, state: State) -> "ImageEncoder":
        """The inverse of `state`.

        Raises:
            SettingsError: timm or the weights are not there.
        """
        architecture, weights = state.settings["architecture"], state.settings["weights"]
        network = _open_network(architecture, weights) if architecture else None
        return cls(DensityLSH(**state.arrays), architecture, weights, network)


def _readable(column: pa.Array) -> pa.Array:
    """The column; DataError if it holds neither bytes nor paths."""
    column = flat(column)
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.binary())
    if not any(
        test(kind)
        for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_string, pa.types.is_large_string)
    ):
        raise refuse("image", column, "bytes of images and paths of files")
    return column


def _opened(image: bytes | str) -> Any:
    """An RGB image of at most `PIXELS` a side, or None if it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    source = io.BytesIO(image) if isinstance(image, bytes) else Path(image)
    try:
        with warnings.catch_warnings():
            # A picture beyond Pillow's limit of pixels is an attack or an error: unknown, like a broken one.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source) as opened:
                opened.thumbnail((PIXELS, PIXELS))
                return opened.convert("RGB")
    except (
        OSError,
        UnidentifiedImageError,
        ValueError,
        SyntaxError,  # Pillow raises it on broken PNG chunks
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        return None


def _statistics(image: Any) -> np.ndarray:
    """Signs of two perceptual hashes, colour histogram, colours of a thumbnail, shape; float32."""
    import imagehash
    from PIL import Image

    signs = [np.where(hashed.hash.ravel(), 1.0, -1.0) for hashed in (imagehash.phash(image), imagehash.dhash(image))]
    histogram = (
        np.array(image.convert("HSV").resize((64, 64)).split()[0].histogram()).reshape(16, 16).sum(axis=1) / 4096
    )
    thumbnail = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).ravel() / 255
    shape = [np.log(image.width / image.height)]
    return np.concatenate([*signs, histogram, thumbnail, shape]).astype(np.float32)


LENGTH = 64 + 64 + 16 + 3 * SIDE * SIDE + 1
"""Length of `_statistics`."""


def _vectors(images: list[bytes | str], network: Any) -> np.ndarray:
    """Features, float32 (images, dimension); not-a-number where an image cannot be read."""
    opened = [_opened(image) for image in images]
    readable = [image for image in opened if image is not None]
    result = _run_network(network, readable) if network is not None else [_statistics(image) for image in readable]
    length = network.num_features if network is not None else LENGTH
    out = np.full((len(images), length), np.nan, np.float32)
    indices = [i for i, image in enumerate(opened) if image is not None]
    if indices:
        out[indices] = np.stack(result)
    return out


def _open_network(architecture: str, weights: str) -> Any:
    try:
        import timm  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise SettingsError(
            f"Images are to be read with {architecture}, but timm is not installed: pip install timm, or leave "
            "`architecture` empty for perceptual hashes and colours."
        ) from error
    if not Path(weights).is_file():
        raise SettingsError(
            f"The weights of {architecture} are not at {weights!r}: give the path of a safetensors file."
        )
    from safetensors.torch import load_file

    network = timm.create_model(architecture, pretrained=False, num_classes=0)
    # Weights of the classifier have no place here; every other layer must get its own.
    missing = network.load_state_dict(load_file(weights), strict=False).missing_keys
    if missing:
        raise SettingsError(f"{weights} has no weights for {missing[:3]} of {architecture}: is it another model's?")
    return network.eval()


def _run_network(network: Any, images: list[Any]) -> list[np.ndarray]:
    import timm  # pyright: ignore[reportMissingImports]
    import torch

    if not images:
        return []
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
    results: list[np.ndarray] = []
    with torch.inference_mode():
        for low in range(0, len(images), 32):
            batch = torch.stack([transform(image) for image in images[low : low + 32]])
            results += list(network(batch).numpy())
    return results


ENCODER = ImageEncoder
