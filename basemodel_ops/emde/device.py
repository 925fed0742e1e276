"""The one place that chooses the device."""

from typing import Any, Literal

Device = Literal["cpu", "cuda", "auto"]


def array_module() -> Any:
    """CuPy; RuntimeError with the reason if it, or a device, is not there."""
    try:
        import cupy  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise RuntimeError("CuPy is not installed: pip install 'basemodel-ops[gpu]', or use device='cpu'.") from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(f"CUDA does not start: {error}. Use device='cpu'.") from error
    if count == 0:
        raise RuntimeError("There is no CUDA device. Use device='cpu'.")
    return cupy


def missing_reason() -> str:
    """Why there is no CUDA device; empty if there is one."""
    try:
        array_module()
    except RuntimeError as error:
        return str(error)
    return ""


def chosen(device: Device) -> Literal["cpu", "cuda"]:
    """The device to use.

    Raises:
        RuntimeError: `cuda` was asked for and is not there.
    """
    if device == "auto":
        return "cpu" if missing_reason() else "cuda"
    if device == "cuda":
        array_module()
    return device
