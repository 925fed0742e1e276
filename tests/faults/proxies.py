"""Two loopback proxies that let a connection fail when told to: one of bytes, one of HTTP."""

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

QUERY = "/queries/v1/query-request"
EXPIRED = {"success": False, "code": "390111", "message": "Session no longer exists. New login required.", "data": {}}


def reset(connection: socket.socket) -> None:
    """Close with a reset, not with an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class ByteProxy:
    """Passes bytes on. Once, after `after` bytes of answers, it resets the connection or stalls for `stall` seconds."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.after: int | None = None
        self.stall = 0.0
        self.passed = 0
        self.fired = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, after: int, stall: float = 0.0) -> None:
        self.after, self.stall, self.passed = after, stall, 0

    def close(self) -> None:
        self._listener.close()

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
    """Passes requests on. Once, at the query number `at`, it does what `fault` says instead."""

    def __init__(self, host: str, port: int) -> None:
        self.at: int | None = None
        self.fault: Callable[[BaseHTTPRequestHandler], bool] | None = None
        self.queries = 0
        self.fired = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if proxy._fires(self.path) and proxy.fault is not None and proxy.fault(self):
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
                reply(self, answer.status, content, kept)

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def arm(self, at: int, fault: Callable[[BaseHTTPRequestHandler], bool]) -> None:
        self.at, self.fault, self.queries = at, fault, 0

    def _fires(self, path: str) -> bool:
        if not path.startswith(QUERY):
            return False
        self.queries += 1
        if self.queries != self.at:
            return False
        self.at, self.fired = None, self.fired + 1
        return True

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
    """An answer to the client, which may have gone away in the meantime."""
    with suppress(OSError):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def breaks(handler: BaseHTTPRequestHandler) -> bool:
    """Reset the connection."""
    handler.close_connection = True
    reset(handler.connection)
    return True


def fails(handler: BaseHTTPRequestHandler) -> bool:
    """HTTP 500."""
    reply(handler, 500, b"", [])
    return True


def expires(handler: BaseHTTPRequestHandler) -> bool:
    """The session is over."""
    reply(handler, 200, json.dumps(EXPIRED).encode(), [("Content-Type", "application/json")])
    return True


def stalls(seconds: float) -> Callable[[BaseHTTPRequestHandler], bool]:
    """Let the client wait, then answer."""

    def wait(handler: BaseHTTPRequestHandler) -> bool:
        time.sleep(seconds)
        return False

    return wait


T = TypeVar("T", ByteProxy, HttpProxy)


@contextmanager
def closing(proxy: T) -> Iterator[T]:
    try:
        yield proxy
    finally:
        proxy.close()
