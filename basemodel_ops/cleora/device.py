"""The one place that chooses the device."""

import importlib
import importlib.util
from typing import Any

from basemodel_ops.cleora.cpu import CpuVectors
from basemodel_ops.errors import SettingsError

DEVICES = ("auto", "cpu", "cuda")


def has_cuda() -> bool:
    """Whether CuPy is installed and sees a CUDA device."""
    if importlib.util.find_spec("cupy") is None:
        return False
    try:
        return importlib.import_module("cupy").cuda.runtime.getDeviceCount() > 0
    except Exception:  # CuPy raises errors of its own where the driver is missing, which cannot be named without it.
        return False


def vectors_on(device: str) -> Any:
    """The class that holds vectors on a device: `CpuVectors` or `CudaVectors`.

    Args:
        device: "cpu", "cuda", or "auto" for the GPU if there is one.

    Raises:
        SettingsError: the device is none of these, or is not there.
    """
    if device not in DEVICES:
        raise SettingsError(f"No device {device!r}. There are: {', '.join(DEVICES)}.")
    if device == "cpu" or (device == "auto" and not has_cuda()):
        return CpuVectors
    if not has_cuda():
        raise SettingsError("The device 'cuda' needs CuPy and a CUDA device. Install the extra `gpu`, or use 'cpu'.")
    return importlib.import_module("basemodel_ops.cleora.cuda").CudaVectors
