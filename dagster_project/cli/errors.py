"""Errors as one message: of what a command does, and of the settings it reads."""

import contextlib
from collections.abc import Iterator

import typer
from pydantic import ValidationError
from rich.console import Console

from basemodel_ops.errors import BaseModelError, SettingsError
from basemodel_ops.settings import Settings


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """End with one clear message, not a traceback, when an error was foreseen."""
    try:
        yield
    except BaseModelError as error:
        _say(error)
        raise typer.Exit(1) from error
    except Exception as error:
        from dagster_project.lib.surroundings import anticipated

        settings_error = anticipated(error, read_settings())
        if settings_error is None:
            raise
        _say(settings_error)
        raise typer.Exit(1) from error


def _say(error: BaseModelError) -> None:
    Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)


def read_settings() -> Settings:
    """Settings from the environment; SettingsError names each variable that is out of bounds."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"BASEMODEL_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()
        )
        raise SettingsError(f"Settings are wrong. {problems}.") from error
