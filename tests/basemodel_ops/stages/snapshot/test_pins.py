"""Pins of snapshots."""

import numpy as np

from basemodel_ops.stages.snapshot.pins import Pins


def test_pins_of_earlier_versions_are_read_under_their_names_of_today() -> None:
    class Kept:
        def json(self, name: str) -> dict[str, object]:
            plan = {"rows": {"train": 3, "gap": 2}, "draws": {"gap": {}}}
            return {"thing_horizons": [14], "asked": [], "marks": {"t": "1"}, "plans": {"gap": plan}, "entities": 5}

        def arrays(self, name: str) -> dict[str, np.ndarray]:
            return {"cutoffs": np.array([7])}

    pins = Pins.read(Kept()).content  # pyright: ignore[reportArgumentType]
    assert pins.keys() == {"item_horizons", "item_targets", "fingerprints", "plans", "entities"}
    assert pins["plans"] == {"gap": {"rows": {"train": 3, "embargo": 2}, "draws": {"embargo": {}}}}
