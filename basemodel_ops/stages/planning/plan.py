"""What training would do, artifact by artifact, and why; nothing is made for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from basemodel_ops.artifacts import version_of
from basemodel_ops.assets import SNAPSHOT
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.workspace import Workspace


@dataclass(frozen=True)
class Step:
    """One artifact, or the answers to one question: made or reused, and because of what."""

    key: str
    is_due: bool
    why: str


def plan(ws: Workspace, renew: bool | None = None) -> list[Step]:
    """The steps of a training on the tables as they stand now; `renew` as for `Workspace.pin`."""
    pins = ws.due_pins(renew)
    if pins is not None:
        snapshot = Snapshot.of(pins.version, pins)
        steps = [Step(SNAPSHOT, True, str(pins.content["reason"]))]
    else:
        snapshot = ws.snapshot()
        steps = [Step(SNAPSHOT, False, f"taken because {snapshot.reason}")]
    versions: dict[str, str] = {}
    remade: set[str] = set()
    for key, asset in ws.assets.items():
        inputs = ws.inputs(asset, snapshot, versions)
        versions[key] = version_of(key, inputs)
        if ws.store.find(key, versions[key]) is not None:
            steps.append(Step(key, False, f"nothing it is made from changed ({versions[key]})"))
            continue
        remade.add(key)
        newest = ws.store.newest(key)
        old = newest.manifest["about"].get("inputs") if newest is not None else None
        why = "it was never made" if old is None else "; ".join(_changes(old, inputs, remade))
        steps.append(Step(key, True, why))
    return steps


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], remade: set[str]) -> Iterator[str]:
    """What of an artifact's inputs is not what it was."""
    if old.get("code") != new["code"]:
        yield "its code changed"
    if old.get("declared") != new["declared"]:
        yield "its declaration changed"
    for kind, words in (("settings", "setting"), ("tables", "table"), ("pins", "pin of the snapshot")):
        names = [name for name, value in new[kind].items() if _as_json(old.get(kind, {}).get(name)) != _as_json(value)]
        if names:
            yield f"{words}{'s' if len(names) > 1 else ''} {', '.join(names)} changed"
    stale = [name for name, version in new["artifacts"].items() if old.get("artifacts", {}).get(name) != version]
    again = [name for name in stale if name in remade]
    if again:
        yield f"{', '.join(again[:3])}{' and others' if len(again) > 3 else ''} will be made again"
    if others := [name for name in stale if name not in remade]:
        yield f"it was made from another {', '.join(others[:3])}"


def _as_json(value: Any) -> Any:
    """A value as JSON keeps it."""
    return list(value) if isinstance(value, tuple) else value
