"""The page in a browser: nothing goes wrong, nothing is fetched, and it can be read on a phone and by keyboard."""

import base64
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from basemodel_ops.pages import style
from basemodel_ops.pages.contents import page

from ...browser import Page, browsing
from .sample import EVIL, contents

CUT = """
[...document.querySelectorAll('svg')].flatMap(svg => {
  const whole = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => {
    const own = text.getBoundingClientRect();
    return own.left < whole.left - 1 || own.right > whole.right + 1 || own.top < whole.top - 1
      || own.bottom > whole.bottom + 1;
  }).map(text => text.textContent);
})
"""
"""Labels that are not whole within their picture."""

OVER = """
[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, .skip') && !one.closest('svg')
  && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 200))
"""
"""What is wider than the window and does not scroll by itself."""


@pytest.fixture(scope="module")
def text() -> str:
    return page(contents())


@pytest.fixture(scope="module")
def shown(text: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(text, encoding="utf-8")
    with browsing() as result:
        result.show(1200)
        result.open(path)
        yield result


def test_nothing_is_said_and_nothing_is_asked_for(shown: Page) -> None:
    assert shown.run("document.title") == "BaseModel report, 2024-09-30"
    assert shown.console_lines == []
    assert shown.run("document.scripts.length + document.querySelectorAll('[src], [onload], [onclick]').length") == 0


def test_names_stand_as_they_are(shown: Page, text: str) -> None:
    assert "<script" not in text
    assert EVIL in shown.run("document.body.textContent")


def test_every_picture_is_there_and_is_named(shown: Page) -> None:
    result = shown.run(
        "[...document.querySelectorAll('svg')].map(svg => ({wide: svg.getBoundingClientRect().width, role:"
        " svg.getAttribute('role'), title: document.getElementById(svg.getAttribute('aria-labelledby'))?.textContent,"
        " own: svg.querySelector('title')?.textContent, drawn: svg.children.length}))"
    )
    assert len(result) > 20
    for entry in result:
        assert entry["wide"] > 60
        assert entry["role"] == "img"
        assert entry["title"]
        assert entry["title"] == entry["own"]
        assert entry["drawn"] > 2
    titles = shown.run("[...document.querySelectorAll('figcaption strong')].map(one => one.textContent)")
    wanted = ("Events", "Pretraining", "ROC curve", "Precision and recall", "Calibration", "Gains", "Lift")
    assert set(titles) >= {*wanted, "Score distribution", "Reasons", "Each household on a map", "Taken, by rank"}
    assert set(titles) >= {"Label efficiency", "Scores along aggregates", "Effects foreseen and seen"}


def test_ids_are_alone_and_links_lead_somewhere(shown: Page) -> None:
    ids = shown.run("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    links = shown.run("[...document.links].map(one => one.getAttribute('href'))")
    inner = [link for link in links if link.startswith("#")]
    assert len(inner) > 8
    assert {link[1:] for link in inner} <= set(ids)
    rest = [link for link in links if not link.startswith("#")]
    assert len(rest) == len(contents().tasks)
    for link in rest:
        kind, _, data = link.partition(",")
        assert kind == "data:application/json;base64"
        assert json.loads(base64.b64decode(data))["metric"] == "auroc"


def test_landmarks_and_headings_say_where_one_is(shown: Page) -> None:
    for name in ("header", "nav", "main", "footer"):
        assert shown.run(f"document.querySelectorAll('body > {name}, header > {name}').length") == 1
    levels = [
        int(entry) for entry in shown.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => one.tagName[1])")
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    unnamed = "[...document.querySelectorAll('section, nav, [role=region]')].filter(one => !(one.getAttribute("
    unnamed += "'aria-label') || document.getElementById(one.getAttribute('aria-labelledby'))?.textContent)).length"
    assert shown.run(unnamed) == 0
    assert shown.run("document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_is_cut_and_only_tables_scroll_sideways(shown: Page, width: int) -> None:
    shown.show(width)
    assert shown.run(CUT) == []
    assert shown.run(OVER) == []
    assert shown.run("document.documentElement.scrollWidth") <= width
    if width == 360:  # text of pictures is as large as elsewhere on a phone
        assert (
            shown.run("Math.min(...[...document.querySelectorAll('figure svg')].map(one => one.getScreenCTM().a))")
            > 0.9
        )


def test_the_keyboard_reaches_everything(shown: Page) -> None:
    shown.show(1200)
    shown.run("document.activeElement.blur(); window.getSelection().removeAllRanges()")
    shown.press("Tab")
    assert shown.run("document.activeElement.className") == "skip"
    assert shown.run("document.activeElement.getBoundingClientRect().left") >= 0
    wanted = shown.run("document.querySelectorAll('a[href], summary, [tabindex=\"0\"]').length")
    for _ in range(12):
        shown.press("Tab")
    assert shown.run("document.activeElement.closest('nav, main') !== null")
    assert shown.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert shown.run("[...document.querySelectorAll('.scroll')].every(one => one.tabIndex === 0)")
    assert wanted > 30


def test_dark_is_dark(shown: Page) -> None:
    def ground() -> str:
        return shown.run("getComputedStyle(document.body).backgroundColor")

    light = ground()
    shown.show(1200, dark=True)
    dark = ground()
    shown.show(1200)
    described = [tuple(bytes.fromhex(colours["paper"][1:])) for colours in (style.LIGHT, style.DARK)]
    assert [light, dark] == [f"rgb({red}, {green}, {blue})" for red, green, blue in described]
