"""Commands that are the parts of a Dagster deployment."""

from typing import Annotated

import typer

from dagster_project.cli.errors import plain_errors, read_settings

serve = typer.Typer(
    help="The parts of a Dagster deployment, each a process of its own.", no_args_is_help=True, rich_markup_mode=None
)

Code = Annotated[str, typer.Option(help="HOST:PORT of the code location.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]


@serve.command("code")
def serve_code(host: Host = "127.0.0.1", port: int = 4000) -> None:
    """The code location: the one part that runs jobs, and so the one that opens the warehouse."""
    from dagster_project.lib.services import become, code_arguments

    with plain_errors():
        arguments = code_arguments(read_settings(), host, port)
    become(arguments)


@serve.command("webserver")
def serve_webserver(
    code: Code = "127.0.0.1:4000",
    host: Host = "127.0.0.1",
    port: int = 3000,
    read_only: Annotated[bool, typer.Option("--read-only", help="For viewers: nothing can be started.")] = False,
) -> None:
    """The UI."""
    from dagster_project.lib.services import become, webserver_arguments

    with plain_errors():
        arguments = webserver_arguments(read_settings(), code, host, port, read_only)
    become(arguments)


@serve.command("daemon")
def serve_daemon(code: Code = "127.0.0.1:4000") -> None:
    """Schedules, sensors, and the queue that holds one run at a time."""
    from dagster_project.lib.services import become, daemon_arguments

    with plain_errors():
        arguments = daemon_arguments(read_settings(), code)
    become(arguments)
