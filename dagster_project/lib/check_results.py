"""Findings that are remembered: a check that passed on the same versions, by the same code, is not run again."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from basemodel_ops.code import code_version
from basemodel_ops.contract.types import Contract, Relation
from basemodel_ops.report import CheckResult
from basemodel_ops.settings import Settings

if TYPE_CHECKING:
    from basemodel_ops.warehouse.base import Warehouse


def cached_result(
    settings: Settings, check: str, versions: object, find: Callable[[], CheckResult]
) -> tuple[CheckResult, bool]:
    """The finding of a check, and whether it was remembered: from the last time, if that passed on the same.

    Args:
        settings: Of the project; what is remembered lies in its home, counts and sentences only.
        check: The asset and the name of the check, as `asset/name`.
        versions: All that it looks at, as versions and hashes (JSON).
        find: Runs the check. What failed is not remembered.
    """
    (result,), reused = cached_results(settings, check, versions, lambda: [find()])
    return result, reused


def cached_results(
    settings: Settings, check: str, versions: object, find: Callable[[], list[CheckResult]]
) -> tuple[list[CheckResult], bool]:
    """As `cached_result`, of a check that finds several things: remembered where all of them passed."""
    version = _hash(check, versions, code_version(), definitions_code())
    path = settings.home / "findings" / f"{check}.json"
    if (last := _read(path)) is not None and last[0] == version:
        return last[1], True
    results = find()
    path.unlink(missing_ok=True)
    if all(result.passed for result in results):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".next")
        record = {"check": check, "version": version, "findings": [asdict(result) for result in results]}
        temporary.write_text(json.dumps(record, indent=1))
        temporary.replace(path)
    return results, False


def content(warehouse: "Warehouse", contract: Contract, relation: Relation) -> list[object]:
    """Names and types of all columns of a relation, and the content of those that may be read, as a version."""
    columns = warehouse.columns(relation)
    there = {name.lower() for name in columns}  # as declared or in other capitals
    read = sorted(name for name in contract.readable[str(relation)] if name.lower() in there)
    return [sorted(columns.items()), warehouse.fingerprint(relation, read)]


def _read(path: Path) -> tuple[str, list[CheckResult]] | None:
    try:
        result = json.loads(path.read_text())
        return str(result["version"]), [CheckResult(**record) for record in result["findings"]]
    except (OSError, ValueError, TypeError, KeyError):  # never written, or not by this code
        return None


def definitions_code() -> str:
    """A hash of this package, where some checks are."""
    return _hash(*(path.read_text() for path in sorted(Path(__file__).parents[1].rglob("*.py"))))


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]
