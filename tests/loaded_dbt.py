"""dbt for tests: a process that has loaded it, whose forks run the commands. To load it takes longer than most of them.

`python -m tests.loaded_dbt SOCKET` serves; the command that `command` writes is called as dbt is.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]

CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as served:
    served.connect({path!r})
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(served, [len(asked).to_bytes(8, "little")], [0, 1, 2])
    served.sendall(asked)
    ended = served.recv(1)
sys.exit(ended[0] if ended else "dbt ended without a word")
"""


@contextmanager
def command(folder: Path) -> Iterator[str]:
    """The path of a dbt in `folder`, whose name is to be short; it is loaded in a process that ends with the block."""
    path, client = str(folder / "socket"), folder / "dbt"
    client.write_text(CLIENT.format(python=sys.executable, path=path))
    client.chmod(0o755)
    serving = [sys.executable, "-m", "tests.loaded_dbt", path]
    with subprocess.Popen(serving, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n", "dbt was not loaded"
            yield str(client)
        finally:
            server.terminate()


def serve(path: str) -> None:
    """Load dbt, then answer calls for as long as the process lives that started this one."""
    import dbt.adapters.duckdb
    import dbt.cli.main  # noqa: F401

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        watched = os.getppid()
        print("ready", flush=True)
        listener.settimeout(1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while os.getppid() == watched:
            try:
                called, _ = listener.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                called.setblocking(True)
                answer(called)
            called.close()


def answer(called: socket.socket) -> None:
    """Run one command in a fork of this process, and tell how it ended once all of it has."""
    size, streams, _, _ = socket.recv_fds(called, 8, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "little"):
        asked += called.recv(1 << 20)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        called.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))
        os._exit(0)
    called.close()
    arguments, directory, environment = json.loads(asked)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["dbt", *arguments]
    from dbt.cli.main import cli

    cli()


if __name__ == "__main__":
    serve(sys.argv[1])
