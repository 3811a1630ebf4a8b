"""Messages of ChatKilo -> LangChain's standard content blocks; registered once, when this package is imported.

Blocks of chunks carry indexes that begin with `lc_`, the only ones by which LangChain merges text, reasoning and tool
calls without mixing them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages.block_translators import register_translator

from kilo_gateway.adapters.media import split_data_url
from langchain_kilo.answers import PROVIDER
from langchain_kilo.reasoning import TEXT, find_noted_reasoning
from langchain_kilo.streaming import RUN_KEY

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.messages.content import ContentBlock

    Block = dict[str, Any]


def register() -> None:
    """Make `content_blocks` of ChatKilo's messages come from here."""
    register_translator(PROVIDER, translate_message, translate_chunk)


def translate_message(message: AIMessage) -> list[ContentBlock]:
    """Return the blocks of a whole message: reasoning, text with its citations, media, tool calls.

    Raises:
        NotImplementedError: the content is a list already; LangChain then reads it by itself.
    """
    text = _text_of(message)
    blocks: list[Block] = []
    if reasoning := find_noted_reasoning(message):
        blocks.append({"type": "reasoning", "reasoning": reasoning})
    blocks.extend(_text_blocks(text, message.response_metadata))
    blocks.extend(_media_blocks(message.response_metadata))
    blocks.extend(
        {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call.get("id")}
        for call in message.tool_calls
    )
    return cast("list[ContentBlock]", blocks)


def translate_chunk(message: AIMessageChunk) -> list[ContentBlock]:
    """Return the blocks of one chunk as it was streamed, or of chunks that were added up to a whole message."""
    text = _text_of(message)
    reasoning = message.additional_kwargs.get(TEXT)
    is_last = message.chunk_position == "last"
    extra = message.model_extra or {}
    if is_last and RUN_KEY not in extra:
        return translate_message(message)
    runs = extra.get(RUN_KEY) or {}
    blocks: list[Block] = []
    if reasoning:
        blocks.append({"type": "reasoning", "reasoning": reasoning, "index": _index("reasoning", runs)})
    written = _text_blocks(text, message.response_metadata if is_last else {})
    blocks.extend({**block, "index": _index("text", runs)} if block["type"] == "text" else block for block in written)
    blocks.extend(
        {
            "type": "tool_call_chunk",
            "id": call["id"],
            "name": call["name"],
            "args": call["args"],
            "index": f"lc_tool_{call['index']}",
        }
        for call in message.tool_call_chunks
    )
    if is_last:
        blocks.extend(_invalid_blocks(message))
        media = _media_blocks(message.response_metadata)
        blocks.extend({**block, "index": f"lc_media_{place}"} for place, block in enumerate(media))
    return cast("list[ContentBlock]", blocks)


def _index(kind: str, runs: Mapping[str, int]) -> str:
    """Return the index of a run: each one after a break is a block of its own, so that the order is kept."""
    number = runs.get(kind, 1)
    return f"lc_{kind}" if number == 1 else f"lc_{kind}_{number}"


def _text_of(message: AIMessage) -> str:
    if not isinstance(message.content, str):
        raise NotImplementedError
    return message.content


def _text_blocks(text: str, metadata: Mapping[str, Any]) -> list[Block]:
    """Return the text with its citations, and a refusal as what it is."""
    blocks: list[Block] = []
    citations = [one for item in _objects(metadata.get("annotations")) if (one := _citation(item)) is not None]
    if citations:
        blocks.append({"type": "text", "text": text, "annotations": citations})
    elif text:
        blocks.append({"type": "text", "text": text})
    if refusal := metadata.get("refusal"):
        blocks.append({"type": "non_standard", "value": {"type": "refusal", "refusal": refusal}})
    return blocks


def _citation(annotation: Mapping[str, Any]) -> Block | None:
    """Return a citation of a URL; None for the other kinds, which stay in the metadata."""
    cited = annotation.get("url_citation")
    if annotation.get("type") != "url_citation" or not isinstance(cited, Mapping):
        return None
    known: Block = {ours: text for ours, theirs in _CITED if isinstance(text := cited.get(theirs), str) and text}
    start, end = cited.get("start_index"), cited.get("end_index")
    if isinstance(start, int) and isinstance(end, int) and end > start >= 0:
        known |= {"start_index": start, "end_index": end}
    return {"type": "citation", **known}


_CITED = (("url", "url"), ("title", "title"), ("cited_text", "content"))
"""Key of LangChain's citation, key of the wire's."""


def _invalid_blocks(message: AIMessageChunk) -> list[Block]:
    """Return the calls that cannot be run, each in the place of its fragments."""
    return [{**call, "index": f"lc_tool_{call.get('index')}"} for call in message.invalid_tool_calls]


def _media_blocks(metadata: Mapping[str, Any]) -> list[Block]:
    """Return the pictures and the voice that the model made."""
    urls = (_url_of(item) for item in _objects(metadata.get("images")))
    blocks = [_picture(url) for url in urls if url]
    audio = metadata.get("audio")
    if isinstance(audio, Mapping) and isinstance(audio.get("data"), str):
        extras = {name: audio[name] for name in ("id", "transcript", "expires_at") if audio.get(name) is not None}
        blocks.append({"type": "audio", "base64": audio["data"], "mime_type": f"audio/{audio.get('format') or 'wav'}"})
        if extras:
            blocks[-1]["extras"] = extras
    return blocks


def _url_of(image: Mapping[str, Any]) -> str | None:
    inner = image.get("image_url")
    url = inner.get("url") if isinstance(inner, Mapping) else inner or image.get("url")
    return url if isinstance(url, str) else None


def _picture(url: str) -> Block:
    found = split_data_url(url)
    if found is None:
        return {"type": "image", "url": url}
    return {"type": "image", "base64": found[1], **({"mime_type": found[0]} if found[0] else {})}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
