"""The dbt target that is meant: its kind of warehouse, its file and its name, as dbt's profile says. dbt is not run."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from basemodel_ops.adapters import ADAPTERS
from basemodel_ops.errors import SettingsError
from basemodel_ops.names import file_fault
from basemodel_ops.settings import Settings


def resolved(settings: Settings) -> Settings:
    """The settings with what the profile says of the target: its name if none was given, adapter, file and owner.

    Raises:
        SettingsError: no such profile or target, an adapter that is not supported, or tables that dbt would write where
            nothing reads.
    """
    if settings.owner:
        return settings
    project = read_yaml(settings.dbt_project_dir / "dbt_project.yml")
    path = profiles_directory(settings) / "profiles.yml"
    name = rendered(os.environ.get("DBT_PROFILE") or project.get("profile") or "", settings)
    profile = read_yaml(path).get(name) if path.is_file() else None
    if not isinstance(profile, Mapping) or not isinstance(profile.get("outputs"), Mapping):
        raise SettingsError(
            f"No profile {name!r} with `outputs` in {path}, which {settings.dbt_project_dir / 'dbt_project.yml'} asks "
            "for. Write one there, or set DBT_PROFILES_DIR to the directory that has it."
        )
    target = settings.target
    if "target" not in settings.model_fields_set:
        target = rendered(profile.get("target") or "default", settings)
    outputs = profile["outputs"]
    if target not in outputs or not isinstance(outputs[target], Mapping):
        raise SettingsError(
            f"No target {target!r} in the profile {name!r} of {path}. It has: {', '.join(map(str, outputs))}. Set "
            "BASEMODEL_TARGET to one of these."
        )
    if fault := file_fault(target, 100):
        raise SettingsError(f"The target {target!r} {fault}, and a folder is named after it. Rename it in {path}.")
    output = outputs[target]
    kind = settings.adapter or rendered(output.get("type", ""), settings)
    if kind not in ADAPTERS:
        raise SettingsError(
            f"The target {target!r} of {path} is of type {kind!r}. Supported types: {', '.join(ADAPTERS)}. Set "
            "BASEMODEL_TARGET to a target of one of these."
        )
    results: dict[str, Any] = {
        "target": target,
        "adapter": kind,
        "owner": f"{project.get('name')}/{target}",
        "answers_schema": settings.answers_schema.replace("{target}", target),
    }
    if kind == "duckdb":
        results["duckdb_path"] = _file(output, settings, target, path)
    _check_location(output, settings, target, kind)
    return settings.model_copy(update=results)


def profiles_directory(settings: Settings) -> Path:
    """Where dbt finds profiles.yml, in dbt's own order: `DBT_PROFILES_DIR`, the project, its default."""
    given = os.environ.get("DBT_PROFILES_DIR")
    if given:
        return Path(given).expanduser().resolve()  # dbt runs in the project's directory, not in ours
    inside = settings.dbt_project_dir.resolve()
    return inside if (inside / "profiles.yml").is_file() else Path.home() / ".dbt"


def database_of(settings: Settings) -> str | None:
    """The database that is read; None where its variable is not set."""
    if settings.kind == "duckdb":
        return settings.warehouse_path.name.split(".")[0]  # as DuckDB and dbt call it
    return os.environ.get(ADAPTERS[settings.kind].database) or None


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; SettingsError where it holds none."""
    try:
        result = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(result, dict):
        raise SettingsError(f"{path} holds no mapping. Write dbt's keys into it.")
    return result


def rendered(value: object, settings: Settings) -> str:
    """A value of a profile as dbt renders it: variables of the environment are filled in."""
    text = str(value)
    if "{" not in text:
        return text
    import jinja2

    values = {"BASEMODEL_TARGET": settings.target, "BASEMODEL_WAREHOUSE_PATH": _path(settings)}
    if "target" not in settings.model_fields_set:
        del values["BASEMODEL_TARGET"]

    def env_var(name: str, default: str | None = None) -> str:
        result = values.get(name, os.environ.get(name, default))
        if result is None:
            raise SettingsError(f"profiles.yml reads the variable {name}, which is not set. Set it.")
        return result

    environment = jinja2.Environment()
    for name in ("as_text", "as_native", "as_bool", "as_number"):
        environment.filters[name] = lambda value: value
    try:
        return environment.from_string(text).render(env_var=env_var, env=os.environ)
    except jinja2.TemplateError as error:
        raise SettingsError(f"{text!r} in profiles.yml cannot be rendered: {error}") from error


def _path(settings: Settings) -> str:
    return str(settings.warehouse_path.resolve())


def _file(output: Mapping[str, Any], settings: Settings, target: str, profile: Path) -> str:
    """The DuckDB file of a target, as a setting: as it is where the profile says the same."""
    path = rendered(output.get("path", ":memory:"), settings)
    if path == ":memory:" or path.startswith(("md:", "motherduck:")):
        raise SettingsError(
            f"The target {target!r} of {profile} keeps its tables in {path!r}, where only dbt sees them. Give it a "
            "file: `path: \"{{ env_var('BASEMODEL_WAREHOUSE_PATH') }}\"`."
        )
    file = (settings.dbt_project_dir.resolve() / path).resolve()
    return settings.duckdb_path if str(file) == _path(settings) else str(file)


def _check_location(output: Mapping[str, Any], settings: Settings, target: str, kind: str) -> None:
    """Refuse a target whose tables would not be found where its variables point to."""
    for field, variable in ADAPTERS[kind].locations.items():
        wanted = os.environ.get(variable)
        if wanted and field in output and _bare(there := rendered(output[field], settings)) != _bare(wanted):
            raise SettingsError(
                f"The target {target!r} writes to the {field} {there!r}, and {variable} says {wanted!r}, where its "
                f"tables would be looked for. Set {variable}={there}, or choose another target by BASEMODEL_TARGET."
            )


def _bare(location: str) -> str:
    """A place as it is compared: in lower case, a host without its scheme and slash."""
    return location.lower().removeprefix("https://").rstrip("/")
