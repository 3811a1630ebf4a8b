"""The web pages of the examples and of the guide, in a real browser: an answer appears whole, and as text."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn

from kilo_gateway.testing import EmbeddedGateway, Reply
from tests.kilo_gateway.testing.page.browser import PROGRAM, Browser

ROOT = Path(__file__).parent.parent


def _of_the_example(_: Path) -> Any:
    return runpy.run_path(str(ROOT / "examples" / "web_page.py"))["app"]


def _of_the_guide(folder: Path) -> Any:
    code = (
        (ROOT / "docs" / "stream-to-a-web-page.md").read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    )
    (folder / "app.py").write_text(code, "utf-8")
    return runpy.run_path(str(folder / "app.py"))["app"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for both pages."""
    with Browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: `make browser`")
@pytest.mark.parametrize("find_app", [_of_the_example, _of_the_guide])
def test_the_page_shows_an_answer(
    browser: Browser, find_app: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A question typed into the page is answered on it, and markup in the answer stays text."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    with EmbeddedGateway() as gateway:
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
        app = find_app(tmp_path)
        gateway.enqueue(Reply(text="The <b>night</b> train leaves at 20:29."))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none", loop="asyncio"))
        thread = Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                thread.join(0.01)
                assert thread.is_alive(), "the server ended before it had started"
            port = server.servers[0].sockets[0].getsockname()[1]
            tab = browser.open(f"http://127.0.0.1:{port}/")
            tab.evaluate("question.value = 'When?', form.requestSubmit()")
            tab.wait_for("document.title === 'Done'")
            assert tab.evaluate("answer.textContent") == "The <b>night</b> train leaves at 20:29."
            browser.close_tabs()
        finally:
            server.should_exit = True
            thread.join()
