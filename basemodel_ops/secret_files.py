"""Secrets in files, as containers and orchestrators hand them out."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from basemodel_ops.adapters import ADAPTERS
from basemodel_ops.errors import SettingsError

SECRETS = {name: adapter.secrets for name, adapter in ADAPTERS.items()} | {"dagster": ("DAGSTER_PG_PASSWORD",)}
"""Variables that `<name>_FILE` may stand for, of each target, and of Dagster's own storage."""


def read_secret_files(environment: MutableMapping[str, str], user: str) -> None:
    """Set each variable of a secret that a target, or Dagster, uses from the file that `<name>_FILE` names.

    Raises:
        SettingsError: a file is missing, empty or closed to this process, or a secret is given twice.
    """
    for name in SECRETS.get(user, ()):
        variable = f"{name}_FILE"
        if not environment.get(variable):
            continue
        secret = read_secret(variable, environment).decode().removesuffix("\n")
        if environment.get(name, secret) != secret:
            raise SettingsError(f"Both {name} and {variable} are set, and they differ. Unset one of them.")
        environment[name] = secret
    for variable in ADAPTERS[user].files if user in ADAPTERS else ():
        if environment.get(variable):
            read_secret(variable, environment)


def read_secret(variable: str, environment: Mapping[str, str]) -> bytes:
    """What is in the file that a variable names; SettingsError if that is nothing."""
    path = Path(environment[variable])
    try:
        secret = path.read_bytes()
    except OSError as error:
        siblings = ", ".join(sorted(_names(path.parent))) or "nothing"
        raise SettingsError(
            f"{variable} names the secret file {path}, which cannot be read: {error.strerror}. In {path.parent} there "
            f"is {siblings}. Mount the file there, readable to this user, or unset {variable}."
        ) from None
    if not secret.strip():
        raise SettingsError(f"{variable} names the secret file {path}, which is empty. Write the secret into it.")
    return secret


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
