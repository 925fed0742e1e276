"""dbt in a process that loads it beside other work, and whose forks run the commands: loading takes longer than most.

`python -m dagster_project.lib.loaded_dbt DESCRIPTOR ADAPTER PARENT` serves what comes through a socket that listens.
What is called is an executable of a few lines, which hands its arguments, folder, environment and streams on.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from basemodel_ops.memory import keep

CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
try:
    served = socket.socket(socket.AF_UNIX)
    served.connect({path!r})
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(served, [len(asked).to_bytes(8, "little")], [0, 1, 2])
    served.sendall(asked)
    process = int.from_bytes(served.recv(8), "little")
except OSError:
    process = 0
if not process:  # it could not be loaded there
    os.execv({dbt!r}, [{dbt!r}, *sys.argv[1:]])
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(process, number))
ended = served.recv(1)
sys.exit(ended[0] if ended else "dbt ended without a word")
"""


@contextmanager
def loaded(dbt: str, adapter: str) -> Iterator[str]:
    """The path of a command that is called as `dbt` is; to load it is begun, not waited for, and ends with the block.

    Args:
        dbt: The path of dbt, which is called as it is elsewhere than on Linux, or where it is not of this Python.
        adapter: The kind of warehouse, whose adapter is loaded, too.
    """
    # Elsewhere forks of a process that has loaded libraries are not safe, or there are none.
    if sys.platform != "linux" or Path(dbt) != Path(sys.executable).with_name("dbt"):
        yield dbt
        return
    # In the system's own folder: the path of a socket is short, and that of a home need not be.
    with TemporaryDirectory(prefix="dbt-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path, client = str(Path(folder, "socket")), Path(folder, "dbt")
        client.write_text(CLIENT.format(python=sys.executable, path=path, dbt=dbt))
        client.chmod(0o700)
        listener.bind(path)
        listener.listen()
        serving = [sys.executable, "-m", __name__, str(listener.fileno()), adapter, str(os.getpid())]
        root = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        with subprocess.Popen(
            serving, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **root}, pass_fds=[listener.fileno()],
        ) as server:  # fmt: skip
            listener.close()
            try:
                yield str(client)
            finally:
                server.kill()  # a process that was started with SIGTERM ignored hands that on


def serve(listener: socket.socket, adapter: str, watched: int) -> None:
    """Load dbt, then answer calls for as long as the process `watched` lives, which started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: it is for the commands
    import_module("dbt.cli.main")
    with suppress(ImportError):  # dbt says what is missing
        import_module(f"dbt.adapters.{adapter}")
    keep()  # forks neither look at nor copy what is loaded
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
    # The process that started this one was killed: nobody else removes the folder of the socket.
    shutil.rmtree(Path(listener.getsockname()).parent, ignore_errors=True)


def answer(called: socket.socket) -> None:
    """Run one command in a fork of this process; tell which that is, and how it ended once all of it has."""
    size, streams, _, _ = socket.recv_fds(called, 8, 3)
    request = b""
    while len(request) < int.from_bytes(size, "little"):
        request += called.recv(1 << 20)
    child = os.fork()
    if child:
        called.sendall(child.to_bytes(8, "little"))
        _, status = os.waitpid(child, 0)
        called.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))
        os._exit(0)
    called.close()
    arguments, directory, environment = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["dbt", *arguments]
    from dbt.cli.main import cli

    cli(prog_name="dbt")


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], int(sys.argv[3]))
