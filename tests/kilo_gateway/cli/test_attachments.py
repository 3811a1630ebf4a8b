"""Attachments of `chat`: what they become on the wire, and what is refused before anything is sent."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kilo_gateway.testing import EmbeddedGateway

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x00"
UNKNOWN = b"\x00\x01\x02\xff"


def parts(gateway: EmbeddedGateway) -> list[dict[str, Any]]:
    """Return the parts of the last question."""
    return gateway.requests[-1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.png", PNG, "image/png"),
        ("a.txt", PNG, "image/png"),
        ("noname", b"\xff\xd8\xff\xe0" + bytes(4), "image/jpeg"),
        ("a.gif", b"GIF89a", "image/gif"),
        ("a", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_pictures(
    name: str, data: bytes, kind: str, gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path
) -> None:
    """A picture is a data URL of the type that its content shows, whatever its name."""
    (tmp_path / name).write_bytes(data)
    run("chat", "What is it?", "-a", name)
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    assert parts(gateway) == [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is it?"}]


@pytest.mark.parametrize(
    ("data", "sound"), [(WAV, "wav"), (MP3, "mp3"), (b"\xff\xfb\x90\x00", "mp3"), (b"\xff\xe3\x18", "mp3")]
)
def test_sounds(data: bytes, sound: str, gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path) -> None:
    """A sound is base64 data with the wire's word for its format."""
    (tmp_path / "noise").write_bytes(data)
    run("chat", "What is it?", "-a", "noise")
    assert parts(gateway)[0] == {
        "type": "input_audio",
        "input_audio": {"data": base64.b64encode(data).decode(), "format": sound},
    }


@pytest.mark.parametrize(
    "data", ["Grüße\n", "\ufeffGrüße\n", "BMW is a car; ID3 and GIF8 are words.", "%PD no\t\x1b[1m"]
)
def test_texts(data: str, gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path) -> None:
    """UTF-8 is a text headed by its name, whatever its first letters or its name look like."""
    (tmp_path / "notes.png").write_text(data)
    run("chat", "Sum it up.", "-a", "notes.png")
    text = data.removeprefix("\ufeff")
    assert parts(gateway)[0] == {"type": "text", "text": f"notes.png:\n\n{text}"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_text_of_other_widths(encoding: str, gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path) -> None:
    """Text that begins with the mark of UTF-16 or UTF-32 is text, as editors on Windows write it."""
    mark = "" if encoding in {"utf-16", "utf-32"} else "\ufeff"
    (tmp_path / "note.txt").write_bytes(f"{mark}Grüße\n".encode(encoding))
    run("chat", "What is it?", "-a", "note.txt")
    assert parts(gateway)[0] == {"type": "text", "text": "note.txt:\n\nGrüße\n"}


def test_pdf_order_and_stdin(gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path) -> None:
    """Attachments keep the order of both options, then comes the prompt; `-` is stdin."""
    (tmp_path / "a.bin").write_bytes(UNKNOWN)
    (tmp_path / "b").write_bytes(b"%PDF-1.4\n")
    run("chat", "-a", "b", "--at", "a.bin", "audio/mpeg", "-a", "-", "Go.", stdin=b"words")
    kinds = [part["type"] for part in parts(gateway)]
    assert kinds == ["file", "input_audio", "text", "text"]
    assert parts(gateway)[0]["file"]["filename"] == "b"
    assert parts(gateway)[0]["file"]["file_data"].startswith("data:application/pdf;base64,")
    assert [part["text"] for part in parts(gateway)[2:]] == ["stdin:\n\nwords", "Go."]


@pytest.mark.parametrize(
    ("url", "typed", "kind"),
    [
        ("https://example.com/a/b.png?size=2", (), "image_url"),
        ("HTTPS://example.com/a.JPG", (), "image_url"),
        ("https://example.com/paper.pdf", (), "file"),
        ("https://example.com/picture", ("image/png",), "image_url"),
    ],
)
def test_urls_are_sent_as_they_are(
    url: str, typed: tuple[str, ...], kind: str, gateway: EmbeddedGateway, run: Callable[..., Any]
) -> None:
    """A picture or PDF on the web is named; nothing is asked of its server."""
    words = ("--at", url, *typed) if typed else ("-a", url)
    run("chat", "What is it?", *words)
    part = parts(gateway)[0]
    assert part["type"] == kind
    assert url in (part.get("image_url", {}).get("url"), part.get("file", {}).get("file_data"))


@pytest.fixture
def web() -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """A web server with sounds, and what it was asked."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response({"/gone.mp3": 404, "/busy.mp3": 503}.get(self.path, 200))
            self.end_headers()
            self.wfile.write(MP3)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_sound_on_the_web_is_fetched(web: Any, gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """A sound is fetched with one GET that carries no key; one that is not there is an error."""
    address, asked = web
    run("chat", "What is it?", "-a", f"{address}/song.mp3")
    assert parts(gateway)[0]["input_audio"]["format"] == "mp3"
    ((path, headers),) = asked
    assert path == "/song.mp3"
    assert gateway.api_key not in str(headers)
    count = len(gateway.requests)
    run("chat", "What is it?", "-a", f"{address}/gone.mp3", status=2)
    run("chat", "What is it?", "-a", f"{address}/busy.mp3", status=3)
    assert len(gateway.requests) == count


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("-a", "missing.png"), "missing.png"),
        (("-a", "."), "."),
        (("-a", "empty"), "empty"),
        (("-a", "unknown"), "--at"),
        (("--at", "unknown", "video/mp4"), "video/mp4"),
        (("--at", "unknown"), "TYPE"),
        (("-a", "large"), "20 MB"),
        (("-a", "ftp://example.com/a.png"), "http"),
        (("-a", "file:///etc/passwd"), "http"),
        (("-a", "https://example.com/a"), "--at"),
        (("-a", "-"), "- is empty"),
        (("-a", "-", "-a", "-"), "once"),
    ],
)
def test_what_cannot_be_attached(
    words: tuple[str, ...], names: str, gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path
) -> None:
    """A file that is missing, a folder, empty, too large or of no known type is wrong usage; nothing is sent."""
    (tmp_path / "empty").touch()
    (tmp_path / "unknown").write_bytes(UNKNOWN)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    assert names in run("chat", "What is it?", *words, status=2).stderr
    assert not gateway.requests


def test_a_missing_file_is_told_at_once(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """A file that is not there is told before stdin is waited for, and so is a missing prompt."""
    assert start("chat", "What is it?", "-a", "missing.png").wait() == 2
    assert start("chat", "-a", "-").wait() == 2
    assert not gateway.requests


def test_stdin_as_an_attachment_needs_a_prompt(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`-a -` takes stdin, so the prompt must be typed."""
    run("chat", "-a", "-", stdin="words", status=2)
    run("chat", "-a", "-", "-", stdin="words", status=2)
    assert not gateway.requests
