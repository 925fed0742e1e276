"""What a user would read of a call: its answer, the words of an error that was foreseen, or a traceback."""

import traceback
from collections.abc import Callable

from basemodel_ops.errors import BaseModelError


def outcome(call: Callable[[], object]) -> str:
    """The answer as text, or what the terminal would show."""
    try:
        return str(call())
    except BaseModelError as error:
        return str(error)
    except Exception as error:  # what the command line does not catch either
        return "".join(traceback.format_exception(error))


def shows(text: str, words: str | tuple[str, ...]) -> None:
    """The words are in the text, and nothing in it is a raw error."""
    assert "Traceback" not in text, text
    for word in (words,) if isinstance(words, str) else words:
        assert word in text, f"{word!r} is not in {text!r}"
