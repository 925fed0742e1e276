"""How scores move along aggregates: what each adds where its value is low, middling or high, as bars about zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from basemodel_ops.pages.axes import WIDTH, fitted, short
from basemodel_ops.pages.markup import Markup, concatenated, element
from basemodel_ops.pages.pictures import Picture, drawn

AGGREGATES = 4
"""That are drawn: those that move scores most."""

ROW, HEAD = 18, 24
"""Heights of a bin and of the name of an aggregate, pixels."""

WORDS, NUMBER = 120, 52
"""Room for the words of a bin and for its number, pixels."""


@dataclass(frozen=True)
class Effect:
    """What an aggregate adds to the scores of the entities whose value lies in a bin, and what these scores are."""

    aggregate: str
    words: str
    """The bin, in the unit of the aggregate."""
    entities: int
    added: float
    score: float


def effects_picture(effects: Sequence[Effect], unit: str) -> Picture:
    """Bars of the first aggregates; of each the bins in the order given. `unit` is that of a score."""
    groups = [(name, list(bins)) for name, bins in groupby(effects, lambda effect: effect.aggregate)][:AGGREGATES]
    largest = max((abs(effect.added) for _, bins in groups for effect in bins), default=0.0) or 1.0
    half = (WIDTH - WORDS - NUMBER - 12) / 2
    zero, top, parts = WORDS + 6 + half, 4, []
    for name, bins in groups:
        parts.append(element("text", fitted(name, WIDTH - 8), x=4, y=top + 14))
        top += HEAD
        for effect in bins:
            parts.append(_bar(effect, top, zero, half / largest))
            top += ROW
        parts.append(element("line", x1=zero, x2=zero, y1=top - ROW * len(bins), y2=top, class_="axis"))
        top += 6
    words = f"What the aggregates that move scores most add to the {unit} of the explained, on average, by their value."
    title = "Scores along aggregates"
    return Picture(title, words, drawn(title, words, parts, top + 4))


def _bar(effect: Effect, top: float, zero: float, scale: float) -> Markup:
    """A bin: its words, its bar from zero, and its number."""
    length = round(abs(effect.added) * scale, 1)
    hint = element("title", f"{effect.aggregate}, {effect.words}: {effect.added:+.3g}, {effect.entities:,} entities")
    left = zero if effect.added >= 0 else round(zero - length, 1)
    style = "s0" if effect.added >= 0 else "s1"
    number = f"{'+' if effect.added >= 0 else '−'}{short(abs(effect.added))}"
    return concatenated(
        [
            element("text", fitted(effect.words, WORDS), x=WORDS, y=top + 13, text_anchor="end"),
            element("rect", hint, x=left, y=top + 2, width=length, height=ROW - 4, class_=f"area {style}"),
            element("text", number, x=WIDTH - 4, y=top + 13, text_anchor="end"),
        ]
    )
