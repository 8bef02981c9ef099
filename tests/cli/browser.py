"""A headless Chromium, spoken to by the WebDriver protocol."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

NEEDED = ("chromedriver", "chromium")
STARTED = re.compile(r"started successfully on port (\d+)")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900")


def missing() -> list[str]:
    """Return which of the programs that are needed are not there."""
    return [name for name in NEEDED if shutil.which(name) is None]


class Browser:
    """One window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = f"/session/{session}"

    def open(self, address: str) -> None:
        """Go to a page, and wait until it is there."""
        self._post("/url", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page, and return what it returns."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, selector: str) -> None:
        """Click what a CSS selector finds first."""
        self._post(f"/element/{self._found(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into what a CSS selector finds first, in place of what was there."""
        element = self._found(selector)
        self._post(f"/element/{element}/clear", {})
        self._post(f"/element/{element}/value", {"text": text})

    def console(self) -> list[str]:
        """Return what stands in the console since it was last asked for."""
        return [entry["message"] for entry in self._post("/se/log", {"type": "browser"})]

    def screenshot(self) -> bytes:
        """Return a picture of the window, as PNG."""
        answer = self._http.get(f"{self._session}/screenshot").json()["value"]
        return base64.b64decode(answer)

    def _found(self, selector: str) -> str:
        (element,) = self._post("/element", {"using": "css selector", "value": selector}).values()
        return str(element)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(self._session + path, json=body).json()["value"]
        assert not isinstance(answer, dict) or "error" not in answer, answer
        return answer


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and end it."""
    driver = subprocess.Popen([NEEDED[0], "--port=0"], stdout=subprocess.PIPE, encoding="utf-8")
    assert driver.stdout is not None
    try:
        port = next(found[1] for line in driver.stdout if (found := STARTED.search(line)))
        threading.Thread(target=driver.stdout.read, daemon=True).start()  # or it would stop when the pipe is full
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
