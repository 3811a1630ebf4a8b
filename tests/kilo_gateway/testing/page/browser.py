"""A headless Chromium, driven over a pipe by its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Where the browser is; None where there is none."""
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
    "--renderer-process-limit=1",  # for each site
    "--disable-background-timer-throttling",  # of tabs that another one covers
    "--host-resolver-rules=MAP *.example 127.0.0.1, EXCLUDE localhost",
)
"""Names under `.example` are this machine, as a site could make its own name mean."""


class Browser:
    """One browser: `open` a page in it, ask the page; `with` ends it."""

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None
        to_browser, self._write = _pipe()
        self._read, from_browser = _pipe()
        # The browser reads from 3 and writes to 4, which may be in use here.
        start = (
            f"import os, sys; os.dup2({to_browser}, 3); os.dup2({from_browser}, 4); os.execv(sys.argv[1], sys.argv[1:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", start, PROGRAM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._rest = b""
        self._targets: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ask("Browser.close")
        self._process.wait(10)
        os.close(self._write)
        os.close(self._read)

    def ask(self, method: str, session: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Return the result of one command."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": arguments}
        os.write(self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while (answer := self._next())["id"] != number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, url: str) -> Tab:
        """Return a new tab in which the URL is loaded."""
        target = self.ask("Target.createTarget", url=url)["targetId"]
        self._targets.append(target)
        tab = Tab(self, self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        tab.wait_for(f"location.href.startsWith({json.dumps(url[:20])}) && document.readyState === 'complete'")
        return tab

    def close_tabs(self) -> None:
        """Close what was opened: a live page goes on to ask its server, even one that is gone."""
        while self._targets:
            self.ask("Target.closeTarget", targetId=self._targets.pop())

    def _next(self) -> dict[str, Any]:
        """Return the next answer; events, which nobody asked for, are left out."""
        while True:
            while b"\0" not in self._rest:
                data = os.read(self._read, 1 << 20)
                assert data, "the browser has ended"
                self._rest += data
            text, _, self._rest = self._rest.partition(b"\0")
            answer: dict[str, Any] = json.loads(text)
            if "id" in answer:
                return answer


class Tab:
    """One page in the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited."""
        found = self._browser.ask(
            "Runtime.evaluate", self._session, expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, condition: str, *, seconds: float = 10) -> None:
        """Wait until a JavaScript condition holds; fail after so many seconds. A page that loads anew is asked anew."""
        loop = f"""new Promise((done) => {{
            const end = Date.now() + {seconds * 1000};
            const holds = () => {{ try {{ return {condition}; }} catch (error) {{ return false; }} }};
            const look = () => holds() ? done("yes") : Date.now() > end ? done("late") : setTimeout(look, 20);
            look();
        }})"""
        try:
            outcome = self.evaluate(loop)
        except AssertionError as lost:  # the page was left while it was asked
            if "context" not in str(lost) and "navigated" not in str(lost):
                raise
            outcome = self.evaluate(loop)
        assert outcome == "yes", f"never: {condition}\n{self.evaluate('document.body.innerText')}"

    def text(self, selector: str) -> str:
        """Return the text of the first element that fits, as it is seen."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def take_picture(self, path: Path, *, width: int, height: int, is_dark: bool = False) -> None:
        """Write a PNG of the page at a size."""
        self.resize(width, height)
        self.prefer("dark" if is_dark else "light")
        picture = self._browser.ask("Page.captureScreenshot", self._session, format="png")
        path.write_bytes(base64.b64decode(picture["data"]))

    def prefer(self, scheme: str) -> None:
        """Let the person in front of it prefer `light` or `dark` pages."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._browser.ask("Emulation.setEmulatedMedia", self._session, features=features)

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._browser.ask("Emulation.setDeviceMetricsOverride", self._session, **size)


def _pipe() -> tuple[int, int]:
    """Return a pipe whose numbers are above those that the browser wants to have."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
