"""`python -m docker.sbom LOCK`: a CycloneDX 1.6 bill of materials, the same for the same lock and packages."""

import hashlib
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

from docker.licences import expression, is_allowed, review
from docker.packages import Package, normal, packages

ROOT = Path(__file__).parents[1]


def bill(found: list[Package], product: dict[str, Any]) -> dict[str, Any]:
    """Components, each with its hashes and licence, and who needs whom."""
    names = {package.name: package.purl for package in found}
    itself = f"pkg:pypi/{product['name']}@{product['version']}"
    needs = [{"ref": itself, "dependsOn": sorted(names[name] for name in product["needs"] if name in names)}]
    needs += [
        {"ref": package.purl, "dependsOn": sorted(names[name] for name in package.requires if name in names)}
        for package in found
    ]
    components = [component(package) for package in found]
    digest = hashlib.sha256(json.dumps([components, needs]).encode()).hexdigest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": itself,
                "name": product["name"],
                "version": product["version"],
                "purl": itself,
                "licenses": [{"expression": product["licence"]}],
            }
        },
        "components": components,
        "dependencies": needs,
    }


def component(package: Package) -> dict[str, Any]:
    """One package. A lock allows several wheels of it, so their hashes stand at where they come from."""
    wheels = [{"alg": "SHA-256", "content": content} for content in package.hashes]
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{package.name}/{package.version.split('+')[0]}/",
                "hashes": wheels,
            }
        ],
    }
    if licence := expression(package):
        is_spdx = is_allowed(licence) and not review(package.name)
        found["licenses"] = [{"expression": licence} if is_spdx else {"license": {"name": licence}}]
    return found


def product() -> dict[str, Any]:
    """What pyproject.toml says of the product."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [normal(re.split(r"[^A-Za-z0-9._-]", text)[0]) for text in project["dependencies"]]
    return {"name": project["name"], "version": project["version"], "licence": project["license"], "needs": needs}


def main() -> None:
    """Print the bill."""
    print(json.dumps(bill(packages(Path(sys.argv[1])), product()), indent=2))


if __name__ == "__main__":
    main()
