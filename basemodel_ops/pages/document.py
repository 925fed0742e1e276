"""The whole page: landmarks, headings, ways to each section by keyboard; nothing is fetched and nothing runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from basemodel_ops.pages.markup import Markup, concatenated, element, paragraph, slug
from basemodel_ops.pages.pictures import Picture
from basemodel_ops.pages.style import PAGE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own."""

    title: str
    body: Markup

    @property
    def key(self) -> str:
        """Its id."""
        return slug("section", self.title)


def section(title: str, *body: object) -> Section:
    """A section of fragments; one that has none of its own says so with `none`."""
    return Section(title, concatenated(body))


def none(words: str) -> Markup:
    """What stands where there is nothing to show: one line that says why."""
    return paragraph(words, class_="none")


def gallery(index: str, new_plots: Sequence[Picture]) -> Markup:
    """Pictures side by side."""
    return (
        element("div", *(picture.figure(index) for picture in new_plots), class_="figures") if new_plots else Markup()
    )


def document(title: str, lead: str, sections: Sequence[Section], foot: str) -> str:
    """The page as text."""
    links = (element("li", element("a", section.title, href=f"#{section.key}")) for section in sections)
    head = concatenated(
        [
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width,initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            Markup('<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'),
            element("title", title),
            element("style", Markup(PAGE)),
        ]
    )
    parts = (
        element(
            "section",
            element("h2", section.title, id=f"{section.key}-h"),
            section.body,
            id=section.key,
            aria_labelledby=f"{section.key}-h",
        )
        for section in sections
    )
    body = concatenated(
        [
            element("a", "Skip to the contents", href="#main", class_="skip"),
            element(
                "header",
                element("h1", title),
                paragraph(lead),
                element("nav", element("ul", *links), aria_label="Sections"),
            ),
            element("main", *parts, id="main"),
            element("footer", paragraph(foot)),
        ]
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'
