"""Static word vectors that ship inside the wheel of `wordllama`: opened from there, nothing is downloaded."""

import importlib.util
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, prange

from basemodel_ops.errors import SettingsError

PACKAGE = "wordllama"


@njit(parallel=True, nogil=True, cache=True)
def _mean_rows(offsets: np.ndarray, tokens: np.ndarray, vectors: np.ndarray, out: np.ndarray) -> None:
    for row in prange(len(out)):
        for position in range(offsets[row], offsets[row + 1]):
            out[row] += vectors[tokens[position]]
        total = np.float32(0)
        for i in range(out.shape[1]):
            total += out[row, i] * out[row, i]
        if total > 0:
            out[row] /= np.sqrt(total)


@dataclass(frozen=True)
class StaticVectors:
    """A tokenizer and a vector per token."""

    tokenizer: Any
    vectors: np.ndarray  # (tokens, dimension) float32
    version: str

    @classmethod
    def open(cls) -> "StaticVectors":
        """Open the files in the wheel.

        Raises:
            SettingsError: `wordllama` or `tokenizers` is not installed.
        """
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations or importlib.util.find_spec("tokenizers") is None:
            raise SettingsError(
                f"Text is to be read with static vectors, but {PACKAGE} or tokenizers is not installed: pip install "
                f"{PACKAGE} tokenizers, or fit the text encoder with static=False."
            )
        return cls(*_read(Path(spec.submodule_search_locations[0])), version(PACKAGE))

    def embed(self, texts: list[str]) -> np.ndarray:
        """Mean token vectors of unit length, float32 (texts, dimension); zeros without tokens."""
        out = np.zeros((len(texts), self.vectors.shape[1]), np.float32)
        results = [coded.ids for coded in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(ids) for ids in results], out=offsets[1:])
        tokens = np.fromiter((token for ids in results for token in ids), np.int32, offsets[-1])
        _mean_rows(offsets, tokens, self.vectors, out)
        return out


@cache
def _read(root: Path) -> tuple[Any, np.ndarray]:
    """The tokenizer and its vectors, once a process: every text column opens them in every stage."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer  # pyright: ignore[reportMissingImports]

    # The package's own loader asks the network for a tokenizer that lies beside its weights.
    weights = load_file(root / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    tokenizer = Tokenizer.from_file(str(root / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    return tokenizer, weights.astype(np.float32)
