"""Stands in for dbt's `adapter` while sqlfluff renders the models, for DuckDB."""

from collections.abc import Callable

from jinja2 import pass_context
from jinja2.runtime import Context


def dispatch(name: str) -> Callable[..., str]:
    """The DuckDB version of a macro, looked up when it is called."""

    @pass_context
    def call(context: Context, *args: object) -> str:
        found = context.resolve(f"duckdb__{name}") or context.resolve(f"default__{name}")
        return found(*args)

    return call
