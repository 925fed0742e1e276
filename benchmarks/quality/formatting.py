"""How figures stand in tables."""

from typing import Any


def cell(value: Any) -> str:
    """A figure of four digits without its leading zero; several side by side; else as it is written."""
    if isinstance(value, dict):
        return " / ".join(cell(v) for v in value.values())
    return f"{value:.4f}".replace("0.", ".", 1) if isinstance(value, float) else str(value)
