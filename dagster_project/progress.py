"""One line per step on the terminal, in place of Dagster's log."""

import logging

import dagster as dg
from rich.console import Console


class StepLines(logging.Handler):
    """Turns Dagster's events into lines a person follows."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.DEBUG)
        self.console = console
        self.status = console.status("")

    def emit(self, record: logging.LogRecord) -> None:
        """Print step starts, ends and failed checks; skip everything else."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is None:
            return
        step = (event.step_key or "").replace("__", "/", 1)
        if event.event_type in (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE):
            self.status.stop()
        elif event.event_type is dg.DagsterEventType.STEP_START:
            self.status.update(step)
            self.status.start()
        elif event.event_type is dg.DagsterEventType.STEP_SUCCESS:
            seconds = event.event_specific_data.duration_ms / 1000
            self.console.print(f"  [green]✓[/green] {step} [dim]{seconds:.1f} s[/dim]")
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE:
            self.console.print(f"  [red]✗[/red] {step}")
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.event_specific_data
            if not evaluation.passed:
                name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
                self.console.print(f"  [yellow]![/yellow] {name}: {evaluation.description or 'failed'}")


def _terminal(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("basemodel.progress", logging.DEBUG)
    logger.addHandler(StepLines(Console(stderr=True, soft_wrap=True)))
    return logger


progress = dg.LoggerDefinition(_terminal, description="One line per step: `basemodel run` asks for it by name.")
