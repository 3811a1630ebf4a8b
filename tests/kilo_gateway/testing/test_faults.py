"""Faults as an HTTP client meets them."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

BODY = {"model": "openai/gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
THREE = Reply(text="one two three")


def _read(caller: Any, **body: Any) -> tuple[bytes, Exception | None]:
    """Return what arrived of a streamed answer and the error that ended it."""
    data = b""
    try:
        with caller.http.stream("POST", "chat/completions", json={**BODY, **body}) as response:
            for chunk in response.iter_bytes():
                data += chunk
    except httpx.HTTPError as error:
        return data, error
    return data, None


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        ({"a": 1}, b'{"a":1}', "application/json"),
        ([1], b"[1]", "application/json"),
        ("plain", b"plain", "text/plain; charset=utf-8"),
        ("<p>x</p>", b"<p>x</p>", "text/html; charset=utf-8"),
        (b"\x00", b"\x00", "application/octet-stream"),
        (None, b"", None),
        ("", b"", None),
    ],
)
def test_whole_answers(
    gateway: EmbeddedGateway, caller: Any, body: Any, content: bytes, content_type: str | None
) -> None:
    """Status, body and content type are as scripted, streamed or not."""
    gateway.enqueue(Fault(status=503, body=body, headers={"X-Own": "1"}))
    response = caller.chat(stream=True)
    assert (response.status_code, response.content) == (503, content)
    assert response.headers.get("content-type") == content_type
    assert response.headers["x-own"] == "1"


def test_an_html_page(gateway: EmbeddedGateway, caller: Any) -> None:
    """`html` is a stock page; its type can be replaced."""
    gateway.enqueue(Fault(status=502, body="html"), Fault(status=200, body="html", headers={"Content-Type": "x/y"}))
    assert caller.chat().text.startswith("<!DOCTYPE html>")
    assert caller.chat().headers["content-type"] == "x/y"


def test_a_redirect(gateway: EmbeddedGateway, caller: Any) -> None:
    """A redirect has its location and no body."""
    gateway.enqueue(Fault(status=307, headers={"location": "http://127.0.0.1:1/"}))
    response = caller.chat()
    assert (response.status_code, response.headers["location"], response.content) == (307, "http://127.0.0.1:1/", b"")


@pytest.mark.parametrize("reset", [False, True])
def test_cut_before_the_headers(gateway: EmbeddedGateway, caller: Any, reset: bool) -> None:
    """The connection ends without an answer."""
    gateway.enqueue(Fault(cut_before_headers=True, reset=reset))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        caller.chat()
    assert caller.chat().status_code == 200


@pytest.mark.parametrize(("count", "reset"), [(0, False), (2, False), (1, True)])
def test_cut_after_events(gateway: EmbeddedGateway, caller: Any, count: int, reset: bool) -> None:
    """So many events arrive, then the connection breaks inside the body."""
    gateway.enqueue(Fault(cut_after_events=count, reset=reset, reply=THREE))
    data, error = _read(caller)
    assert isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
    assert len(caller.events(data)) == count


def test_cut_inside_an_event(gateway: EmbeddedGateway, caller: Any) -> None:
    """So many bytes arrive, then the connection breaks."""
    gateway.enqueue(Fault(cut_after_bytes=60, reply=THREE))
    data, error = _read(caller)
    assert len(data) == 60
    assert not data.endswith(b"\n")
    assert isinstance(error, httpx.RemoteProtocolError)


def test_cut_inside_an_unstreamed_body(gateway: EmbeddedGateway, caller: Any) -> None:
    """An unstreamed body can break off as well."""
    gateway.enqueue(Fault(cut_after_bytes=10), Fault(cut_after_events=1))
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            caller.chat()


def test_a_silent_end(gateway: EmbeddedGateway, caller: Any) -> None:
    """The body ends properly without finish reason and `[DONE]`."""
    gateway.enqueue(Fault(end_after_events=2, reply=THREE))
    data, error = _read(caller)
    assert error is None
    assert [event["choices"][0]["delta"]["content"] for event in caller.events(data)] == ["one", " two"]


@pytest.mark.parametrize("event", [{"error": {"code": 503}}, {"error": {}, "choices": []}])
def test_an_error_event_ends_the_stream(gateway: EmbeddedGateway, caller: Any, event: dict[str, Any]) -> None:
    """After an error event nothing is sent, `[DONE]` neither."""
    gateway.enqueue(Fault(error_event=event, after_events=1, reply=THREE))
    data, error = _read(caller)
    assert error is None
    assert caller.events(data)[1:] == [event]


def test_malformed_and_foreign_events(gateway: EmbeddedGateway, caller: Any) -> None:
    """Broken JSON and inserted events stand between good ones, and the stream goes on."""
    gateway.enqueue(
        Fault(malformed_after_events=1, reply=THREE),
        Fault(insert={"choices": None}, after_events=1, reply=THREE),
        Fault(insert=b": \xe2\x80\xa8\n\n", after_events=0, reply=THREE),
    )
    broken = _read(caller)[0]
    assert b'"content":"lost\n\n' in broken
    assert broken.endswith(b"data: [DONE]\n\n")
    assert caller.events(_read(caller)[0])[1] == {"choices": None}
    assert b": \xe2\x80\xa8\n\ndata: " in _read(caller)[0]


def test_keepalives_come_before_the_answer(gateway: EmbeddedGateway, caller: Any) -> None:
    """Comments are sent for a while, then the answer."""
    gateway.enqueue(Fault(keepalive_seconds=0.1, keepalive_every_seconds=0.02, reply=THREE))
    data, error = _read(caller)
    assert error is None
    assert data.split(b"data:")[0].count(b": KILO PROCESSING") >= 5
    assert data.endswith(b"[DONE]\n\n")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(delay_seconds=float("inf")),
        Fault(stall_after_events=1, reply=THREE),
        Fault(hold_seconds=float("inf"), reply=THREE),
    ],
)
def test_silence_runs_into_the_client_s_timeout(gateway: EmbeddedGateway, caller: Any, fault: Fault) -> None:
    """A gateway that never answers, stalls, or keeps the connection open is met by a read timeout."""
    gateway.enqueue(fault)
    caller.http.timeout = httpx.Timeout(0.2)
    assert isinstance(_read(caller)[1], httpx.ReadTimeout)
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 2)


def test_bytes_after_done(gateway: EmbeddedGateway, caller: Any) -> None:
    """Something may follow `[DONE]`."""
    gateway.enqueue(Fault(trailing=b"data: late\n\n", reply=THREE))
    assert _read(caller)[0].endswith(b"data: [DONE]\n\ndata: late\n\n")


def test_raw_bytes(gateway: EmbeddedGateway, caller: Any) -> None:
    """Bytes that are no HTTP break the protocol; bytes that are HTTP are read as such."""
    short = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort"
    gateway.enqueue(Fault(raw=b"garbage\r\n\r\n"), Fault(raw=short))
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            caller.chat()


def test_answers_beside_chat_can_be_cut_and_scripted(gateway: EmbeddedGateway, caller: Any) -> None:
    """A fault is laid over the answer of any endpoint, and a reply gives its whole body."""
    gateway.enqueue(Fault(cut_after_bytes=10), Fault(headers={"X-Own": "1"}), Reply(body={"x": 1}), endpoint="models")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.http.get("models")
    assert caller.http.get("models").headers["x-own"] == "1"
    assert caller.http.get("models").json() == {"x": 1}


def test_json_instead_of_a_stream(gateway: EmbeddedGateway, caller: Any) -> None:
    """A stream that was asked for can be answered in one JSON body."""
    gateway.enqueue(Fault(as_json=True))
    response = caller.chat(stream=True)
    assert response.headers["content-type"] == "application/json"
    assert response.json()["object"] == "chat.completion"


def test_a_delay_alone_changes_nothing_else(gateway: EmbeddedGateway, caller: Any) -> None:
    """After its delay the ordinary answer comes."""
    gateway.enqueue(Fault(delay_seconds=0.1))
    response = caller.chat()
    assert response.elapsed.total_seconds() >= 0.1
    assert response.json()["object"] == "chat.completion"


def test_the_request_that_met_a_fault_shows_what_was_forwarded(gateway: EmbeddedGateway, caller: Any) -> None:
    """A fault stands for the upstream's failure, so the transformed body is kept."""
    gateway.enqueue(Fault(status=502))
    caller.chat(models=["a"])
    assert gateway.requests[0].forwarded is not None
    assert "models" not in gateway.requests[0].forwarded
    assert gateway.requests[0].status == 502


def test_pieces_arrive_with_pauses(gateway: EmbeddedGateway, caller: Any) -> None:
    """A body cut into pieces with pauses reaches the client piece by piece."""
    gateway.enqueue(Reply(events=[b"data: abcdef\n\n"], pieces=[4, 3], piece_delay_seconds=0.02))
    with caller.http.stream("POST", "chat/completions", json=BODY) as response:
        assert list(response.iter_raw()) == [b"data", b": a", b"bcde", b"f\n\n"]


def test_garbage_from_a_client_does_not_stop_the_gateway(gateway: EmbeddedGateway, caller: Any) -> None:
    """Bytes that are no HTTP request get a 400 and the next client is served."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as raw:
        raw.sendall(b"\x00\x01\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert caller.chat().status_code == 200
