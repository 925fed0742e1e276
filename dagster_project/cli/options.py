"""Options that several commands share."""

from typing import Annotated

import typer

AsOf = Annotated[
    str | None,
    typer.Option(help="A cutoff, YYYY-MM-DD, with THH:MM where it is not midnight; the newest if not given."),
]
