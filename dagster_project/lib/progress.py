"""One line per step on the terminal, in place of Dagster's log."""

import logging
import re

import dagster as dg
from rich.console import Console
from rich.markup import escape

from dagster_project.lib.results import in_words

SHARE = re.compile(r"([\d,]+) of ([\d,]+)")
"""How much of long work is done, as steps say it."""

CELLS = 20
"""Width of a bar."""


def bar(message: str) -> str:
    """A bar of how much is done, where a message says so; else nothing."""
    match = SHARE.search(message)
    done, total = (int(group.replace(",", "")) for group in match.groups()) if match else (0, 0)
    if not 0 < done <= total:
        return ""
    full = round(CELLS * done / total)
    return "━" * full + "╌" * (CELLS - full) + f" {done / total:.0%}  "


class StepLines(logging.Handler):
    """Turns Dagster's events into lines a person follows."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.DEBUG)
        self.console = console
        self.status = console.status("")
        self._worth = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Print step starts, ends and failed checks, and tables; what a step says meanwhile stands beside its name."""
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None:
            self._tell(str(meta.get("orig_message", "")), str(meta.get("step_key") or ""))
            return
        step = (event.step_key or "").replace("__", "/", 1)
        if event.event_type in (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE):
            self.status.stop()
        elif event.event_type is dg.DagsterEventType.STEP_START:
            self.status.update(step)
            if self.console.is_terminal:  # elsewhere a thread would draw it in vain, a dozen times a second
                self.status.start()
        elif event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            about = {name: value.value for name, value in event.event_specific_data.materialization.metadata.items()}
            self._worth = f"  {in_words(about)}" if "shipped_value" in about else ""
        elif event.event_type is dg.DagsterEventType.STEP_SUCCESS:
            seconds = event.event_specific_data.duration_ms / 1000
            self.console.print(f"  [green]✓[/green] {step} [dim]{seconds:.1f} s[/dim]{escape(self._worth)}")
            self._worth = ""
        elif event.event_type is dg.DagsterEventType.STEP_FAILURE:
            self.console.print(f"  [red]✗[/red] {step}")
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.event_specific_data
            if not evaluation.passed:
                name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
                self.console.print(f"  [yellow]![/yellow] {name}: {escape(evaluation.description or 'failed')}")

    def _tell(self, message: str, step: str) -> None:
        """Show what a step says: a table stays, a line is gone with the next."""
        if "\n" in message:
            self.console.print(message, style="dim", markup=False, highlight=False)
        elif message:
            self.status.update(f"{step.replace('__', '/', 1)}  {bar(message)}[dim]{escape(message)}[/dim]")


def _terminal(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("basemodel.progress", logging.DEBUG)
    logger.addHandler(StepLines(Console(stderr=True, soft_wrap=True)))
    return logger


progress = dg.LoggerDefinition(_terminal, description="One line per step: `basemodel run` asks for it by name.")
