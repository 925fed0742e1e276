"""The contract: dbt is the configuration."""

from basemodel_ops.contract.manifest import read_contract
from basemodel_ops.contract.types import Contract

__all__ = ["Contract", "read_contract"]
