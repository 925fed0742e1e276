"""The recipe of the image keeps its rules; that what it makes keeps them is `make image-check`."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker" / "Dockerfile").read_text()
SECRET = re.compile(r"(?i)(password|passwd|secret|token|private_?key|credential)s?(?!\s*,id=)")


def instructions() -> list[tuple[str, str]]:
    """Instructions and their arguments, lines joined, comments left out."""
    lines = [line for line in TEXT.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    merged = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in merged.splitlines()]


def stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """What each stage starts from, and its instructions."""
    result: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    name = ""
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.split()
            result[name] = (base, [])
        elif name:
            result[name][1].append((word, rest))
    return result


def ancestry(stage: str) -> list[str]:
    """A stage and those below it."""
    result = [stage]
    while result[-1] in stages() and stages()[result[-1]][0] in stages():
        result.append(stages()[result[-1]][0])
    return result


def effective(stage: str, word: str) -> str:
    """The last instruction of a kind that holds in a stage."""
    return next(rest for name in ancestry(stage) for kind, rest in reversed(stages()[name][1]) if kind == word)


def test_every_base_is_the_one_that_a_digest_pins() -> None:
    argument = next(rest for word, rest in instructions() if word == "ARG")
    assert re.fullmatch(r"BASE=[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", argument)
    for name, (base, _) in stages().items():
        assert base in ("${BASE}", "scratch") or base in stages(), f"{name} starts from {base}"


def test_both_targets_run_the_product_as_a_user_without_rights() -> None:
    for target in ("cpu", "gpu"):
        assert effective(target, "USER") == "10001:10001"
        assert effective(target, "ENTRYPOINT") == '["basemodel"]'
        assert "basemodel" in effective(target, "HEALTHCHECK")
        assert "/var/lib/basemodel" in effective(target, "VOLUME")
        for label in ("title", "description", "licenses", "version", "revision"):
            assert f"org.opencontainers.image.{label}" in effective(target, "LABEL")


def test_nothing_is_fetched_but_by_package_managers() -> None:
    assert not [rest for word, rest in instructions() if word == "ADD"]
    for word, rest in instructions():
        if word == "RUN":
            assert not re.search(r"\b(curl|wget|git clone)\b|\|\s*(ba)?sh\b", rest), rest
        if word == "COPY":
            assert "://" not in rest


def test_every_install_checks_hashes_or_is_offline() -> None:
    installs = [
        part for word, rest in instructions() if word == "RUN" for part in rest.split("&&") if "pip install" in part
    ]
    assert len(installs) == 5
    for part in installs:
        assert "--require-hashes" in part or ("--offline" in part and "--no-deps" in part), part


def test_no_secret_is_an_argument_or_a_variable_or_a_file() -> None:
    for word, rest in instructions():
        if word in ("ARG", "ENV", "LABEL"):
            assert not SECRET.search(rest), rest
    mounts = [rest for word, rest in instructions() if word == "RUN" and "type=secret" in rest]
    assert mounts
    assert all("id=certificates" in rest for rest in mounts)


def test_the_rule_knows_a_secret_when_it_sees_one() -> None:
    for line in ("PGPASSWORD=x", "API_TOKEN", "SNOWFLAKE_PRIVATE_KEY=/k"):
        assert SECRET.search(line)


def test_what_installs_is_not_what_runs() -> None:
    for target in ("cpu", "gpu"):
        below = ancestry(target)
        assert not [
            name for name in below if name in ("installer", "kernels") or name.startswith(("packages", "product"))
        ]
        copied = [rest for name in below for word, rest in stages()[name][1] if word == "COPY" and "--from" in rest]
        assert all(re.search(r"/opt/basemodel(/kernels)? /opt/basemodel(/kernels)?$", rest) for rest in copied), copied


def test_kernels_are_compiled_for_the_processor_that_the_image_names() -> None:
    built, run = effective("kernels", "ENV"), effective("cpu", "ENV")
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        value = re.compile(rf'{name}=("[^"]*"|\S+)')
        assert value.search(built) and value.search(run)  # noqa: PT018
        assert value.findall(built) == value.findall(run)
    assert "NUMBA_CACHE_DIR=/opt/basemodel/kernels" in built
    assert "BASEMODEL_KERNELS=/opt/basemodel/kernels" in run


def test_the_build_is_sent_only_what_it_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    sources = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    for source in sources:
        assert any(source == rule or Path(source).match(rule) for rule in allowed), source
