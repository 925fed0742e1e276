"""What is drawn: every value escaped, every area as large as its part, text inside of its picture."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from basemodel_ops.pages import quality, style
from basemodel_ops.pages.axes import Axis, Plane, short, ticks
from basemodel_ops.pages.markup import Markup, as_markup, element, number, slug, table
from basemodel_ops.pages.pictures import curves, interval, matrix
from basemodel_ops.pages.treemap import Part, squares, treemap

EVIL = "<script>alert('\"&')</script>"


def test_whatever_is_no_fragment_is_escaped() -> None:
    assert "<script>" not in as_markup(EVIL)
    assert "<script>" not in element("p", EVIL, title=EVIL)
    assert "<script>" not in table([EVIL], [[EVIL]], EVIL)
    assert as_markup(Markup("<b>")) == "<b>"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1,234,567"), (0.123456, "0.1235"), (float("nan"), "–"), (1e-7, "1.0e-07"), (0.0, "0"), (True, "yes")],
)
def test_numbers_are_told_with_the_digits_that_say_something(value: float, text: str) -> None:
    assert number(value) == text


def test_names_that_differ_have_ids_that_differ() -> None:
    assert slug("a b") != slug("a_b") != slug("ab")
    assert re.fullmatch(r"[A-Za-z0-9_-]+", slug("purchases.product id", EVIL))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 1e6), (0.001, 0.0012), (5, 5), (0, float("inf"))])
def test_marks_lie_on_the_axis(low: float, high: float) -> None:
    result = ticks(low, high)
    assert result
    assert all(low <= entry <= high for entry in result)
    assert len({short(entry) for entry in result}) == len(result) <= 12


def test_areas_fill_their_box_by_their_sizes() -> None:
    sizes = [9.0, 4, 3, 2, 1, 0.5]
    boxes = squares(sizes, (0, 0, 200, 100))
    areas = np.array([width * height for _, _, width, height in boxes])
    assert areas == pytest.approx(np.array(sizes) / sum(sizes) * 20_000)
    for left, top, width, height in boxes:
        assert left >= -1e-9 <= top
        assert left + width <= 200 + 1e-6
        assert top + height <= 100 + 1e-6
    assert squares([0.0, 0.0], (0, 0, 9, 9)) == [(0, 0, 0.0, 0.0)] * 2


def _drawn(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def test_every_picture_is_named_and_well_formed_whatever_its_names() -> None:
    result = [
        curves(EVIL, EVIL, EVIL, EVIL, {EVIL: ([0, 1], [0, 1])}, (EVIL, ([0, 1], [0, 1]))),
        treemap(EVIL, EVIL, [Part(EVIL, 2, 0, (Part(EVIL, 2, -1),)), Part("b", 0)]),
        matrix(EVIL, EVIL, [EVIL], [EVIL], np.array([[1.0]])),
    ]
    keys = set()
    for row_index, picture in enumerate(result):
        svg = _drawn(picture.inline(f"p{row_index}"))
        title = svg.find("title")
        assert title is not None
        assert title.text == EVIL
        assert title.get("id") == svg.get("aria-labelledby")
        keys.add(title.get("id"))
        _drawn(picture.figure("place"))
        _drawn(picture.alone(""))
    assert len(keys) == len(result)
    assert 'role="img"' in interval(1, 0, 2, (0, 2), EVIL, "x")


def test_the_qini_curve_counts_what_treatment_gains_among_the_largest_effects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By definition: of each number of rows, who was treated and came less as many of the untreated who came."""
    generator = np.random.default_rng(5)
    rows = 60
    treated, came, weight = generator.random(rows) < 0.5, generator.random(rows) < 0.4, generator.random(rows) + 0.5
    effect = np.round(generator.normal(size=rows), 1)  # with equal ones
    drawn_lines = {}
    by_title = {"Qini curve": drawn_lines, "Effects foreseen and seen": {}}

    def seen(*arguments: object) -> object:
        by_title[str(arguments[0])].update(lines=arguments[4], guide=arguments[5])
        return curves(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(quality, "curves", seen)
    columns = {"label": came + 2.0 * treated, "prediction": effect, "baseline": -effect, "weight": weight}
    picture, held = quality.of_effects(columns, "mixture", "plain", "Qini 0.1")
    assert "Qini 0.1" in picture.words
    assert "…" not in picture.svg
    for name, scores in (("mixture", effect), ("plain", -effect)):
        points = [(0.0, 0.0)]
        for least in sorted(set(scores), reverse=True):
            reached = scores >= least
            with_, without = weight[reached & treated].sum(), weight[reached & ~treated].sum()
            yes, other = weight[reached & treated & came].sum(), weight[reached & ~treated & came].sum()
            gained = yes - other * with_ / without if without else yes
            points.append((weight[reached].sum() / weight.sum(), gained / weight[treated].sum()))
        np.testing.assert_allclose(np.transpose(drawn_lines["lines"][name]), points, atol=1e-12)
    rates = [np.average(came[rows], weights=weight[rows]) for rows in (treated, ~treated)]
    np.testing.assert_allclose(drawn_lines["guide"][1], [[0, 1], [0, rates[0] - rates[1]]])
    assert "…" not in held.svg
    for name, scores in (("mixture", effect), ("plain", -effect)):  # the smallest effects are a fifth of the rows
        least = np.argsort(scores, kind="stable")[: rows // 5]
        difference = np.average(came[least], weights=weight[least] * treated[least])
        difference -= np.average(came[least], weights=weight[least] * ~treated[least])
        predicted, difference_seen = by_title["Effects foreseen and seen"]["lines"][name]
        assert len(predicted) == 5
        assert predicted[0] == pytest.approx(np.average(scores[least], weights=weight[least]))
        assert difference_seen[0] == pytest.approx(difference)


@pytest.mark.parametrize("top", [1.0, 123_456.0, 2.5e-7, 0.0])
def test_no_label_is_cut_at_the_edge(top: float) -> None:
    plane = Plane(Axis("x (count)", 0, 1_000_000), Axis("y (share)", 0, top))
    for text in _drawn(f"<g>{plane.frame()}</g>").iter("text"):
        if "transform" in text.attrib:
            continue
        wide, row_index = 6.3 * len(text.text or ""), float(text.attrib["x"])
        start = {"end": row_index - wide, "middle": row_index - wide / 2}.get(
            text.attrib.get("text-anchor", ""), row_index
        )
        assert start >= 0, text.text
        assert start + wide <= 340.5, text.text


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("colours", [style.LIGHT, style.DARK])
def test_text_stands_out_by_four_and_a_half_to_one_and_lines_by_three(colours: dict[str, str]) -> None:
    for ground in ("paper", "card"):
        for name in ("ink", "dim", "link", *style.SERIES):
            high, low = sorted((_light(colours[name]), _light(colours[ground])), reverse=True)
            least = 3.0 if name in style.SERIES else 4.5
            assert (high + 0.05) / (low + 0.05) >= least, (name, ground)
        for name in style.SERIES:  # text on a tile, which is 22 % of its colour
            mixed = zip(*(bytes.fromhex(colours[entry][1:]) for entry in (name, ground)), strict=True)
            tile = "#" + bytes(round(0.22 * current + 0.78 * below) for current, below in mixed).hex()
            high, low = sorted((_light(colours["ink"]), _light(tile)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, name


def test_a_name_is_broken_between_words_where_its_area_has_room_and_never_cut() -> None:
    long = "FROZEN MEALS AND SNACKS OF MANY KINDS FOR THE WHOLE FAMILY"
    text = treemap("reasons", "of scores", [Part(long, 9), Part("unbreakable" * 9, 8), Part("c", 1)]).svg
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert len(shown) > 2
    assert " ".join(shown[:-1]) == f"+ {long}"
    assert shown[-1] == "+ c"
