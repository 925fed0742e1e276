"""Errors that people meet. Each names the thing, what exists, and the way out."""


class BaseModelError(Exception):
    """Base of every error raised on purpose by this project."""


class ContractError(BaseModelError):
    """The dbt project does not carry a usable contract; holds every problem found at once."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The contract has {len(problems)} problem(s):\n{lines}")


class WarehouseError(BaseModelError):
    """The warehouse cannot be reached, read or written."""


class DataError(BaseModelError):
    """Rows in the warehouse contradict the contract."""


class ArtifactError(BaseModelError):
    """An artifact is missing, incomplete or not what its manifest says."""


class SettingsError(BaseModelError):
    """A setting is missing or out of its bounds."""


class AuditError(BaseModelError):
    """The audit log is not the one that was written."""


class BudgetError(BaseModelError):
    """What was asked for does not fit in the memory or on the disk that there is."""


class UndeclaredError(BaseModelError):
    """A stage reads what its asset does not declare, so that a change of it would go unnoticed."""
