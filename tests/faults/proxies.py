"""Two loopback proxies that let a connection fail when told to: one of bytes, one of HTTP.

Each lives in a process of its own: a driver that waits for an answer may keep every thread of its process waiting.
"""

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from typing import Any

QUERY = "/queries/v1/query-request"
EXPIRED = {"success": False, "code": "390111", "message": "Session no longer exists. New login required.", "data": {}}


def reset(connection: socket.socket) -> None:
    """Close with a reset, not with an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # A thread that reads from it holds it open: wake that up.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    connection.close()


class ByteProxy:
    """Passes bytes on. Once, after `after` bytes of answers, it resets the connection or stalls for `stall` seconds."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.after: int | None = None
        self.stall = 0.0
        self.passed = 0
        self.fired = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, after: int, stall: float = 0.0) -> None:
        self.after, self.stall, self.passed = after, stall, 0

    def state(self) -> tuple[int, int, int]:
        """Its port, the bytes that passed since it was armed, and how often it did what it was armed for."""
        return self._listener.getsockname()[1], self.passed, self.fired

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for source, sink, counted in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pump, args=(source, sink, counted), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(8192):
                if counted:
                    self.passed += len(data)
                    if self.after is not None and self.passed > self.after:
                        self.after, self.fired = None, self.fired + 1
                        if not self.stall:
                            reset(sink)
                            reset(source)
                            return
                        time.sleep(self.stall)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


class HttpProxy:
    """Passes requests on. Once, at the query number `at`, it does what `fault` says instead, or first."""

    def __init__(self, host: str, port: int) -> None:
        self.at: int | None = None
        self.fault, self.seconds = "", 0.0
        self.queries = 0
        self.fired = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if proxy._fires(self.path):
                    if proxy.fault == "stall":
                        time.sleep(proxy.seconds)
                    else:
                        FAULTS[proxy.fault](self)
                        return
                upstream = http.client.HTTPConnection(host, port, timeout=60)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                    upstream.request("POST", self.path, body, headers)
                    answer = upstream.getresponse()
                    content = answer.read()
                finally:
                    upstream.close()
                kept = [(k, v) for k, v in answer.getheaders() if k.lower() in ("content-type", "content-encoding")]
                respond(self, answer.status, content, kept)

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def arm(self, at: int, fault: str, seconds: float = 0.0) -> None:
        """`fault`: one of `FAULTS`, or "stall" for so many seconds."""
        self.at, self.fault, self.seconds, self.queries = at, fault, seconds, 0

    def state(self) -> tuple[int, int, int]:
        """Its port, the queries since it was armed, and how often it did what it was armed for."""
        return self._server.server_address[1], self.queries, self.fired

    def _fires(self, path: str) -> bool:
        if not path.startswith(QUERY):
            return False
        self.queries += 1
        if self.queries != self.at:
            return False
        self.at, self.fired = None, self.fired + 1
        return True


def respond(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
    """An answer to the client, which may have gone away in the meantime."""
    with suppress(OSError):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def breaks(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection."""
    handler.close_connection = True
    reset(handler.connection)


def fails(handler: BaseHTTPRequestHandler) -> None:
    """HTTP 500."""
    respond(handler, 500, b"", [])


def expires(handler: BaseHTTPRequestHandler) -> None:
    """The session is over."""
    respond(handler, 200, json.dumps(EXPIRED).encode(), [("Content-Type", "application/json")])


FAULTS: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "connection reset": breaks, "HTTP 500": fails, "an expired session": expires,
}  # fmt: skip


class Proxies(BaseManager):
    """The process in which they live."""


Proxies.register("byte_proxy", ByteProxy)
Proxies.register("http_proxy", HttpProxy)


@contextmanager
def proxied(kind: str, host: str, port: int) -> Iterator[Any]:
    """A proxy, "byte" or "http", in front of a server; reached by its methods."""
    with Proxies(ctx=get_context("spawn")) as manager:
        yield getattr(manager, f"{kind}_proxy")(host, port)
