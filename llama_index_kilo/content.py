"""LlamaIndex content blocks -> content parts of the wire. Reads local files; never downloads: a URL is passed on."""

from __future__ import annotations

import base64
import mimetypes
from io import IOBase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    VideoBlock,
)

from kilo_gateway.adapters.media import audio_format, data_url, sniff_mime_type, split_data_url
from kilo_gateway.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Part = dict[str, Any]

_UNTITLED = "input_document"
"""The title that LlamaIndex gives a document without one."""


def render_parts(blocks: Iterable[Any]) -> list[Part]:
    """Return the content parts of blocks; a cache point marks the part before it. Empty texts are left out.

    Raises:
        InvalidRequestError: a block without data, of unknown kind, or a cache point with nothing before it.
    """
    parts: list[Part] = []
    for block in blocks:
        if isinstance(block, CachePoint):
            parts[-1:] = [_render_cache_point(block, parts)]
            continue
        render = _RENDERERS.get(type(block)) or _find_renderer(block)
        parts.extend(render(block))
    return parts


def _find_renderer(block: Any) -> Callable[[Any], list[Part]]:
    for kind, render in _RENDERERS.items():
        if isinstance(block, kind):
            return render
    raise InvalidRequestError(
        f"A content block of type {type(block).__name__} cannot be sent; there are "
        f"{', '.join(kind.__name__ for kind in _RENDERERS)} and CachePoint."
    )


def _render_cache_point(block: CachePoint, parts: list[Part]) -> Part:
    if not parts:
        raise InvalidRequestError("A CachePoint marks the block before it in its message, and there is none.")
    control = block.cache_control
    return {**parts[-1], "cache_control": {"type": control.type, "ttl": control.ttl}}


def _render_text(block: TextBlock) -> list[Part]:
    return [{"type": "text", "text": block.text}] if block.text else []


def _render_image(block: ImageBlock) -> list[Part]:
    url = _find_url(block.url) or _render_data_url(block, block.image, block.image_mimetype)
    return [{"type": "image_url", "image_url": {"url": url, **_without_none(detail=block.detail)}}]


def _render_video(block: VideoBlock) -> list[Part]:
    url = _find_url(block.url) or _render_data_url(block, block.video, block.video_mimetype)
    return [{"type": "video_url", "video_url": {"url": url, **_without_none(detail=block.detail, fps=block.fps)}}]


def _render_audio(block: AudioBlock) -> list[Part]:
    """Return the audio as base64; a URL goes into `data` as it is, for the gateway to fetch or refuse."""
    url = _find_url(block.url)
    if url is not None and not url.startswith("data:"):
        return [{"type": "input_audio", "input_audio": {"data": url, **_without_none(format=block.format)}}]
    mimetype, data = _read_data_url(url) if url is not None else (None, _read_base64(block, block.audio))
    format_ = audio_format(block.format) or block.format or audio_format(mimetype or _guess_mimetype(block, data))
    return [{"type": "input_audio", "input_audio": {"data": data, "format": format_}}]


def _render_document(block: DocumentBlock) -> list[Part]:
    data = _find_url(block.url) or _render_data_url(block, block.data, block.document_mimetype)
    return [{"type": "file", "file": {"filename": _document_name(block), "file_data": data}}]


def _render_citable(block: CitableBlock) -> list[Part]:
    return [{"type": "text", "text": f"{block.title} ({block.source}):"}, *render_parts(block.content)]


def _render_citation(block: CitationBlock) -> list[Part]:
    source = {"type": "text", "text": f"Cited from {block.title} ({block.source}):"}
    return [source, *render_parts([block.cited_content])]


_RENDERERS: dict[type, Callable[[Any], list[Part]]] = {
    TextBlock: _render_text,
    ImageBlock: _render_image,
    AudioBlock: _render_audio,
    VideoBlock: _render_video,
    DocumentBlock: _render_document,
    CitableBlock: _render_citable,
    CitationBlock: _render_citation,
}


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _find_url(url: Any) -> str | None:
    return str(url) if url else None


def _render_data_url(block: Any, data: Any, mimetype: str | None) -> str:
    text = _read_base64(block, data)
    return data_url(text, mimetype or _guess_mimetype(block, text))


def _read_base64(block: Any, data: Any) -> str:
    """Return the block's own data in base64, from memory, an open file or a path."""
    if isinstance(data, IOBase):
        data.seek(0)
        return _encode(data.read())
    if data:
        # LlamaIndex stores bytes in base64; bytes put in later, without validation, are not, and rarely all ASCII.
        return cast("str", data.decode("ascii")) if data.isascii() else _encode(data)
    if block.path:
        return _encode(_read_file(block, Path(block.path)))
    raise InvalidRequestError(
        f"A content block of type {type(block).__name__} has no data, path or url; give it one of them."
    )


def _read_file(block: Any, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(
            f"The file of a block of type {type(block).__name__} cannot be read: {error}."
        ) from error


def _encode(data: bytes) -> str:
    if not data:
        raise InvalidRequestError("A content block holds no bytes; give it some, or leave it out.")
    return base64.b64encode(data).decode("ascii")


def _guess_mimetype(block: Any, text: str) -> str:
    mimetype = sniff_mime_type(text) or mimetypes.guess_type(str(block.path or ""))[0]
    if mimetype is None:
        raise InvalidRequestError(
            f"What a block of type {type(block).__name__} holds cannot be told from its bytes; name its MIME type or "
            "format."
        )
    return mimetype


def _read_data_url(url: str) -> tuple[str | None, str]:
    found = split_data_url(url)
    if found is None:
        raise InvalidRequestError("The data: URL of an AudioBlock must be in base64.")
    return found


def _document_name(block: DocumentBlock) -> str:
    """Return the title, else the last step of the path or URL."""
    if block.title and block.title != _UNTITLED:
        return block.title
    place = urlsplit(block.url).path if block.url and not block.url.startswith("data:") else str(block.path or "")
    return PurePosixPath(place.replace("\\", "/")).name or _UNTITLED
