"""Names are words of the field: one that only this code uses is refused, with the word that a reader searches for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("basemodel_ops", "dagster_project", "benchmarks", "tests")

CONCEPTS = {
    "affinity": "pair features", "closeness": "similarity", "contrasts": "difference features",
    "hindsight": "point-in-time check", "kin": "neighbour group", "lesson": "training pair",
    "lessons": "training pairs", "occasion": "session", "occasions": "sessions", "shelf": "context",
    "shortlist": "candidate set", "squash": "signed log1p", "stranger": "foreign row", "strangers": "foreign rows",
    "taught": "trained", "telltale": "leaking feature", "tempered": "Platt scaling", "thing": "item",
    "things": "items", "trouble": "retry", "undated": "untimestamped",
}  # fmt: skip
"""Words in no name at all, and what the field says."""

PROSE = {"beside": "neighbour, extra", "foreseen": "predicted", "mine": "what is chosen", "told": "described"}
"""Words in no name but that of a test, which is a sentence."""

ALONE = {
    "ahead": "prefetched", "arranged": "ordered", "asked": "population, query", "asking": "query", "bank": "boosters",
    "began": "first event time, started", "chains": "horizon groups", "completion": "imputation",
    "composition": "item distribution", "crossed": "cross-fitted", "draft": "writer", "each": "a noun",
    "element": "item", "elements": "items", "fact": "attribute", "facts": "attributes", "finding": "check result",
    "findings": "check results", "following": "apply policy", "found": "a noun", "futures": "targets",
    "gathered": "batched", "joined": "concatenated", "learnt": "training set, fitted", "like": "similar",
    "lives": "half-lives", "made": "a noun", "mapped": "parallel map", "market": "snapshot", "marks": "fingerprints",
    "mass": "total weight", "nothing": "empty, no item", "one": "a noun", "own": "a noun", "owner": "entity index",
    "patience": "retry policy", "place": "row index, location",
    "places": "row indices, locations", "remembered": "cached", "reply": "query result",
    "said": "message", "says": "message", "sealed": "checksummed", "seen_days": "observed days", "settled": "committed",
    "sides": "halves", "some": "a noun", "usual": "typical, default", "views": "feature sets", "way": "method",
    "ways": "candidates", "whole": "a noun",
}  # fmt: skip
"""Names that are these words alone, and what to say instead."""

HAS_OWNER = "an owner of tables, as dbt and warehouses have them"
ALLOWED = {
    "basemodel_ops/contract/owners.py owner": HAS_OWNER,
    "basemodel_ops/contract/tasks.py OWN": "a value of the annotation `moments`",
    "basemodel_ops/pages/markup.py element": "an element of HTML",
    "basemodel_ops/settings.py owner": HAS_OWNER,
    "basemodel_ops/warehouse/ownership.py owner": HAS_OWNER,
    "tests/dagster_project/test_warehouses.py owner": HAS_OWNER,
    "tests/foreign/test_dbt_keys.py owner": HAS_OWNER,
}
"""Names that stay, and why."""


def identifiers(source: str) -> Iterator[str]:
    """Names that a module gives: to what it defines, to parameters, to what it assigns and imports."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=str(name)) | ast.AsyncFunctionDef(name=str(name)) | ast.ClassDef(name=str(name)):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case _:
                pass


def private_words(name: str) -> set[str]:
    """The words of a name that the field does not use."""
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    refused = words & CONCEPTS.keys() | {name.strip("_").lower()} & ALONE.keys()
    return refused if name.startswith("test_") else refused | words & PROSE.keys()


def test_names_are_words_of_the_field() -> None:
    refused: dict[str, str] = {}
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for name in (path.stem, *identifiers(path.read_text())):
            for word in private_words(name):
                instead = (CONCEPTS | PROSE | ALONE)[word]
                refused[f"{path.relative_to(ROOT)} {name}"] = f"{word}: say {instead}"
    assert {name: words for name, words in refused.items() if name not in ALLOWED} == {}
    assert ALLOWED.keys() <= refused.keys(), "A name that is gone needs no reason."


def test_a_private_word_is_known_wherever_a_name_is_given() -> None:
    for line in (
        "def squash(x): ...", "class KinGroups: ...", "def count(things): ...", "found = 1", "for one in rows: ...",
        "rows = [some for some in rows]", "self.told_of = 1", "import numpy as lessons", "def test_the_shelf(): ...",
    ):  # fmt: skip
        assert any(private_words(name) for name in identifiers(line)), line
    for line in ("def test_what_is_told_is_found(): ...", "found_at = item_place = 1", "x = found.one(some=1)"):
        assert not any(private_words(name) for name in identifiers(line)), line
