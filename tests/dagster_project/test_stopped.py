"""What is said of a run that stopped: the message of an error that was raised on purpose, the class of any other."""

import dagster as dg
import pytest

from basemodel_ops.errors import DataError
from basemodel_ops.settings import Settings
from dagster_project.cli.jobs import failure

WORDS = "visits says: no row. Load some."


@pytest.mark.parametrize(
    ("error", "message"),
    [(DataError(WORDS), WORDS), (dg.Failure(WORDS), WORDS), (KeyError("rows"), "KeyError: 'rows'")],
)
def test_an_error_raised_on_purpose_shows_its_message_alone(error: Exception, message: str) -> None:
    @dg.asset
    def visits() -> None:
        raise error

    stopped = dg.materialize([visits], raise_on_error=False)
    assert failure(stopped, Settings()) == f"The run stopped.\n  - visits: {message}"
