"""Great Expectations on bounded batches of a source. Counts leave this module; values never do."""

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import AttributeSource, ColumnType, EventSource
from basemodel_ops.data_quality.samples import known_values, sample
from basemodel_ops.encoders.base import named_column
from basemodel_ops.encoders.number import floats
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse

if TYPE_CHECKING:
    import pandas as pd

ROWS = 100_000
"""Rows looked at, about, from all over the table. Whole tables are checked in SQL, by preflight and by dbt's tests."""


def check_source(warehouse: Warehouse, source: EventSource | AttributeSource, now: datetime) -> CheckResult:
    """Expect keys and times to be there, times to be past, and columns to be of their type."""
    started = time.monotonic()
    frame = read_batch(warehouse, source)
    results = validate(frame, source, now)
    failed = {name: count for name, count in results.items() if count}
    result = ", ".join(f"{name} ({count} rows)" for name, count in failed.items())
    return CheckResult(
        name="quality",
        passed=not failed,
        description=f"In {source.relation}: {result}. Mend the model or its sources." if failed else "All hold.",
        metrics={
            "rows_checked": len(frame),
            "expectations": len(results),
            "failed": len(failed),
            "seconds": round(time.monotonic() - started, 2),
        },
    )


def read_batch(warehouse: Warehouse, source: EventSource | AttributeSource) -> "pd.DataFrame":
    """Rows from all over the source, as pandas."""
    keys = [source.entity, source.time] if isinstance(source, EventSource) else [source.key]
    columns = [column.name for column in source.columns if column.type is ColumnType.NUMBER]
    (total,) = known_values(warehouse, source, [])
    table = sample(warehouse, source, [*keys, *columns], ROWS, total)
    for name in columns:
        # As encoders read them: not-a-number and infinities are unknown, whatever type a number is of.
        with named_column(name, str(source.relation)):
            values = floats(table.column(name))
        known = pa.array(values, pa.float64(), mask=~np.isfinite(values))
        table = table.set_column(table.column_names.index(name), name, known)
    return table.to_pandas(date_as_object=False)


def validate(frame: "pd.DataFrame", source: EventSource | AttributeSource, now: datetime) -> dict[str, int]:
    """Unexpected rows per expectation; an expectation that cannot be computed raises."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # pyright: ignore[reportAttributeAccessIssue]
    batch = (
        context.data_sources.add_pandas("pandas")
        .add_dataframe_asset("source")
        .add_batch_definition_whole_dataframe("all")
    )
    outcome = batch.get_batch({"dataframe": frame}).validate(
        gx.ExpectationSuite(name=source.name, expectations=expectations(source, now)),
        # BASIC with no examples: personal data must not end up in a check's metadata.
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    counts = {}
    for result in outcome.results:
        config: Any = result.expectation_config
        name = f"{config.type} {config.kwargs.get('column', '')}".strip()
        if result.exception_info.get("raised_exception"):
            raise RuntimeError(f"{name} on {source.relation}: {result.exception_info.get('exception_message')}")
        counts[name] = 0 if result.success else int(result.result.get("unexpected_count") or len(frame) or 1)
    return counts


def expectations(source: EventSource | AttributeSource, now: datetime) -> list[dict[str, Any]]:
    """What must hold for any source, derived from its declaration alone."""
    results = [expect("table_row_count_to_be_between", min_value=1)]
    if isinstance(source, EventSource):
        results += [expect("column_values_to_not_be_null", column=column) for column in (source.entity, source.time)]
        results += [expect("column_values_to_be_between", column=source.time, max_value=now)]
    else:
        results += [expect("column_values_to_not_be_null", column=source.key)]
        results += [] if source.valid_from else [expect("column_values_to_be_unique", column=source.key)]
    for column in source.columns:
        if column.type is ColumnType.NUMBER:
            # Larger numbers are overflows or sentinels, and would drown every scale.
            results += [expect("column_values_to_be_between", column=column.name, min_value=-1e15, max_value=1e15)]
    return results


def expect(name: str, **arguments: Any) -> dict[str, Any]:
    """One expectation, as Great Expectations reads it."""
    return {"type": f"expect_{name}", "kwargs": arguments}
