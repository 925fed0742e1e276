"""A checkpoint: the network with the scale of its inputs, saved as arrays and a JSON-able shape."""

import numpy as np
import torch

from basemodel_ops.foundation.network import FutureNetwork, Shape


class FoundationModel:
    """Answers about the future of rows in the representation's layout."""

    def __init__(self, network: FutureNetwork, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        self.network, self.mean, self.deviation = network, mean, deviation

    def standardise(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs at mean 0 and deviation 1, clipped at 8."""
        return ((inputs - self.mean) / self.deviation).clamp(-8, 8)

    def futures(self, inputs: np.ndarray, batch: int = 2048) -> tuple[np.ndarray, np.ndarray]:
        """Predicted activity (rows, activity) and logits of things (rows, spans, things), float32."""
        self.network.eval()
        activity, things = [], []
        with torch.no_grad():
            for low in range(0, len(inputs), batch):
                rows = torch.from_numpy(inputs[low : low + batch].astype(np.float32))
                first, second, _ = self.network(self.standardise(rows))
                activity.append(first.numpy())
                things.append(second[:, 0].numpy())
        return np.concatenate(activity), np.concatenate(things)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, by name."""
        state = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        return {**state, "mean": self.mean.numpy(), "deviation": self.deviation.numpy()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], shape: Shape) -> "FoundationModel":
        """The inverse of `arrays`."""
        network = FutureNetwork(shape)
        prefix = "network."
        network.load_state_dict(
            {k.removeprefix(prefix): torch.from_numpy(v.copy()) for k, v in arrays.items() if k.startswith(prefix)}
        )
        return cls(network, torch.from_numpy(arrays["mean"].copy()), torch.from_numpy(arrays["deviation"].copy()))
