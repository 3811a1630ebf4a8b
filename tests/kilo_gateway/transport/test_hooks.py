"""Tracers and mocks that people have see every request, set up before the first call or after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

ASK = [{"role": "user", "content": "Hello"}]
MOCKED = {"choices": [{"message": {"role": "assistant", "content": "mocked"}, "finish_reason": "stop"}]}


@pytest.fixture(params=["before", "after"])
def session(request: pytest.FixtureRequest, connect: Any) -> Any:
    """A session, with calls behind it or without."""
    session = connect()
    if request.param == "after":
        assert session.complete().text
        assert session.stream().text
    return session


def use(session: Any) -> None:
    """Make one call and one stream."""
    assert session.complete().text
    assert session.stream().text


def test_opentelemetry(session: Any, gateway: Any) -> None:
    """OpenTelemetry has a span for every request while it instruments httpx, and its headers are sent."""
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.httpx")
    exporter = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    before = len(gateway.requests)
    instrumentation.HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    try:
        use(session)
    finally:
        instrumentation.HTTPXClientInstrumentor().uninstrument()
    use(session)
    assert len(exporter.get_finished_spans()) == 2
    assert ["traceparent" in request.headers for request in gateway.requests[before:]] == [True, True, False, False]


def test_sentry(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentry, which wraps the clients for good, has a span for every request."""
    sentry = pytest.importorskip("sentry_sdk")
    integration = pytest.importorskip("sentry_sdk.integrations.httpx")
    for client in (httpx.Client, httpx.AsyncClient):
        monkeypatch.setattr(client, "send", client.send)  # put back at the end
    monkeypatch.setattr("sentry_sdk.integrations._installed_integrations", set())
    monkeypatch.setattr("sentry_sdk.integrations._processed_integrations", set())
    events: list[Any] = []
    sentry.init(
        dsn="http://key@127.0.0.1:9/1",
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[integration.HttpxIntegration()],
        before_send_transaction=lambda event, hint: events.append(event),
    )
    try:
        with sentry.start_transaction(name="calls"):
            use(session)
    finally:
        sentry.get_client().close(timeout=0)  # nothing is to be sent
        sentry.init(default_integrations=False, auto_enabling_integrations=False)  # wraps no framework
    assert [span["op"] for event in events for span in event["spans"]] == ["http.client"] * 2


def test_respx(session: Any, gateway: Any) -> None:
    """A call that respx mocks is answered by it, and none reaches the gateway."""
    respx = pytest.importorskip("respx")
    before = len(gateway.requests)
    with respx.mock(assert_all_called=False) as router:
        route = router.route(host="127.0.0.1").mock(return_value=httpx.Response(200, json=MOCKED))
        assert session.complete().text == "mocked"
        assert route.call_count == 1
    assert len(gateway.requests) == before
    assert session.complete().text != "mocked"


def test_pytest_httpx(session: Any, gateway: Any, request: pytest.FixtureRequest) -> None:
    """A call that pytest-httpx mocks is answered by it, and none reaches the gateway."""
    pytest.importorskip("pytest_httpx")
    before = len(gateway.requests)
    mock = request.getfixturevalue("httpx_mock")
    mock.add_response(json=MOCKED)
    assert session.complete().text == "mocked"
    assert len(mock.get_requests()) == 1
    assert len(gateway.requests) == before


def test_vcr(session: Any, gateway: Any, tmp_path: Path) -> None:
    """What vcrpy has recorded is played back by it, and reaches the gateway once."""
    vcr = pytest.importorskip("vcr")
    before = len(gateway.requests)
    texts = []
    for _ in range(2):
        with vcr.use_cassette(str(tmp_path / "cassette.yaml"), record_mode="once") as cassette:
            texts.append(session.complete().text)
    assert texts[0] == texts[1]
    assert cassette.play_count == 1
    assert len(gateway.requests) == before + 1
