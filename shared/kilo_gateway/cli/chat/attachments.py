"""Attachments: files, URLs and stdin as parts of a message. Every check comes before anything is sent."""

from __future__ import annotations

import base64
import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from kilo_gateway.adapters.media import audio_format, sniff_bytes
from kilo_gateway.cli.chat.option_spelling import SEPARATOR
from kilo_gateway.cli.chat.prompt import read_bytes
from kilo_gateway.cli.statuses import wrong_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BYTES: Final = 20 * 1024 * 1024

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""What text does not hold; escape sequences of a terminal's recording may be text."""
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MPEG: Final = "audio/mpeg"
_SUFFIXES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
    ".wav": "audio/wav",
    ".mp3": _MPEG,
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part of a message, and what is told of it."""

    type: str
    """The media type."""
    size: int | None
    """Bytes; None for a URL that is sent as it is."""
    source: str
    """The path or URL as given."""
    part: dict[str, Any]
    """As it goes on the wire."""

    def describe(self) -> dict[str, Any]:
        """Return what is told of it."""
        return {"type": self.type, "size": self.size, "source": self.source}


def read_attachments(words: Sequence[str]) -> list[Attachment]:
    """Return the attachments in their order; each word is a path, a URL or `-`, with a type behind a separator.

    Raises:
        CommandError: one that cannot be sent; names it.
    """
    pairs = [(source, stated) for source, _, stated in (word.partition(SEPARATOR) for word in words)]
    if sum(source == "-" for source, _ in pairs) > 1:
        raise wrong_usage("stdin can be one attachment only. Give -a - once.")
    return [_read_attachment(source, stated) for source, stated in pairs]


def _read_attachment(source: str, stated: str) -> Attachment:
    if _URL.match(source):
        return _read_url(source, stated)
    name = "stdin" if source == "-" else Path(source).name
    return _attach(source, name, read_bytes(MOST_BYTES + 1) if source == "-" else _read_file(source), stated)


def _read_file(source: str) -> bytes:
    try:
        with Path(source).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise wrong_usage(f"There is no file {source}. Check the path.") from None
    except IsADirectoryError:
        raise wrong_usage(f"{source} is a folder. Attach a file.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise wrong_usage(f"{source} cannot be read: {reason}. Check the path.") from None


def _read_url(source: str, stated: str) -> Attachment:
    parts = urlsplit(source)
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise wrong_usage(f"{source} cannot be attached: only http and https are. Fetch it first, attach the file.")
    name = unquote(parts.path.rpartition("/")[2]) or parts.hostname
    kind = _SUFFIXES.get(Path(name).suffix.lower()) or stated.lower()
    if kind.startswith("image/"):
        return Attachment(kind, None, source, {"type": "image_url", "image_url": {"url": source}})
    if kind == "application/pdf":
        return Attachment(kind, None, source, {"type": "file", "file": {"filename": name, "file_data": source}})
    if kind.startswith("audio/"):
        from kilo_gateway.cli.chat.fetching import fetch  # noqa: PLC0415 - for sounds on the web only

        return _attach(source, name, fetch(source, MOST_BYTES + 1), kind)
    raise wrong_usage(f"What {source} is cannot be told from its name. State it: --at {source} image/png.")


def _attach(source: str, name: str, data: bytes, stated: str) -> Attachment:
    if not data:
        raise wrong_usage(f"{source} is empty. Attach something else.")
    if len(data) > MOST_BYTES:
        raise wrong_usage(f"{source} has more than 20 MB. Attach something smaller.")
    kind = type_of(data, name, stated)
    if kind is None:
        raise wrong_usage(
            f"What {source} is cannot be told: not PNG, JPEG, GIF, WebP, PDF, WAV, MP3 or text. "
            f"State its type: --at {source} TYPE."
        )
    part = _render_part(kind, name, data)
    if part is None:
        raise wrong_usage(
            f"{source}: {kind} cannot be sent. --at takes image/..., audio/..., application/pdf, text/...."
        )
    return Attachment(kind, len(data), source, part)


def type_of(data: bytes, name: str, stated: str) -> str | None:
    """Return the media type by the content, else by the name, else as stated; None when nothing tells."""
    shown = sniff_bytes(data)
    if shown in _SUFFIXES.values() and shown != _MPEG:
        return shown
    if is_text(data):  # which may begin as a sound does
        return "text/plain"
    if shown == _MPEG:
        return shown
    return _SUFFIXES.get(Path(name).suffix.lower()) or stated.strip().lower() or None


def is_text(data: bytes) -> bool:
    """Return whether the bytes are text: UTF-8, or UTF-16 and UTF-32 with their mark."""
    try:
        return not _CONTROLS.search(data.decode(_encoding_of(data)))
    except UnicodeDecodeError:
        return False


def _encoding_of(data: bytes) -> str:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8-sig")


def _render_part(kind: str, name: str, data: bytes) -> dict[str, Any] | None:
    if kind.startswith("text/"):
        return {"type": "text", "text": f"{name}:\n\n{data.decode(_encoding_of(data), 'replace')}"}
    encoded = base64.b64encode(data).decode()
    url = f"data:{kind};base64,{encoded}"
    if kind.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "application/pdf":
        return {"type": "file", "file": {"filename": name, "file_data": url}}
    if kind.startswith("audio/"):
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": audio_format(kind)}}
    return None
