"""What a stage says of itself when it is done."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """The artifact version, whether it was there already, numbers to plot, pictures (PNG bytes) and drawings (SVG)."""

    version: str
    reused: bool
    metrics: dict[str, float | int | str] = field(default_factory=dict)
    plots: dict[str, bytes] = field(default_factory=dict)
    drawings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check; a failed one says what was found and the way out."""

    name: str
    passed: bool
    description: str
    metrics: dict[str, float | int | str] = field(default_factory=dict)
    is_severe: bool = True
    """Whether a failed one stops what depends on it; else it warns."""
