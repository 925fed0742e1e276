"""A page in headless Chromium, asked over its own protocol: what it said, how it is laid out, how it looks."""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

KEYS = {"Tab": 9, "Enter": 13}


class Page:
    """A tab of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._last = connection, 0
        self.console_lines: list[str] = []
        """Errors and warnings of the console, and requests that went elsewhere than to the page."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command."""
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            result = self._receive()
            if result.get("id") == self._last:
                assert "error" not in result, result
                return result["result"]

    def _receive(self) -> dict[str, Any]:
        result = json.loads(self._connection.recv(timeout=60))
        about = result.get("params", {})
        match result.get("method"):
            case "Log.entryAdded" if about["entry"]["level"] in ("error", "warning"):
                self.console_lines.append(about["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.console_lines.append(json.dumps(about))
            case "Network.requestWillBeSent" if not about["request"]["url"].startswith(("file:", "data:")):
                self.console_lines.append(f"asked for {about['request']['url']}")
        return result

    def open(self, path: Path) -> None:
        """Load a file, and wait until it is there."""
        self.ask("Page.navigate", url=path.resolve().as_uri())
        while self.run("document.readyState + location.protocol") != "completefile:":
            time.sleep(0.05)

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def show(self, width: int, height: int = 800, dark: bool = False) -> None:
        """Give the page a width in pixels, and light or dark colours."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"Tab": 9}.get(key, 13)
            )

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])


@contextlib.contextmanager
def browsing() -> Iterator[Page]:
    """An empty page of a browser of its own."""
    assert CHROMIUM is not None, "Install chromium, as `make system-dev` does."
    with tempfile.TemporaryDirectory() as folder:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        command += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = Path(folder) / "DevToolsActivePort"
            until = time.monotonic() + 60
            while not (port.exists() and len(port.read_text().split()) == 2):
                assert process.poll() is None, "The browser ended."
                assert time.monotonic() < until, "The browser did not start."
                time.sleep(0.05)
            with connect(_page_of(int(port.read_text().split()[0])), max_size=None) as connection:
                yield Page(connection)
        finally:
            process.terminate()
            process.wait(30)


def _page_of(port: int) -> str:
    """Where the first tab listens."""
    import urllib.request

    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as result:
            tabs = [entry for entry in json.load(result) if entry["type"] == "page"]
        if tabs:
            return tabs[0]["webSocketDebuggerUrl"]
        time.sleep(0.05)
