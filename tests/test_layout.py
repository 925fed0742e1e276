"""Rules of the tree that no other tool holds."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from basemodel_ops import stages

ROOT = Path(__file__).parents[1]
UNSAFE = re.compile(
    r"\b(import|from)\s+(pickle|cloudpickle|dill|joblib|marshal|shelve)\b|torch\.load\(|allow_pickle\s*=\s*True"
    r"|read_pickle\(|to_pickle\("
)


def sources(*folders: str) -> list[Path]:
    result = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert result
    return result


def test_no_init_in_dbt_shadows_dbt_core() -> None:
    assert (ROOT / "dbt" / "dbt_project.yml").exists()
    assert list((ROOT / "dbt").rglob("__init__.py")) == []


def test_no_test_folder_is_named_like_dbt() -> None:
    assert [path for path in (ROOT / "tests").rglob("dbt") if path.is_dir()] == []


def test_nothing_reads_or_writes_pickles() -> None:
    offenders = {
        str(path.relative_to(ROOT)): result.group()
        for path in sources("basemodel_ops", "dagster_project", "benchmarks")
        if (result := UNSAFE.search(path.read_text()))
    }
    assert offenders == {}


def test_the_rule_knows_a_pickle_when_it_sees_one() -> None:
    for line in ("import pickle", "from joblib import load", "torch.load(path)", "np.load(f, allow_pickle = True)"):
        assert UNSAFE.search(line)
    assert not UNSAFE.search("They save as arrays and text, never as pickles; allow_pickle=False")


LINES, PARAMETERS, FILE_LINES = 50, 8, 250
KERNEL = "a compiled kernel takes arrays one by one"
STUDY = "a study reads from top to bottom, as its protocol does"
ONE_WAREHOUSE = "a warehouse is one file: its session, and what it is opened with"
LARGER = {
    "basemodel_ops/boosting/forest.py _summed": KERNEL,
    "basemodel_ops/cleora/embedding.py embed": "options of the method, by name",
    "basemodel_ops/cleora/embedding.py embed_stream": "options of the method, by name, each explained",
    "basemodel_ops/cleora/kernels.py step_block": KERNEL,
    "basemodel_ops/emde/histories.py sketch_histories": "what a sketch is made of, by name",
    "basemodel_ops/emde/kernels.py add_events": KERNEL,
    "basemodel_ops/emde/kernels.py sketch_entities": KERNEL,
    "basemodel_ops/foundation/retrieval.py _pool": KERNEL,
    "basemodel_ops/foundation/training.py pretrain": "options of a fit, by name, each explained",
    "basemodel_ops/pages/contents.py": "the sections of the page, in their order",
    "basemodel_ops/representation/build.py": "layout and values of each block stand side by side",
    "basemodel_ops/stages/planning/budget.py": "every stage's rows, bytes and minutes in one place",
    "basemodel_ops/stages/snapshot/snapshot.py": "one artifact, what it pins and how",
    "basemodel_ops/tasks/boosted_head.py learn_members": "options of a fit, by name",
    "basemodel_ops/tasks/kernels.py follow": KERNEL,
    "basemodel_ops/warehouse/bigquery.py": ONE_WAREHOUSE,
    "basemodel_ops/warehouse/databricks.py": ONE_WAREHOUSE,
    "basemodel_ops/warehouse/postgres.py": ONE_WAREHOUSE,
    "basemodel_ops/warehouse/sql.py": "one class: what all warehouses of SQL do alike",
    "benchmarks/ablations.py": STUDY,
    "benchmarks/ablations.py variants": STUDY,
    "benchmarks/gpu.py": STUDY,
    "benchmarks/quality/__init__.py run": STUDY,
    "benchmarks/quality/many.py categories": STUDY,
    "benchmarks/quality/sequences.py next_items": STUDY,
    "benchmarks/quality/traits.py trait": STUDY,
    "benchmarks/uplift.py run": STUDY,
}
"""Files and functions beyond the limits, and why they are not divided."""


def beyond_limits() -> set[str]:
    """Files of more than `FILE_LINES` lines, and functions of more than `LINES` lines or `PARAMETERS` parameters."""
    results: set[str] = set()
    for path in sources("basemodel_ops", "dagster_project", "benchmarks", "docker"):
        text, name = path.read_text(), str(path.relative_to(ROOT))
        if text.count("\n") > FILE_LINES:
            results.add(name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [entry.arg for entry in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LINES or len([entry for entry in names if entry not in ("self", "cls")]) > PARAMETERS:
                    results.add(f"{name} {node.name}")
    return results


def test_functions_and_files_are_small_or_have_a_reason() -> None:
    assert beyond_limits() == LARGER.keys()


def test_the_architecture_lists_what_is_larger() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    by_reason: dict[str, list[str]] = {}
    for name, reason in LARGER.items():
        by_reason.setdefault(reason, []).append(f"`{name}`")
    rows = [f"| {', '.join(names)} | {reason} |" for reason, names in by_reason.items()]
    assert [row for row in rows if row not in text] == []


OPENS = "opens what is handed down instead of the workspace: many artifacts, and rows of the warehouse"
SHARED = "what several stages do alike"
OF_A_SHAPE = "the stage of a task's model, for one shape of answers"
BELOW_STAGES = {
    "explanations/explaining.py explainable_question": OPENS,
    "explanations/explaining.py open_question": OPENS,
    "features/builder.py Builder.__init__": OPENS,
    "features/builder.py Builder.of": OPENS,
    "insight/past.py typical_before": OPENS,
    "insight/past.py windows_at": OPENS,
    "reporting/reporting.py contents_of": "gathers all that a page shows",
    "scoring/querying.py _of_column": OPENS,
    "scoring/scoring.py answer_questions": SHARED,
    "tasks/fitting.py single_model": OF_A_SHAPE,
    "tasks/label_answers.py fit_labels": OF_A_SHAPE,
    "tasks/recommendation.py recommendation_model": OF_A_SHAPE,
    "tasks/recommendation_context.py RecommendationContext.__init__": OPENS,
    "tasks/single_answers.py fit_single": OF_A_SHAPE,
    "tasks/supplement.py _builder": OPENS,
    "tasks/supplement.py examples_of": "makes an artifact beside that of the stage",
    "tasks/supplement.py terms_of": OPENS,
}
"""Functions that take a `Workspace` and that nobody calls who runs stages, and why."""


def functions(node: ast.AST, within: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions by their full names, in classes and in other functions too."""
    for child in ast.iter_child_nodes(node):
        name = within
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            name = f"{within}.{child.name}".lstrip(".")
        if isinstance(child, ast.FunctionDef):
            yield name, child
        yield from functions(child, name)


def stage_names() -> set[str]:
    """What the package of stages hands out, and what `dagster_project` takes from its modules."""
    results = {name for names in stages.HOMES.values() for name in names}
    for path in sources("dagster_project"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("basemodel_ops.stages"):
                results |= {alias.name for alias in node.names}
    return results


def test_only_stages_take_the_workspace() -> None:
    """What lies below takes what it needs, so that its signature says what its result can follow from.

    Checks are stages too, and a stage's own `write` is given the workspace that guards what the asset declares.
    """
    folder, known = ROOT / "basemodel_ops" / "stages", stage_names()
    below = {
        f"{path.relative_to(folder)} {name}"
        for path in sources("basemodel_ops/stages")
        for name, node in functions(ast.parse(path.read_text()))
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if argument.annotation is not None and "Workspace" in ast.unparse(argument.annotation)
        if name not in known and not re.fullmatch(r"check_\w+|.+\.write", name)
    }
    assert below == BELOW_STAGES.keys()
