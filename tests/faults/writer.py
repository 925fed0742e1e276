"""A process that writes one turn of a partition when told to; it is there to be killed."""

import json
import os
import signal
import sys
import time

from basemodel_ops.warehouse.sql import SqlWarehouse

from .locations import Location, publish


def dies_after_commit(warehouse: SqlWarehouse) -> None:
    """Kill this process when the commit has happened and nobody has been told."""
    commit = warehouse.session.commit

    def last(session: object) -> None:
        commit(session)  # pyright: ignore[reportArgumentType]
        os.kill(os.getpid(), signal.SIGKILL)

    warehouse.session.commit = last  # pyright: ignore[reportAttributeAccessIssue]


def main() -> None:
    order = json.loads(sys.argv[1])
    with Location(order["kind"], order["where"]).open() as warehouse:
        if order["dies"]:
            dies_after_commit(warehouse)
        print("ready", flush=True)
        sys.stdin.readline()
        started = time.perf_counter()
        written = publish(warehouse, order["turn"], order["count"])
        print(json.dumps({"written": written, "seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
