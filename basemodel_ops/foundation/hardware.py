"""On what a network learns, and what a GPU adds: rows kept on it, bf16, a compiled loss, a fused optimiser."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

ROOM = 0.5
"""Share of a GPU's free memory that rows may take; what is larger is sent batch by batch."""


@dataclass(frozen=True)
class Hardware:
    """A device and how it is used; on a CPU everything is plain, so that the same rows give the same bytes."""

    device: str = "cpu"
    is_half: bool = False
    """Whether matrices are multiplied in bf16; losses and weights stay in float32."""
    compiler: str = ""
    """Name of torch's compiler; none if empty."""

    @classmethod
    def detect(cls) -> "Hardware":
        """A GPU if there is one, else the CPU."""
        return cls("cuda", True, "inductor") if torch.cuda.is_available() else cls()

    def keep(self, rows: np.ndarray) -> torch.Tensor:
        """The rows as a tensor, on the device if there is room, else in memory it can be sent from quickly."""
        if self.device != "cuda":
            return torch.from_numpy(rows)
        kept = torch.from_numpy(np.ascontiguousarray(rows))
        free, _ = torch.cuda.mem_get_info()
        return kept.to(self.device) if rows.nbytes < ROOM * free else kept.pin_memory()

    def batch(self, kept: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """The chosen of the kept rows, float32, on the device."""
        return kept[chosen.to(kept.device)].to(self.device, non_blocking=True).float()

    def compiled(self, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        """The function as it is called in training."""
        if not self.compiler:
            return function
        # Steps are short: recorded once and replayed, they do not wait for the host to launch each kernel.
        mode = "reduce-overhead" if self.compiler == "inductor" else None
        return torch.compile(function, backend=self.compiler, mode=mode)

    def precision(self) -> AbstractContextManager:
        """A context in which matrices are multiplied as this hardware does best."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.is_half)

    def optimiser(self, groups: Iterable[dict[str, Any]], weight_decay: float) -> torch.optim.Optimizer:
        """AdamW over groups of parameters."""
        return torch.optim.AdamW(groups, weight_decay=weight_decay, fused=self.device == "cuda" or None)
