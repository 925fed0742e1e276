"""The artifact of the page of a week, and of the cards of its tasks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from basemodel_ops.artifacts import Artifact, ArtifactWriter
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.pages import FOLDER
from basemodel_ops.pages.cards import Card


@dataclass(frozen=True)
class ReportArtifact:
    """Everything that a person wants to see of a week: a page, `page.html`, and `card TASK.json` per task."""

    artifact: Artifact

    @staticmethod
    def key(as_of: datetime) -> str:
        """The key of the page of a week."""
        return f"{FOLDER}/{key_of(as_of)}"

    @property
    def page(self) -> str:
        """HTML."""
        return self.artifact.page("page")

    def card(self, task: str) -> dict[str, Any]:
        """The card of a task, JSON-able: see `Card.as_dict`."""
        return self.artifact.json(_card(task))

    @staticmethod
    def write(writer: ArtifactWriter, page: str, cards: Iterable[Card]) -> None:
        """Write the page, HTML, and the cards of its tasks."""
        writer.page("page", page)
        for card in cards:
            writer.json(_card(card.task), card.as_dict())


def _card(task: str) -> str:
    return f"card {task}"
