"""HTML as text in which every value is escaped: a fragment is a `Markup`, and whatever is none is a value."""

import re
from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def as_markup(value: object) -> Markup:
    """A value as HTML: a fragment as it is, anything else escaped; numbers with the digits that say something."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return Markup("–")
    return Markup(escape(number(value) if isinstance(value, float | int) else str(value), quote=True))


def number(value: float | int) -> str:
    """A number for people: thousands apart, four significant digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (abs(value) >= 1000 and float(value).is_integer()):
        return f"{int(value):,}"
    if value != value:
        return "–"
    return (
        f"{value:,.1f}"
        if abs(value) >= 1000
        else f"{value:.4g}"
        if abs(value) >= 1e-4 or value == 0
        else f"{value:.1e}"
    )


def element(name: str, *inside: object, **attributes: object) -> Markup:
    """An element; of attributes those that are None are left out, and `_` stands for `-` or, at the end, nothing."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    text = "".join(f' {key}="{as_markup(value)}"' for key, value in given.items())
    return Markup(f"<{name}{text}>{concatenated(inside)}</{name}>")


def concatenated(parts: Iterable[object]) -> Markup:
    """Fragments and values one after another."""
    return Markup("".join(map(as_markup, parts)))


def slug(*parts: object) -> str:
    """An id of letters, digits and `-`, alone in a page if its parts are: other letters stand as their numbers."""
    return "-".join(re.sub(r"[^a-zA-Z0-9]", lambda entry: f"_{ord(entry.group()):x}", str(part)) for part in parts)


def paragraph(*inside: object, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", *inside, class_=class_)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], label: str, right: Iterable[int] = ()) -> Markup:
    """A table that scrolls sideways by itself, with the keyboard too; columns at the places `right` hold numbers."""
    indices = set(right)

    def cells(name: str, row: Sequence[object]) -> Markup:
        return concatenated(
            element(
                "th" if name == "th" or not index else "td",
                entry,
                scope="col" if name == "th" else None if index else "row",
                class_="number" if index in indices else None,
            )
            for index, entry in enumerate(row)
        )

    head = element("thead", element("tr", cells("th", headings)))
    body = element("tbody", *(element("tr", cells("td", row)) for row in rows))
    inner = element("table", element("caption", label), head, body)
    return element("div", inner, class_="scroll", role="region", tabindex=0, aria_label=label)


def listing(rows: Iterable[tuple[object, object]]) -> Markup:
    """Names and what they are."""
    return element("dl", *(concatenated((element("dt", name), element("dd", value))) for name, value in rows))


def details(summary: str, *inside: object) -> Markup:
    """What is shown when it is asked for."""
    return element("details", element("summary", summary), *inside)
