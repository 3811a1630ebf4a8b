"""Media types of pictures, sound, video and files, and their names on the wire. Looks at bytes; never fetches any."""

from __future__ import annotations

import base64
import binascii

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (8, b"AIFF", "audio/aiff"),
    (8, b"AIFC", "audio/aiff"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xfa", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"\xff\xe3", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"\xff\xf9", "audio/aac"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"FLV", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
)
"""Offset, bytes there, media type; the first that matches counts."""

_HEAD_CHARACTERS = 64
"""Base64 characters that are looked at; 48 bytes."""

_AUDIO_FORMATS = {
    "mpeg": "mp3",
    "mpeg3": "mp3",
    "mpga": "mp3",
    "mp4": "m4a",
    "wave": "wav",
    "vnd.wave": "wav",
    "pn-wav": "wav",
    "l16": "pcm16",
    "pcm": "pcm16",
    "aacp": "aac",
    "aif": "aiff",
    "aifc": "aiff",
    "vorbis": "ogg",
}
"""Subtypes of audio, without `x-`, whose name on the wire differs."""


def sniff_mime_type(data: str) -> str | None:
    """Return the media type that base64 data shows by its first bytes; None when they show none."""
    head = data[:_HEAD_CHARACTERS]
    try:
        first = base64.b64decode(head[: len(head) - len(head) % 4], altchars=None)
    except (binascii.Error, ValueError):
        return None
    return sniff_bytes(first)


def sniff_bytes(data: bytes) -> str | None:
    """Return the media type that bytes show by how they begin; None when they show none."""
    return next((kind for offset, magic, kind in _MAGIC if data.startswith(magic, offset)), None)


def data_url(data: str, mime_type: str) -> str:
    """Return base64 data as a URL; what is one already stays."""
    return data if data.startswith("data:") else f"data:{mime_type};base64,{data}"


def split_data_url(url: str) -> tuple[str | None, str] | None:
    """Return the media type, None where it is not named, and the base64 data of a data URL; None for another URL."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head.removeprefix("data:").partition(";")[0] or None, data


def audio_format(mime_type: str | None) -> str | None:
    """Return the wire's word for an audio type: `audio/mpeg` is `mp3`; None without a type."""
    if mime_type is None:
        return None
    subtype = mime_type.partition(";")[0].rpartition("/")[2].strip().lower().removeprefix("x-")
    return _AUDIO_FORMATS.get(subtype, subtype) or None
