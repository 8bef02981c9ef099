"""A headless Chromium, controlled through the WebDriver protocol."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

REQUIRED = "BROWSER_REQUIRED"  # the variable that makes a missing browser a failure
NEEDED = ("chromedriver", "chromium")
STARTED = re.compile(r"started successfully on port (\d+)")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")


def find_missing_programs() -> list[str]:
    """Return the needed programs that are not installed."""
    return [name for name in NEEDED if shutil.which(name) is None]


class Browser:
    """A browser window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = f"/session/{session}"

    def open(self, address: str) -> None:
        """Go to a page and wait until it has loaded."""
        self._post("/url", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page and return its result."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, selector: str) -> None:
        """Click the first element that a CSS selector finds."""
        self._post(f"/element/{self._found(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Replace the text of the first element that a CSS selector finds."""
        element = self._found(selector)
        self._post(f"/element/{element}/clear", {})
        self._post(f"/element/{element}/value", {"text": text})

    def console(self) -> list[str]:
        """Return the console messages since the last call."""
        return [entry["message"] for entry in self._post("/se/log", {"type": "browser"})]

    def screenshot(self) -> bytes:
        """Return a PNG screenshot of the whole page."""
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page a size in CSS pixels; a real window cannot be as narrow as a telephone."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def emulate(self, *, media: str = "", scheme: str = "light", script: bool = True) -> None:
        """Show pages as in print (``media="print"``), in a colour scheme, or without script from the next page on."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)
        self.command("Emulation.setScriptExecutionDisabled", value=not script)

    def press(self, key: str) -> None:
        """Press a key of the keyboard where the focus is."""
        self._post(f"/element/{self._active()}/value", {"text": key})

    def print_pdf(self) -> bytes:
        """Return the page as a PDF."""
        return base64.b64decode(self.command("Page.printToPDF", printBackground=False)["data"])

    def command(self, name: str, **parameters: object) -> Any:
        """Send a command of the Chrome DevTools protocol."""
        return self._post("/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _active(self) -> str:
        (element,) = self._http.get(f"{self._session}/element/active").json()["value"].values()
        return str(element)

    def _found(self, selector: str) -> str:
        (element,) = self._post("/element", {"using": "css selector", "value": selector}).values()
        return str(element)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(self._session + path, json=body).json()["value"]
        assert not isinstance(answer, dict) or "error" not in answer, answer
        return answer


@contextmanager
def browser_or_skip() -> Iterator[Browser]:
    """Start a browser, and stop it at the end; skip the test if none is installed, or fail it where one must be."""
    if absent := find_missing_programs():
        reason = f"skipped: {' and '.join(absent)} are not installed, so no browser opened the page"
        if REQUIRED in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    with browser() as opened:
        yield opened


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and stop it at the end."""
    driver = subprocess.Popen([NEEDED[0], "--port=0"], stdout=subprocess.PIPE, encoding="utf-8")
    assert driver.stdout is not None
    try:
        port = next(found[1] for line in driver.stdout if (found := STARTED.search(line)))
        threading.Thread(target=driver.stdout.read, daemon=True).start()  # a full pipe would block the driver
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            wanted = {
                "goog:chromeOptions": {"args": ARGUMENTS, "binary": shutil.which(NEEDED[1])},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            answer = http.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).json()["value"]
            assert "sessionId" in answer, answer
            try:
                yield Browser(http, answer["sessionId"])
            finally:
                http.delete(f"/session/{answer['sessionId']}")
    finally:
        driver.terminate()
        driver.communicate()
