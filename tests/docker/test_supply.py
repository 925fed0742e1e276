"""Licences, the bill of materials, and the audit that cannot always be made."""

from pathlib import Path

import pytest

from docker import audit
from docker.licences import is_allowed, refused, table
from docker.packages import Package, locked, packages
from docker.sbom import bill, product

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "cpu.txt"


@pytest.fixture(scope="module")
def advisories() -> list[Package]:
    return packages(LOCK)


def test_every_dependency_is_under_an_allowed_licence(advisories: list[Package]) -> None:
    assert refused(advisories) == []


def test_the_list_in_the_documentation_is_that_of_the_lock(advisories: list[Package]) -> None:
    # Names and versions only: an environment with CUDA builds says the same of licences, with other labels.
    listed = (ROOT / "docs" / "licences.md").read_text()
    assert [name for name, version, _ in locked(LOCK) if f"| {name} | {version} |" not in listed] == []
    assert table(advisories).splitlines()[:4] == listed.splitlines()[:4]


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("", False),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)", True),
        ("MPL-2.0 AND (AGPL-3.0-only OR GPL-2.0-only)", False),
        ("BSD-2-Clause AND Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only OR GPL-3.0-only AND MIT", False),
    ],
)
def test_all_that_is_demanded_and_one_of_what_is_offered_must_be_allowed(text: str, allowed: bool) -> None:
    assert is_allowed(text) is allowed


def test_an_unknown_licence_is_named_with_its_package() -> None:
    problem = refused([Package("shareware", "1.0", (), "Ask me first", ())])
    assert "shareware 1.0" in problem[0]
    assert "Ask me first" in problem[0]


def test_the_bill_lists_each_locked_package_once_with_its_hashes(advisories: list[Package]) -> None:
    created = bill(advisories, product())
    pins = {f"pkg:pypi/{name}@{version}": set(hashes) for name, version, hashes in locked(LOCK)}
    listed = {
        entry["purl"]: {digest["content"] for digest in entry["externalReferences"][0]["hashes"]}
        for entry in created["components"]
    }
    assert len(created["components"]) == len(pins)
    assert listed == pins


def test_every_package_of_the_bill_is_needed_by_the_product_or_by_another(advisories: list[Package]) -> None:
    created = bill(advisories, product())
    needs = {entry["ref"]: entry["dependsOn"] for entry in created["dependencies"]}
    reached, prefetched = set(), [created["metadata"]["component"]["bom-ref"]]
    while prefetched:
        ref = prefetched.pop()
        if ref not in reached:
            reached.add(ref)
            prefetched += needs[ref]
    assert {entry["purl"] for entry in created["components"]} <= reached


def test_the_bill_is_the_same_for_the_same_lock(advisories: list[Package]) -> None:
    assert bill(advisories, product()) == bill(packages(LOCK), product())


def test_an_audit_without_its_service_says_that_nothing_was_audited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "SERVICE", "http://127.0.0.1:9/")
    assert audit.main() == 2
    assert "NOT AUDITED" in capsys.readouterr().err
