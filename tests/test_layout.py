"""Rules of the tree that no other tool holds."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNSAFE = re.compile(
    r"\b(import|from)\s+(pickle|cloudpickle|dill|joblib|marshal|shelve)\b|torch\.load\(|allow_pickle\s*=\s*True"
    r"|read_pickle\(|to_pickle\("
)


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert found
    return found


def test_no_init_in_dbt_shadows_dbt_core() -> None:
    assert (ROOT / "dbt" / "dbt_project.yml").exists()
    assert list((ROOT / "dbt").rglob("__init__.py")) == []


def test_no_test_folder_is_named_like_dbt() -> None:
    assert [path for path in (ROOT / "tests").rglob("dbt") if path.is_dir()] == []


def test_nothing_reads_or_writes_pickles() -> None:
    offenders = {
        str(path.relative_to(ROOT)): found.group()
        for path in sources("basemodel_ops", "dagster_project", "benchmarks")
        if (found := UNSAFE.search(path.read_text()))
    }
    assert offenders == {}


def test_the_rule_knows_a_pickle_when_it_sees_one() -> None:
    for line in ("import pickle", "from joblib import load", "torch.load(path)", "np.load(f, allow_pickle = True)"):
        assert UNSAFE.search(line)
    assert not UNSAFE.search("They save as arrays and text, never as pickles; allow_pickle=False")
