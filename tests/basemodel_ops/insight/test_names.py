"""Names of segments: words before ids and sizes, a parent where nothing is told, the same from week to week."""

import pytest

from basemodel_ops.insight.names import Apart, is_worded, names_of

NO_ITEM = Apart([], [])


@pytest.mark.parametrize(
    "text",
    ["tea", "SFT DRNK 2 LITER BTL CARB INCL", "Type A", "zone 1", "DRY SAUCES/GRAVY", "“green” tea", "緑茶", "žluť"],
)
def test_words_read_as_words(text: str) -> None:
    assert is_worded(text)


@pytest.mark.parametrize(
    "text",
    [
        "8 OZ",
        "8.5 OZ",
        "(600) 4 LB",
        "12 PACKS",
        "910",
        "-3",
        "SKU-0012",
        "3f2a7c91-07de-4b1a",
        "a1b2c3",
        "",
        "true",
        "No",
    ],
)
def test_numbers_ids_sizes_and_flags_do_not(text: str) -> None:
    assert not is_worded(text)


def test_words_name_a_segment_however_much_more_a_number_tells() -> None:
    apart = [Apart(["tea", "milk", "rice"], ["size 8 OZ"]), Apart(["rice"], [])]
    assert names_of(["1", "2"], [-1, -1], apart, {}) == ["tea · milk", "rice"]


def test_where_no_words_do_the_parent_and_the_first_number_name_it() -> None:
    apart = [Apart(["tea"], []), Apart([], ["size 8 OZ", "shelf 7"]), Apart([], ["shelf 3"])]
    assert names_of(["1", "1.1", "2"], [-1, 0, -1], apart, {}) == ["tea", "tea · size 8 OZ", "shelf 3"]


def test_a_segment_without_distinct_traits_is_named_by_its_nearest_distinct_ancestor() -> None:
    ids, parent = ["1", "2", "1.1", "1.2", "2.1", "1.1.3"], [-1, -1, 0, 0, 1, 2]
    apart = [Apart(["tea"], []), *[NO_ITEM] * 2, Apart(["milk"], []), *[NO_ITEM] * 2]
    assert names_of(ids, parent, apart, {}) == [
        "tea", "segment 2", "tea · part 1", "milk", "segment 2.1", "tea · part 1.3",
    ]  # fmt: skip


def test_names_of_a_level_differ() -> None:
    apart = [Apart(["tea"], []), Apart(["tea"], []), Apart(["tea"], [])]
    assert names_of(["1", "2", "1.1"], [-1, -1, 0], apart, {}) == ["tea", "tea (2)", "tea"]


def test_a_name_stays_while_all_that_it_says_holds() -> None:
    ids, parent = ["1", "2", "3", "1.1", "1.2"], [-1, -1, -1, 0, 0]
    apart = [
        Apart(["rice", "milk", "tea"], []), Apart(["rice", "tea"], []), Apart(["rice"], []),
        Apart([], ["shelf 7", "size 8 OZ"]), NO_ITEM,
    ]  # fmt: skip
    before = {
        "1": "tea · milk",
        "2": "tea · milk",
        "3": "rice (3)",
        "1.1": "bread · size 8 OZ",
        "1.2": "bread · part 2",
    }
    assert names_of(ids, parent, apart, before) == [
        "tea · milk", "rice · tea", "rice", "tea · milk · size 8 OZ", "tea · milk · part 2",
    ]  # fmt: skip
    # What names said once is said again by the same traits in any order.
    again = dict(zip(ids, names_of(ids, parent, apart, before), strict=True))
    turned = [Apart(entry.words[::-1], entry.bare[::-1]) for entry in apart]
    assert names_of(ids, parent, turned, again) == list(again.values())
