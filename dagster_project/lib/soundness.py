"""Whether compiled SQL says the same again while the tables it names do not change. When in doubt, it does not."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from basemodel_ops.erasures import ERASED

MATERIALIZED = ("table", "view", "ephemeral", "seed", "test")
"""How a node may be materialised: an increment or a snapshot depends on what was there."""

MOVING = (
    "Current",
    "Utc",
    "Sys",
    "Local",
    "Session",
    "Rand",
    "Uniform",
    "Normal",
    "Uuid",
    "Next",
    "Seq",
    "Read",
    "Unix",
)
"""Beginnings of the names by which sqlglot knows functions of the clock, of chance, of a session or of files."""

PURE = (
    "to_days", "to_hours", "to_minutes", "to_seconds", "to_weeks", "to_months", "to_years", "sha256", "sha2",
    "convert_to", "encode", "decode", "isodow", "isoyear", "dayname", "monthname", "epoch_ms", "epoch_us",
    "list_value", "struct_pack", "printf", "format", "strftime", "regexp_matches", "len", "dateadd", "datediff",
    "date_part",
)  # fmt: skip
"""Functions that sqlglot does not know and that say the same of the same arguments."""

KEYWORDS = ("current_", "local", "session_", "sys")
"""Beginnings of words that stand without brackets and are no columns where no table is named before them."""

NOW = ("now", "today", "tomorrow", "yesterday", "allballs")
"""Texts that PostgreSQL and DuckDB read as a moment of the clock."""

JINJA = re.compile(
    r"run_started_at|invocation_id|modules\s*\.|run_query|\bstatement\b|load_result|dbt_metadata_envs|\bgraph\b"
    r"|adapter\s*\.\s*(?!dispatch\b|quote\b|get_columns_in_relation\b)\w+"
)
"""What reads the clock, the run or the warehouse as a model is compiled."""

LOOKS_FOR_FORGOTTEN = re.compile(
    rf"adapter\s*\.\s*get_relation\([^)]*schema='{ERASED.schema_name}',\s*identifier='{ERASED.name}'\s*\)"
)


def unsound(
    manifest: Mapping[str, Any], built: Collection[str], declared: Collection[tuple[str, str]], dialect: str
) -> str | None:
    """Why nodes that were built (unique ids) may say something else next time; None if they say the same.

    Args:
        manifest: As `dbt build` wrote it, with compiled SQL.
        built: Ids of the models, seeds and tests that were built.
        declared: Schema and name, in lower case, of every relation that is watched.
        dialect: Of the warehouse, as sqlglot calls it.
    """
    for macro in manifest["macros"].values():
        if macro["package_name"] not in ("dbt", f"dbt_{dialect}") and (why := _jinja(macro["macro_sql"])):
            return f"macro {macro['name']} {why}"
    for key, node in manifest["nodes"].items():
        if node["resource_type"] == "operation":
            if (node.get("compiled_code") or "").strip():
                return f"{node['name']} runs at each build"
        elif key in built and (why := _node(node, declared, dialect)):
            return f"{node['resource_type']} {node['name']} {why}"
    return None


def _node(node: Mapping[str, Any], declared: Collection[tuple[str, str]], dialect: str) -> str | None:
    config = node["config"]
    if node.get("language", "sql") != "sql" or config.get("materialized") not in MATERIALIZED:
        return f"is {node.get('language', 'sql')}, materialised as {config.get('materialized')}"
    if config.get("pre-hook") or config.get("post-hook"):
        return "has hooks"
    if node["resource_type"] == "seed":
        return None
    return _jinja(node["raw_code"]) or _sql(node.get("compiled_code") or "", declared, dialect)


def _jinja(code: str) -> str | None:
    match = JINJA.search(LOOKS_FOR_FORGOTTEN.sub("", code))
    return f"uses {match.group()} as it is compiled" if match else None


def _sql(code: str, declared: Collection[tuple[str, str]], dialect: str) -> str | None:
    """Why a query may say something else of the same tables."""
    try:
        (tree,) = sqlglot.parse(code, dialect=dialect)
    except (SqlglotError, ValueError):
        tree = None
    if not isinstance(tree, exp.Query):
        return "cannot be understood"
    named = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name = (table.db.lower(), table.name.lower())
        if not isinstance(table.this, exp.Func) and not (not name[0] and name[1] in named) and name not in declared:
            return f"reads {table.sql(dialect)}, which is neither a model nor a source"
    if tree.find(exp.TableSample, exp.Command, exp.Parameter, exp.Placeholder, exp.SessionParameter):
        return "draws a sample or reads a variable"
    return next(_moving(tree), None)


def _moving(tree: exp.Query) -> Iterator[str]:
    for node in tree.find_all(exp.Func, exp.Column, exp.Literal):
        name = node.name.lower()
        if isinstance(node, exp.Literal):
            if node.is_string and name.strip() in NOW:
                yield f"reads the clock as '{name}'"
        elif isinstance(node, exp.Column):
            if not node.table and name.startswith(KEYWORDS):
                yield f"uses {name}"
        elif isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
            if name not in PURE:
                yield f"calls {name}, of which nothing is known"
        elif type(node).__name__.startswith(MOVING):
            yield f"calls {node.sql_name().lower()}, which changes by itself"
