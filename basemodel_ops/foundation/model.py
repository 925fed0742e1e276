"""A checkpoint: the network with the scale of its inputs, saved as arrays and a JSON-able shape."""

from collections.abc import Callable

import numpy as np
import torch

from basemodel_ops.foundation.network import PretrainingNetwork, Shape


class FoundationModel:
    """Answers about the future of rows in the representation's layout."""

    def __init__(self, network: PretrainingNetwork, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        self.network, self.mean, self.deviation = network, mean, deviation

    def on_cpu(self) -> "FoundationModel":
        """The same on a CPU, to be asked and saved."""
        return FoundationModel(self.network.cpu().eval(), self.mean.cpu(), self.deviation.cpu())

    def standardise(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs at mean 0 and deviation 1, clipped at 8."""
        return ((inputs - self.mean) / self.deviation).clamp(-8, 8)

    def activity(self, inputs: np.ndarray) -> np.ndarray:
        """Predicted activity, float32 (rows, activity)."""
        return self._predict(inputs, self.network.activity_of)

    def items(self, inputs: np.ndarray) -> np.ndarray:
        """Logits of whether items will be seen, float32 (rows, spans, items)."""
        return self._predict(inputs, lambda last, scaled: self.network.items_of(last, scaled, kinds=1)[:, 0])

    def _predict(
        self, inputs: np.ndarray, head: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], batch: int = 512
    ) -> np.ndarray:
        self.network.eval()
        results = []
        with torch.no_grad():
            # One batch even without rows, so that the answer has its shape.
            for low in range(0, max(len(inputs), 1), batch):
                scaled = torch.from_numpy(inputs[low : low + batch].astype(np.float32))
                scaled.sub_(self.mean).div_(self.deviation).clamp_(-8, 8)  # as `standardise`, in place
                results.append(head(self.network.trunk(scaled), scaled).numpy())
        return np.concatenate(results)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, by name."""
        state = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        return {**state, "mean": self.mean.numpy(), "deviation": self.deviation.numpy()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], shape: Shape) -> "FoundationModel":
        """The inverse of `arrays`."""
        network = PretrainingNetwork(shape)
        prefix = "network."
        network.load_state_dict(
            {k.removeprefix(prefix): torch.from_numpy(v.copy()) for k, v in arrays.items() if k.startswith(prefix)}
        )
        return cls(network, torch.from_numpy(arrays["mean"].copy()), torch.from_numpy(arrays["deviation"].copy()))
