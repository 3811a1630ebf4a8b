"""The page in a real headless browser: live, harmless whatever is sent, and closed to other sites."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing import EmbeddedGateway, Fault, Reply
from tests.kilo_gateway.testing.page.browser import PROGRAM, Browser
from tests.kilo_gateway.testing.page.conftest import HELLO

if TYPE_CHECKING:
    from tests.kilo_gateway.testing.page.conftest import Served

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: `make browser`")

LIVE = "document.getElementById('state').className === 'live'"


@pytest.fixture(scope="module")
def module_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests here."""
    with Browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def browser(module_browser: Browser) -> Iterator[Browser]:
    """The browser, without the tabs of other tests."""
    yield module_browser
    module_browser.close_tabs()


@pytest.fixture
def served(start: Callable[..., Served]) -> Served:
    """A server of its own, so that what it shows is what the test has sent."""
    return start()


def test_requests_appear_as_they_are_made(browser: Browser, served: Served) -> None:
    """Without a reload, a call appears on top, opened, with messages, answer, tokens, cost and what was changed."""
    tab = browser.open(served.serving.page)
    tab.wait_for(LIVE)
    assert "No request yet" in tab.text("body")
    answer = served.client().complete(HELLO, reasoning="low")
    tab.wait_for("document.querySelectorAll('details.request[open] .badge.good').length === 1")
    shown = tab.text("body")
    assert answer.usage is not None
    cost = f"${answer.usage.cost:.6f}"
    for text in ("Hello", answer.text, f"{answer.usage.input_tokens} in", cost, "Changed on the way", "reasoning"):
        assert text in shown
    assert "No request yet" not in shown
    served.client().complete([{"role": "user", "content": "The second."}])
    tab.wait_for("document.querySelectorAll('details.request .badge.good').length === 2")
    assert "The second." in tab.text("details.request")
    assert tab.evaluate("[...document.querySelectorAll('details.request')].map((one) => one.open)") == [True, False]
    assert "2 requests" in tab.text("#totals")


def test_a_stream_grows_before_it_ends(browser: Browser, start: Callable[..., Served]) -> None:
    """The text of a stream is on the page while the model still speaks, and its end when it has ended."""
    with EmbeddedGateway() as real:
        served = start(upstream=real.base_url)
        real.enqueue(Fault(reply=Reply(text="one two three"), stall_after_events=3, stall_seconds=1))
        tab = browser.open(served.serving.page)
        tab.wait_for(LIVE)
        stream = iter(served.client(api_key=real.api_key).stream(HELLO))
        first = next(stream)
        assert first.text
        tab.wait_for(f"document.querySelector('pre.text')?.innerText.startsWith({json.dumps(first.text)})")
        assert "running" in tab.text("summary")
        tab.evaluate("document.getSelection().selectAllChildren(document.querySelector('.asked'))")
        assert "".join(delta.text for delta in stream)
        tab.wait_for("document.querySelector('summary .badge.good') !== null")
        assert "one two three" in tab.text("pre.text")
        assert "Hello" in tab.evaluate("document.getSelection().toString()")


def test_what_was_opened_stays_open(browser: Browser, served: Served) -> None:
    """A request that somebody opened himself is left as it is when others come; lookups are not in the way."""
    served.client().complete([{"role": "user", "content": "The first."}])
    tab = browser.open(served.serving.page)
    tab.wait_for(LIVE)
    tab.evaluate("document.querySelector('#r1 summary').click(); document.querySelector('#r1 summary').click()")
    served.client().balance()
    served.client().complete([{"role": "user", "content": "The second."}])
    tab.wait_for("document.querySelector('#r3 .badge.good') !== null")
    assert tab.evaluate("document.getElementById('r1').open && document.getElementById('r3').open") is True
    hidden = "getComputedStyle(document.getElementById('r2')).display"
    assert tab.evaluate(hidden) == "none"
    tab.evaluate("document.getElementById('others').click()")
    assert tab.evaluate(hidden) == "block"


def test_a_pause_holds_the_page_still(browser: Browser, served: Served) -> None:
    """While it is paused nothing moves; then what was missed comes."""
    tab = browser.open(served.serving.page)
    tab.wait_for(LIVE)
    tab.evaluate("document.getElementById('pause').click()")
    served.client().complete(HELLO)
    assert "No request yet" in tab.text("body")
    tab.evaluate("document.getElementById('pause').click()")
    tab.wait_for("document.querySelector('#r1 .badge.good') !== null")


def test_a_server_that_was_started_anew_is_found_again(browser: Browser, start: Callable[..., Served]) -> None:
    """The page says when the server is gone, and shows the next one on the same port from its beginning."""
    from tests.kilo_gateway.testing.page.conftest import running

    with running() as first:
        first.client().complete([{"role": "user", "content": "Of the first run."}])
        tab = browser.open(first.serving.page)
        tab.wait_for(LIVE)
        port = int(first.serving.page.rstrip("/").rpartition(":")[2])
    tab.wait_for("document.getElementById('state').className === 'lost'")
    start(port=port)
    tab.wait_for(f"document.getElementById('requests').childElementCount === 0 && {LIVE}", seconds=20)


SCRIPT = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'></pre></details><b id=evil>"


