"""Names of segments: by the traits that set them apart, those first that say something to who reads them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NAMED_BY = 2
"""Traits in a name."""

BETWEEN = " · "


def is_worded(text: str) -> bool:
    """Whether a value reads as words: it begins with a letter and is mostly letters, as no id, size or flag is."""
    letters, digits = (sum(map(kind, text)) for kind in (str.isalpha, str.isdigit))
    begins = re.match(r"\W*\d", text) is None
    return begins and letters > 2 * digits and text.lower() not in ("true", "false", "yes", "no")


@dataclass(frozen=True)
class Apart:
    """What sets a segment apart, as a name says it, the most telling first: in words, and in bare numbers and ids."""

    words: Sequence[str]
    bare: Sequence[str]


def names_of(
    ids: Sequence[str], parent: Sequence[int], apart: Sequence[Apart], before: Mapping[str, str]
) -> list[str]:  # fmt: skip
    """Names of segments, unlike those of others of the same level.

    By words where any set a segment apart, else by its parent and a bare value, else by its parent and its number: what
    chance may have made is said in no name. The name of an earlier week is kept as long as all that it says holds.

    Args:
        ids: Of the segments, parents before their children.
        parent: The position of the parent of each, -1 at the first level.
        apart: What sets each apart.
        before: Names of an earlier week by id.
    """
    parts: list[list[str]] = []
    """Of each name; empty where nothing sets it apart."""
    results: list[str] = []
    used = set()
    for position, (key, traits) in enumerate(zip(ids, apart, strict=True)):
        earlier = before.get(key, "").removesuffix(f" ({key})").split(BETWEEN)
        above = parent[position]
        while above >= 0 and not parts[above]:
            above = parent[above]
        lead = [] if above < 0 else parts[above]
        parts_of_name = earlier if set(earlier) <= set(traits.words) else list(traits.words[:NAMED_BY])
        if not parts_of_name and traits.bare:
            parts_of_name = [*lead, earlier[-1] if earlier[-1] in traits.bare else traits.bare[0]]
        parts.append(parts_of_name)
        number = f"part {key.removeprefix(f'{ids[above]}.')}" if lead else f"segment {key}"
        name = BETWEEN.join(parts_of_name or [*lead, number])
        name = f"{name} ({key})" if (key.count("."), name) in used else name
        used.add((key.count("."), name))
        results.append(name)
    return results