def test_markup_in_a_request_stays_text(browser: Browser, served: Served) -> None:
    """Markup in messages, names and answers is seen as it was written, and none of it runs or becomes an element."""
    tab = browser.open(served.serving.page)
    tab.wait_for(LIVE)
    tool = {"type": "function", "function": {"name": SCRIPT, "description": SCRIPT, "parameters": {SCRIPT: SCRIPT}}}
    body = {"model": "openai/gpt-5-mini", "messages": [{"role": SCRIPT, "content": f"Say: {SCRIPT}"}, *HELLO]}
    headers = {"authorization": f"Bearer {served.serving.api_key}", "x-kilocode-taskid": SCRIPT}
    served.http.post("/api/gateway/chat/completions", json={**body, "tools": [tool], SCRIPT: SCRIPT}, headers=headers)
    tab.wait_for("document.querySelector('#r1 .badge.good, #r1 .badge.bad') !== null")
    for view in (tab, browser.open(served.serving.page)):
        assert SCRIPT in view.text(".message")
        assert view.evaluate("window.pwned === undefined && document.getElementById('evil') === null") is True
        assert view.evaluate("document.querySelectorAll('#requests img, #requests script').length") == 0
    # Even markup that got into the page would not run.
    tab.evaluate(f"document.body.insertAdjacentHTML('beforeend', {json.dumps(SCRIPT)})")
    tab.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert tab.evaluate("window.pwned === undefined") is True


class _OtherSite(BaseHTTPRequestHandler):
    """An empty page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>Other</title><body>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def other_port() -> Iterator[int]:
    """The port of another site's server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _OtherSite)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


ATTACK = """(async () => {
    const page = %s, tried = {};
    const attempt = async (name, act) => {
        try { tried[name] = await act(); } catch (error) { tried[name] = "failed"; }
    };
    const read = (path, options) => async () => (await fetch(page + path, options)).text();
    await attempt("page", read("", {}));
    await attempt("page with credentials", read("", {credentials: "include"}));
    await attempt("opaque", read("", {mode: "no-cors"}));
    await attempt("events", read("_page/events?after=", {}));
    await attempt("call", read("api/gateway/chat/completions", {method: "POST", body: '{"messages": []}'}));
    await attempt("blind call", read("api/gateway/chat/completions",
        {method: "POST", mode: "no-cors", body: '{"model": "a/b", "messages": []}'}));
    await attempt("stream", () => new Promise((done, failed) => {
        const source = new EventSource(page + "_page/events?after=");
        source.onerror = () => { source.close(); failed(); };
        source.onopen = source.onmessage = () => done("open");
        source.addEventListener("reload", () => done("reload"));
    }));
    await attempt("frame", () => new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.onload = () => {
            let text = "nothing";
            try { text = frame.contentDocument?.body?.innerText || "nothing"; } catch (error) { text = "nothing"; }
            done(text);
        };
        frame.src = page;
        document.body.append(frame);
    }));
    await attempt("script", () => new Promise((done, failed) => {
        const script = document.createElement("script");
        script.onload = () => done("loaded");
        script.onerror = failed;
        script.src = page + "_page/page.js";
        document.body.append(script);
    }));
    return tried;
})()"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"])
def test_another_site_reads_nothing(browser: Browser, served: Served, other_port: int, host: str) -> None:
    """A page of another port or name can read, frame or load nothing of it, and sends nothing that appears on it."""
    served.client().complete([{"role": "user", "content": "a word of mine"}])
    before = served.page()
    tried = browser.open(f"http://{host}:{other_port}/").evaluate(ATTACK % json.dumps(served.serving.page))
    harmless = {"opaque": "", "blind call": "", "frame": "nothing"}
    assert {name: found for name, found in tried.items() if found != "failed" and found != harmless.get(name)} == {}
    assert served.page() == before


def test_a_name_that_means_this_machine_is_refused(browser: Browser, served: Served) -> None:
    """A site whose own name was made to mean 127.0.0.1 (DNS rebinding) gets a refusal, whatever it asks."""
    served.client().complete([{"role": "user", "content": "a word of mine"}])
    port = served.serving.page.rstrip("/").rpartition(":")[2]
    tab = browser.open(f"http://rebound.example:{port}/")
    assert "refused" in tab.text("body")
    paths = ["/", "/_page/events?after=", "/api/gateway/models", "/_page/page.js"]
    asked = f"Promise.all({json.dumps(paths)}.map(async (path) => (await fetch(path)).status))"
    assert tab.evaluate(asked) == [403, 403, 403, 403]


def test_it_fits_every_window(browser: Browser, served: Served) -> None:
    """Wide, narrow and dark: nothing is wider than the window, and the columns become one where there is no room."""
    long = "word" * 200
    served.client().complete([{"role": "user", "content": long}], user=long, task_id=None)
    tab = browser.open(served.serving.page)
    tab.wait_for(LIVE)
    columns = "getComputedStyle(document.querySelector('.parts')).gridTemplateColumns.split(' ').length"
    for width, count in ((1400, 2), (420, 1), (320, 1)):
        tab.resize(width, 900)
        assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth") is True
        assert tab.evaluate(columns) == count
    colours = []
    for scheme in ("light", "dark"):
        tab.prefer(scheme)
        colours.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1]
